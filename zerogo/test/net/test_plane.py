"""Tests for zerogo.net.plane."""

from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from zerogo.net.plane import BATCH, BATCHES_LIMIT, UpcallReader


class QueuePlane:
    """A plane that has some upcalls waiting."""

    def __init__(self, count: int) -> None:
        self.waiting = list(range(count))

    def wakeup_fd(self) -> int:
        return 77

    def poll_upcalls(self, limit: int = BATCH) -> list[int]:
        taken, self.waiting = self.waiting[:limit], self.waiting[limit:]
        return taken


class UpcallReaderTests(SynchronousTestCase):
    def reader(self, count: int) -> UpcallReader[int]:
        self.plane = QueuePlane(count)
        self.reactor = MemoryReactorClock()
        self.seen: list[int] = []
        reader = UpcallReader(self.plane, self.reactor, self.seen.append)
        reader.start()
        return reader

    def test_the_descriptor_of_the_plane_is_what_the_reactor_watches(self) -> None:
        reader = self.reader(0)
        self.assertEqual(reader.fileno(), 77)
        self.assertEqual(self.reactor.getReaders(), [reader])
        reader.stop()
        self.assertEqual(self.reactor.getReaders(), [])

    def test_upcalls_come_in_order(self) -> None:
        self.reader(600).doRead()
        self.assertEqual(self.seen, list(range(600)))

    def test_a_flood_does_not_hold_the_reactor(self) -> None:
        reader = self.reader(5000)
        reader.doRead()
        self.assertEqual(len(self.seen), BATCH * BATCHES_LIMIT)
        reader.doRead()
        self.assertEqual(len(self.seen), 2 * BATCH * BATCHES_LIMIT)

    def test_nothing_is_given_after_stop(self) -> None:
        reader = self.reader(10)
        reader._on_upcall = lambda upcall: (self.seen.append(upcall), reader.stop())
        reader.doRead()
        self.assertEqual(self.seen, [0])

    def test_a_bug_in_the_role_is_logged_and_the_next_upcall_is_read(self) -> None:
        reader = self.reader(2)

        def broken(upcall: int) -> None:
            self.seen.append(upcall)
            raise RuntimeError("a bug")

        reader._on_upcall = broken
        reader.doRead()
        self.assertEqual(self.seen, [0, 1])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 2)
