from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from zerogo.secret import Secret
from zerogo.store import postgresql
from zerogo.store.database import Database
from zerogo.store.errors import StoreFault


class PlaceTests(SynchronousTestCase):
    def test_a_url_that_is_none_is_not_shown(self) -> None:
        error = self.assertRaises(StoreFault, postgresql.server_url, Secret("postgresql://u:pw@h:port/d"))
        self.assertNotIn("pw", str(error))

    def test_both_spellings_lead_to_psycopg(self) -> None:
        for scheme in ("postgresql", "postgres"):
            self.assertEqual(postgresql.connection_text(Secret(f"{scheme}://u:pw@h/d")), "postgresql://u:pw@h/d")

    def test_a_server_that_is_not_there_is_one_sentence_without_the_password(self) -> None:
        place = Secret("postgresql://u:pw@localhost/d?host=/nowhere")
        error = self.assertRaises(StoreFault, Database.open, place, Path("."))
        self.assertNotIn("pw", str(error))
        self.assertNotIn("\n", str(error))
        self.assertIn("cannot be used", str(error))
