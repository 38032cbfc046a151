"""The edge connects to the address that it has checked, and to no other."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from zerogo.exit.exit_policy import ExitPolicy
from zerogo.exit.frames import Command, Open
from zerogo.exit.reason import Reason
from zerogo.exit.target import Target
from zerogo.ids import SocketAddress
from zerogo.net.exit_targets import (
    CACHE_SECONDS,
    LOOKUP_SECONDS,
    STAGGER_SECONDS,
    ConnectStream,
    EdgeCounters,
    LookupFailed,
    Lookups,
    TargetSettings,
    interleaved,
)
from zerogo.test.net.exit_link import Link, Stream

PUBLIC, OTHER, PRIVATE = "192.0.1.1", "192.0.3.1", "192.168.1.1"


class Dialled:
    """A dial that is as the test has it."""

    def __init__(self, host: str, owner: Any) -> None:
        self.host, self.owner, self.is_cancelled = host, owner, False

    def cancel(self) -> None:
        self.is_cancelled = True


class Dials:
    """In place of a `Dialler`."""

    def __init__(self) -> None:
        self.made: list[Dialled] = []

    def dial(self, host: str, port: int, owner: Any) -> Dialled:
        self.made.append(Dialled(host, owner))
        return self.made[-1]


class ConnectStreamTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.link = Link()
        self.answers: list[list[str]] = []
        self.counters = EdgeCounters()
        lookups = Lookups(self.resolve, self.link.clock)
        self.dials = Dials()
        dialler: Any = self.dials
        self.settings = TargetSettings(ExitPolicy, lookups, self.reactor, self.counters, dialler=dialler)
        self.near = Stream()

    def resolve(self, host: str, port: int) -> Deferred[list[SocketAddress]]:
        return succeed([SocketAddress.of(each, port) for each in self.answers.pop(0)])

    def begin(self, host: str, port: int = 443) -> None:
        number = self.link.gateway.open(Command.CONNECT, Target(host, port), self.near)
        self.link.settle()
        request = Open(Command.CONNECT, 1, Target(host, port))
        ConnectStream(self.link.edge, number, request, self.settings).begin()
        self.link.settle()

    def dialled(self) -> list[str]:
        return [dial.host for dial in self.dials.made]

    def test_the_address_that_was_checked_is_dialled_and_not_the_name(self) -> None:
        self.answers = [[PUBLIC], [PRIVATE]]
        self.begin("rebind.example")
        self.assertEqual((self.dialled(), len(self.answers)), ([PUBLIC], 1))

    def test_names_and_literals_that_lead_inside_are_refused(self) -> None:
        self.answers = [[PRIVATE], ["127.0.0.1", "::1", "169.254.169.254"]]
        for host in ("router.example", "many.example", "127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::a00:1"):
            self.near = Stream()
            self.begin(host)
            self.assertEqual(self.near.happened, [Reason.PROHIBITED], host)
        self.assertEqual((self.dialled(), self.counters.refused), ([], 5))

    def test_of_several_addresses_the_permitted_ones_are_dialled_one_after_the_other(self) -> None:
        self.answers = [[PRIVATE, PUBLIC, OTHER]]
        self.begin("mixed.example")
        self.assertEqual(self.dialled(), [PUBLIC])
        self.link.clock.advance(STAGGER_SECONDS)
        self.assertEqual(self.dialled(), [PUBLIC, OTHER])

    def test_ports_that_the_policy_closes_are_refused(self) -> None:
        self.begin(PUBLIC, 25)
        self.assertEqual(self.near.happened, [Reason.POLICY])

    def test_names_without_an_address_are_told(self) -> None:
        self.answers = [[]]
        self.begin("nowhere.example")
        self.assertEqual(self.near.happened, [Reason.NAME_UNKNOWN])

    def test_the_last_failure_is_the_answer(self) -> None:
        self.answers = [[PUBLIC, OTHER]]
        self.begin("two.example")
        for at, reason in enumerate((Reason.REFUSED, Reason.NETWORK_UNREACHABLE)):
            dial = self.dials.made[at]
            dial.owner.dial_failed(dial, reason)
        self.link.settle()
        self.assertEqual(self.near.happened, [Reason.NETWORK_UNREACHABLE])


class LookupsTests(SynchronousTestCase):
    def test_answers_are_remembered_for_a_minute(self) -> None:
        clock, asked = Clock(), []

        def resolve(host: str, port: int) -> Deferred[list[SocketAddress]]:
            asked.append(host)
            return succeed([SocketAddress.of(PUBLIC, port)])

        lookups = Lookups(resolve, clock)
        for _ in range(3):
            self.assertEqual(self.successResultOf(lookups.addresses(Target("a.example", 80))), [PUBLIC])
        clock.advance(CACHE_SECONDS + 1)
        self.successResultOf(lookups.addresses(Target("a.example", 80)))
        self.assertEqual(len(asked), 2)

    def test_a_resolver_that_fails_or_is_silent_is_told_apart_from_no_answer(self) -> None:
        clock = Clock()
        broken = Lookups(lambda host, port: fail(OSError()), clock).addresses(Target("a.example", 80))
        self.assertIs(self.failureResultOf(broken, LookupFailed).value.reason, Reason.NAME_FAILED)
        silent = Lookups(lambda host, port: Deferred(), clock).addresses(Target("a.example", 80))
        clock.advance(LOOKUP_SECONDS)
        self.assertIs(self.failureResultOf(silent, LookupFailed).value.reason, Reason.NAME_FAILED)

    def test_families_take_turns(self) -> None:
        self.assertEqual(interleaved(["::1", "::2", "1.1.1.1"]), ["::1", "1.1.1.1", "::2"])
