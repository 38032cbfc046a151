import os
from collections.abc import Callable

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from zerogo.control.fellow_words import ForMember, NetworkChanged, NetworkDeleted, Word
from zerogo.controller.fellows import LOOK_SECONDS, Fellows
from zerogo.errors import ParseError
from zerogo.ids import NetworkId
from zerogo.noise.identity import Identity
from zerogo.store.errors import StoreFault
from zerogo.test.control.pair import CONTROLLER, seeded

HOME, AWAY = NetworkId(bytes(5)), NetworkId(bytes([7]) * 5)


class Air:
    """Carries to all at once, and keeps what was said."""

    def __init__(self) -> None:
        self.said: list[bytes] = []
        self.ears: list[Callable[[bytes], object]] = []

    def carry(self, receive: Callable[[bytes], object], on_gap: Callable[[], object]) -> "Air":
        self.ears.append(receive)
        self.on_gap = on_gap
        return self

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def publish(self, message: bytes) -> None:
        self.said.append(message)
        for ear in self.ears:
            ear(message)


class Revisions:
    """A store that knows one thing."""

    def __init__(self) -> None:
        self.found: dict[str, int] = {str(HOME): 1}
        self.is_gone = False

    def read(self, unit: object, /, *args: object, **kwargs: object) -> Deferred[dict[str, int]]:
        return fail(StoreFault("gone")) if self.is_gone else succeed(dict(self.found))

    write = read


class FellowsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.air, self.store, self.clock = Air(), Revisions(), Clock()
        self.heard: list[Word] = []
        self.others: list[Word] = []
        self.own = self.fellows(CONTROLLER, self.heard.append)
        self.other = self.fellows(CONTROLLER, self.others.append)
        self.own.start()

    def fellows(self, identity: Identity, hear: Callable[[Word], object]) -> Fellows:
        return Fellows(identity, self.air.carry, self.store, hear, self.clock, os.urandom)  # type: ignore[arg-type]

    def test_others_hear_what_one_says_and_it_does_not_hear_itself(self) -> None:
        self.own.tell(NetworkChanged(HOME.raw))
        self.assertEqual((self.heard, self.others), ([], [NetworkChanged(HOME.raw)]))

    def test_who_carries_can_read_nothing_and_put_nothing_in(self) -> None:
        self.own.tell(ForMember(HOME.raw, bytes(10), b"for nobody else"))
        (said,) = self.air.said
        self.assertNotIn(b"for nobody else", said)
        stranger = self.fellows(Identity.generate(seeded("stranger")), lambda word: None)
        before = len(self.others)
        stranger.tell(NetworkDeleted(HOME.raw))
        for message in (b"", b"x" * 100, said[:-1], said + b"x", bytes(len(said))):
            self.air.ears[1](message)
        self.assertEqual(len(self.others), before)

    def test_what_cannot_be_parsed_ends_nothing(self) -> None:
        def refuse(word: Word) -> None:
            raise ParseError("no")

        self.fellows(CONTROLLER, refuse)
        self.own.tell(NetworkChanged(HOME.raw))
        self.assertEqual(len(self.others), 1)

    def test_a_change_of_which_no_word_came_is_found(self) -> None:
        self.assertEqual(self.heard, [])
        self.store.found = {str(HOME): 2, str(AWAY): 1}
        self.clock.advance(LOOK_SECONDS)
        self.assertEqual(self.heard, [NetworkChanged(HOME.raw), NetworkChanged(AWAY.raw)])
        self.store.found = {str(AWAY): 1}
        self.clock.advance(LOOK_SECONDS)
        self.assertEqual(self.heard[2:], [NetworkDeleted(HOME.raw)])
        self.clock.advance(LOOK_SECONDS)
        self.assertEqual(len(self.heard), 3)

    def test_after_a_gap_it_looks_at_once(self) -> None:
        self.store.found = {str(HOME): 9}
        self.own._look()
        self.assertEqual(self.heard, [NetworkChanged(HOME.raw)])

    def test_a_database_that_is_away_is_looked_at_again_later(self) -> None:
        self.store.is_gone = True
        self.store.found = {str(HOME): 5}
        self.clock.advance(LOOK_SECONDS)
        self.assertEqual(self.heard, [])
        self.store.is_gone = False
        self.clock.advance(LOOK_SECONDS)
        self.assertEqual(self.heard, [NetworkChanged(HOME.raw)])

    def test_after_the_end_nothing_is_looked_at(self) -> None:
        self.successResultOf(self.own.stop())
        self.store.found = {str(HOME): 5}
        self.clock.advance(10 * LOOK_SECONDS)
        self.assertEqual(self.heard, [])
