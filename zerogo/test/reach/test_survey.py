"""The survey against NATs and servers of all kinds, in virtual time."""

from __future__ import annotations

import random
from collections.abc import Callable

from attrs import define, field
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.ice.nature import NatMapping, PortPattern
from zerogo.ids import SocketAddress
from zerogo.reach.survey import SURVEY_SECONDS, Filtering, Socket, Survey, SurveyDone, SurveyResult, SurveyTransmit
from zerogo.stun.discovery import Places
from zerogo.stun.server import BindingResponder

HOST, OUTER = "192.168.1.2", "203.0.113.5"
LOCALS = {socket: SocketAddress(HOST, 5000 + socket) for socket in Socket if socket is not Socket.SIX}
LOCALS[Socket.SIX] = SocketAddress("2001:db8::7", 5004)
FULL = [SocketAddress(host, port) for host in ("198.51.100.1", "198.51.100.2") for port in (3478, 3479)]
DELAY = 0.01


@define(eq=False)
class Network:
    """A NAT in front of the sockets, and a server with some addresses behind it."""

    places: list[SocketAddress]
    key: Callable[[SocketAddress], object] = lambda remote: None
    """What a mapping depends on besides the inside address."""
    accepts: Callable[[dict[SocketAddress, None], SocketAddress], bool] = lambda sent, remote: remote in sent
    """Whether a mapping that was used to send to the first lets the second in."""
    port_of: Callable[[SocketAddress, int], int] = lambda inside, count: inside.port
    translates: bool = True
    has_hairpin: bool = False
    mtu: int = 1500
    is_cut: bool = False
    mappings: dict[tuple[SocketAddress, object], SocketAddress] = field(factory=dict)
    sent: dict[SocketAddress, dict[SocketAddress, None]] = field(factory=dict)
    requests: int = 0
    responder: BindingResponder = field(factory=BindingResponder)

    def __attrs_post_init__(self) -> None:

        self.responder.places = Places(dict(enumerate(self.places)))

    def outside(self, inside: SocketAddress, remote: SocketAddress) -> SocketAddress:
        if not self.translates or inside.is_ipv6:
            return inside
        key = (inside, self.key(remote))
        if key not in self.mappings:
            self.mappings[key] = SocketAddress(OUTER, self.port_of(inside, len(self.mappings)))
        return self.mappings[key]


class Run:
    """One survey."""

    def __init__(self, network: Network, servers: list[SocketAddress] | None = None) -> None:
        self.network = network
        self.now = 100.0
        self.survey = Survey(network.places if servers is None else servers, LOCALS, random.Random(3).randbytes)
        self.done_at: float | None = None
        self._due: list[tuple[float, Callable[[], object]]] = []
        self.survey.start(self.now)
        self._drain()

    def result(self) -> SurveyResult:
        for _ in range(2000):
            timer = self.survey.next_timer()
            times = [at for at, _ in self._due] + ([timer.at] if timer else [])
            if not times:
                break
            self.now = min(times)
            due, self._due = [d for d in self._due if d[0] <= self.now], [d for d in self._due if d[0] > self.now]
            for _, act in due:
                act()
            if timer is not None and timer.at <= self.now:
                self.survey.handle_timer(self.now)
            self._drain()
        return self.survey.result()

    def _drain(self) -> None:
        for transmit in self.survey.transmits():
            self._carry(transmit)
        if any(isinstance(event, SurveyDone) for event in self.survey.events()):
            self.done_at = self.now

    def _carry(self, transmit: SurveyTransmit) -> None:
        network, inside, remote = self.network, LOCALS[transmit.socket], transmit.destination
        network.requests += 1
        if network.is_cut or len(transmit.payload) + 28 > network.mtu:
            return
        outside = network.outside(inside, remote)
        network.sent.setdefault(outside, {})[remote] = None
        if remote.host == OUTER:
            if network.has_hairpin:
                self._later(transmit.payload, Socket.MAIN, outside)
            return
        if remote not in network.places:
            return
        answer = network.responder.answer(transmit.payload, outside, network.places.index(remote), self.now)
        if answer is None:
            return
        source = network.places[answer.listener]
        if not network.translates or network.accepts(network.sent[outside], source):
            self._later(answer.payload, transmit.socket, source)

    def _later(self, payload: bytes, socket: Socket, source: SocketAddress) -> None:
        at = self.now + DELAY
        self._due.append((at, lambda: self.survey.receive_datagram(payload, socket, source, at)))


def by_host(sent: dict[SocketAddress, None], remote: SocketAddress) -> bool:
    return remote.host in [each.host for each in sent]


def run(places: list[SocketAddress] | None = None, **nat: object) -> SurveyResult:
    return Run(Network(places or FULL, **nat)).result()  # type: ignore[arg-type]


