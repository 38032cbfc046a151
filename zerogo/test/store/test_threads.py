from pathlib import Path

from sqlalchemy import Connection
from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from zerogo.store import threads
from zerogo.store.database import Database
from zerogo.store.errors import StoreBusy
from zerogo.store.threads import StoreThreads


def answer(connection: Connection, value: int) -> int:
    return value


class StoreThreadsTests(TestCase):
    def setUp(self) -> None:
        directory = Path(self.mktemp())
        directory.mkdir()
        self.store = StoreThreads(Database.open_file(directory / "controller.db"), reactor)  # type: ignore[arg-type]
        self.store.start()
        self.addCleanup(self.store.stop)

    async def test_units_run_and_their_values_come_back(self) -> None:
        self.assertEqual(await self.store.read(answer, 4), 4)
        self.assertEqual(await self.store.write(answer, value=5), 5)

    async def test_what_a_unit_raises_comes_back(self) -> None:
        def fail(connection: Connection) -> None:
            raise KeyError

        await self.assertFailure(self.store.write(fail), KeyError)

    async def test_beyond_the_limit_units_are_refused_and_later_taken_again(self) -> None:
        self.patch(threads, "WAITING_LIMIT", 2)
        first, second = self.store.read(answer, 1), self.store.read(answer, 2)
        await self.assertFailure(self.store.read(answer, 3), StoreBusy)
        self.assertEqual([await first, await second], [1, 2])
        self.assertEqual(await self.store.read(answer, 4), 4)
