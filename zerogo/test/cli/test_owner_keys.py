"""Keys of networks on their owner's machine."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from zerogo.cli import logins
from zerogo.cli.owner_keys import NoOwnerKey, OwnerKeys, keep_owner_keys, owner_keys, path_of
from zerogo.errors import ParseError

NETWORK = "nzsximbr"


class OwnerKeysTests(SynchronousTestCase):
    def setUp(self) -> None:
        directory = Path(self.mktemp()).absolute()
        self.patch(logins, "user_directory", lambda: directory)

    def test_they_are_kept_in_a_private_file(self) -> None:
        self.assertEqual(owner_keys(NETWORK), OwnerKeys())
        keys = OwnerKeys(psk=b"p" * 32, lock_seed=b"l" * 32)
        path = keep_owner_keys(NETWORK, keys)
        self.assertEqual((path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777), (0o600, 0o700))
        self.assertEqual(owner_keys(NETWORK), keys)
        self.assertNotIn("pppp", repr(keys))

    def test_a_damaged_file_is_one_sentence(self) -> None:
        path = keep_owner_keys(NETWORK, OwnerKeys())
        path.write_text('{"psk": "short"}')
        self.assertIn("is damaged", str(self.assertRaises(NoOwnerKey, owner_keys, NETWORK)))

    def test_an_id_is_no_path(self) -> None:
        self.assertRaises(ParseError, path_of, "../../etc")