class NatTests(SynchronousTestCase):
    """What is found out about NATs, with a server of RFC 5780 and with less."""

    def test_mapping_is_told_apart(self) -> None:
        count = lambda inside, count: 30000 + 777 * count  # noqa: E731
        for key, mapping, varies in (
            (lambda remote: None, NatMapping.STABLE, None),
            (lambda remote: remote.host, NatMapping.PER_DESTINATION, False),
            (lambda remote: remote, NatMapping.PER_DESTINATION, True),
        ):
            found = run(key=key, port_of=count)
            self.assertEqual((found.mapping, found.varies_by_port), (mapping, varies))

    def test_without_a_nat_there_is_none(self) -> None:
        found = run(translates=False)
        self.assertEqual((found.mapping, found.ports), (NatMapping.NONE, PortPattern.PRESERVED))

    def test_filtering_is_told_apart(self) -> None:
        for accepts, filtering in (
            (lambda sent, remote: True, Filtering.OPEN),
            (by_host, Filtering.BY_ADDRESS),
            (lambda sent, remote: remote in sent, Filtering.BY_PORT),
        ):
            self.assertIs(run(accepts=accepts).filtering, filtering)

    def test_server_of_one_address_tells_less_and_nothing_wrong(self) -> None:
        for accepts in (lambda sent, remote: True, by_host):
            self.assertIs(run(FULL[:2], accepts=accepts).filtering, Filtering.NOT_OPEN)
        self.assertIs(run(FULL[:2]).filtering, Filtering.UNKNOWN)
        self.assertIs(run(FULL[:1]).mapping, NatMapping.UNKNOWN)
        self.assertIs(run(FULL[:2]).mapping, NatMapping.STABLE)

    def test_ports_are_told_apart(self) -> None:
        generator = random.Random(5)
        for port_of, ports in (
            (lambda inside, count: inside.port, PortPattern.PRESERVED),
            (lambda inside, count: 20000 + count, PortPattern.SEQUENTIAL),
            (lambda inside, count: generator.randrange(1024, 65536), PortPattern.RANDOM),
        ):
            found = run(key=lambda remote: remote, port_of=port_of)
            self.assertIs(found.ports, ports)

    def test_hairpin_is_seen(self) -> None:
        self.assertIs(run(has_hairpin=True).hairpin, True)
        self.assertIs(run(has_hairpin=False).hairpin, False)

    def test_mtu_is_the_largest_that_got_through(self) -> None:
        for mtu, found in ((1500, 1500), (1492, 1492), (1400, 1380), (1000, None)):
            self.assertEqual(run(mtu=mtu).mtu, found)


class CourseTests(SynchronousTestCase):
    """How long it takes, and what it does not believe."""

    def test_it_is_over_when_all_is_known(self) -> None:
        done = Run(Network(FULL, accepts=lambda sent, remote: True, has_hairpin=True))
        done.result()
        assert done.done_at is not None
        self.assertLess(done.done_at - 100.0, 0.1)

    def test_it_is_over_in_time_where_nobody_answers(self) -> None:
        cut = Run(Network(FULL, is_cut=True))
        found = cut.result()
        assert cut.done_at is not None
        self.assertLess(cut.done_at - 100.0, SURVEY_SECONDS)
        self.assertIs(found.mapping, NatMapping.UNKNOWN)
        self.assertTrue(all(view.mapped is None for view in found.servers))
        self.assertEqual(cut.network.requests, 3 * len(FULL))

    def test_without_servers_it_is_over_at_once(self) -> None:
        self.assertEqual(Run(Network(FULL), []).done_at, 100.0)

    def test_ipv6_servers_are_asked_by_ipv6(self) -> None:
        six = SocketAddress("2001:db8::1", 3478)
        found = run([six, FULL[0]])
        self.assertEqual(next(view.mapped for view in found.servers), LOCALS[Socket.SIX])

    def test_requests_stay_within_what_a_relay_allows_a_source(self) -> None:
        done = Run(Network(FULL))
        done.result()
        self.assertLess(done.network.requests, 40)
        self.assertEqual(done.network.responder.counters.limited, 0)

    @settings(deadline=None, max_examples=100)
    @given(st.lists(st.tuples(st.binary(max_size=80), st.sampled_from(Socket)), max_size=10))
    def test_garbage_is_ignored(self, datagrams: list[tuple[bytes, Socket]]) -> None:
        survey = Survey(FULL, LOCALS, random.Random(3).randbytes)
        survey.start(1.0)
        ids = [transmit.payload[8:20] for transmit in survey.transmits()]
        for number, (data, socket) in enumerate(datagrams):
            survey.receive_datagram(data, socket, FULL[0], 1.1)
            head = b"\x01\x01" + len(data).to_bytes(2, "big") + b"\x21\x12\xa4\x42" + ids[number % len(ids)]
            survey.receive_datagram(head + data, socket, FULL[1], 1.1)
        self.assertIs(survey.result().mapping, NatMapping.UNKNOWN)
