# -*- test-case-name: zerogo.test.reach.test_survey -*-
"""What the NAT in front of this machine does, asked of STUN servers from several sockets (RFC 4787, RFC 5780).

All is asked at once, and what an answer makes possible as soon as it is there; the survey is over when every request
was answered or given up, after `SURVEY_SECONDS` at the latest.

    socket MAIN    all servers: outer address, round trip; then the first one's OTHER-ADDRESS: mapping;
                   then datagrams of growing size: path MTU towards the server
    socket FILTER  the first server, which is to answer from another port and another address: filtering
    socket SPARE   the first server: how outer ports follow each other; then MAIN's outer address: hairpin
    socket SIX     all servers by IPv6

The driver opens the sockets, sends `SurveyTransmit`s from them, with DF set, and hands in what comes to them.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Iterator, Mapping, Sequence

from attrs import define, field, frozen

from zerogo.core import Deadline, RandomBytes, drain
from zerogo.errors import ParseError
from zerogo.ice.nature import NatMapping, PortPattern, judge_ports
from zerogo.ids import SocketAddress
from zerogo.stun.attributes import MappedAddress, OtherAddress, UnknownAttribute, XorMappedAddress
from zerogo.stun.discovery import discovery_request
from zerogo.stun.message import Message, MessageClass, Method, emit, new_transaction_id, parse

SCHEDULE = (0.12, 0.25, 0.5)
"""Seconds of patience after each send."""
SURVEY_SECONDS = 2.0
SERVERS_LIMIT = 8
MTU_SIZES = (1280, 1380, 1420, 1452, 1492, 1500)
"""IP packets, bytes."""
FILL_ATTRIBUTE = 0xFF5A
"""Of no meaning, and optional to understand."""
_HEADERS = {False: 28, True: 48}
"""IP and UDP, bytes, by whether it is IPv6."""
_STUN_BYTES = 32
"""Header of a message, that of one attribute, fingerprint."""


class Socket(enum.IntEnum):
    """Which of the driver's sockets; all but SIX are IPv4."""

    MAIN = 0
    FILTER = 1
    SPARE = 2
    FURTHER = 3
    SIX = 4


class Filtering(enum.StrEnum):
    """Whom a NAT lets in at a mapping (RFC 4787 section 5)."""

    UNKNOWN = "unknown"
    OPEN = "anybody"
    BY_ADDRESS = "addresses that were sent to"
    BY_PORT = "addresses and ports that were sent to"
    NOT_OPEN = "addresses that were sent to, perhaps only their ports"
    """A server of one address can tell no more."""


@frozen
class SurveyTransmit:
    """A datagram to be sent from one of the sockets."""

    socket: Socket
    destination: SocketAddress
    payload: bytes


@frozen
class SurveyDone:
    """All that can be found is found."""


@frozen(kw_only=True)
class ServerView:
    """What one server said."""

    server: SocketAddress
    mapped: SocketAddress | None = None
    """Where it sees MAIN, or SIX; None where it did not answer."""
    rtt: float | None = None
    """Seconds."""


@frozen(kw_only=True)
class SurveyResult:
    """What is known, of IPv4 where nothing else is said."""

    servers: tuple[ServerView, ...] = ()
    mapping: NatMapping = NatMapping.UNKNOWN
    varies_by_port: bool | None = None
    """Of a mapping per destination: whether another port of the same host makes another mapping."""
    filtering: Filtering = Filtering.UNKNOWN
    ports: PortPattern = PortPattern.UNKNOWN
    step: int = 0
    hairpin: bool | None = None
    mtu: int | None = None
    """Largest IP packet, of those that were tried, that reached the server; None where none did."""


class _Question(enum.Enum):
    VIEW = enum.auto()
    OTHER_PORT = enum.auto()
    """Answer from another port."""
    OTHER_HOST = enum.auto()
    HAIRPIN = enum.auto()
    SIZE = enum.auto()


@define(eq=False)
class _Asked:
    question: _Question
    transmit: SurveyTransmit
    sent_at: float
    next_at: float
    sends: int = 1
    size: int = 0
    """Of the IP packet, where that is the question."""


@define(eq=False)
class _View:
    mapped: SocketAddress
    rtt: float


@define(eq=False)
class _Findings:
    views: dict[tuple[Socket, SocketAddress], _View] = field(factory=dict)
    """What servers said, by the socket that asked and the address that was asked."""
    yes: dict[_Question, bool] = field(factory=dict)
    """Questions of yes and no that are decided."""
    sizes: list[int] = field(factory=list)
    has_other: bool = False


class Survey:
    """The core. Verbs take monotonic seconds last."""

    def __init__(self, servers: Sequence[SocketAddress], locals_: Mapping[Socket, SocketAddress], rng: RandomBytes):
        """`locals_` are the sockets' own addresses, of those that could be opened."""
        self._servers = tuple(dict.fromkeys(servers))[:SERVERS_LIMIT]
        self._locals = dict(locals_)
        self._rng = rng
        self._asked: dict[bytes, _Asked] = {}
        self._found = _Findings()
        self._first: SocketAddress | None = None
        """The server that answered first; all further questions go to it."""
        self._ends_at: float | None = None
        self._transmits: deque[SurveyTransmit] = deque()
        self._events: deque[SurveyDone] = deque()

    def start(self, now: float) -> None:
        """Ask all servers."""
        self._ends_at = now + SURVEY_SECONDS
        for server in self._servers:
            self._ask(_Question.VIEW, Socket.SIX if server.is_ipv6 else Socket.MAIN, server, now)
        self._end_if_done()

    def receive_datagram(self, data: bytes, socket: Socket, source: SocketAddress, now: float) -> None:
        """What came to a socket. Never raises."""
        if self._ends_at is None:
            return
        try:
            message = parse(data)
        except ParseError:
            return
        asked = self._asked.get(message.transaction_id)
        if asked is None:
            return
        if asked.question is _Question.HAIRPIN:
            if message.message_class is MessageClass.REQUEST and socket is Socket.MAIN:
                self._decide(message.transaction_id, True)
        elif message.message_class is MessageClass.SUCCESS and socket is asked.transmit.socket:
            self._answered(message, asked, source, now)
        self._end_if_done()

    def handle_timer(self, now: float) -> None:
        """Ask again, give up, or end."""
        if self._ends_at is None:
            return
        if now >= self._ends_at:
            for transaction in list(self._asked):
                self._decide(transaction, False)
        for transaction, asked in list(self._asked.items()):
            if asked.next_at > now:
                continue
            if asked.sends >= len(SCHEDULE):
                self._decide(transaction, False)
                continue
            asked.next_at = now + SCHEDULE[asked.sends]
            asked.sends += 1
            self._transmits.append(asked.transmit)
        self._end_if_done()

    def next_timer(self) -> Deadline | None:
        """The earliest deadline."""
        if self._ends_at is None:
            return None
        return Deadline(min([self._ends_at, *(asked.next_at for asked in self._asked.values())]), "survey")

    def transmits(self) -> Iterator[SurveyTransmit]:
        """Drain what is to be sent."""
        return drain(self._transmits)

    def events(self) -> Iterator[SurveyDone]:
        """Drain whether it is over."""
        return drain(self._events)

    def result(self) -> SurveyResult:
        """What was found so far."""
        ports, step = self._pattern()
        mapping, varies_by_port = self._mapping()
        return SurveyResult(
            servers=tuple(self._server_view(server) for server in self._servers),
            mapping=mapping,
            varies_by_port=varies_by_port,
            filtering=self._filtering(),
            ports=ports,
            step=step,
            hairpin=self._found.yes.get(_Question.HAIRPIN),
            mtu=max(self._found.sizes, default=None),
        )

    # Questions

    def _ask(self, question: _Question, socket: Socket, to: SocketAddress, now: float, size: int = 0) -> None:
        if socket not in self._locals:
            return
        changes_port = question in (_Question.OTHER_PORT, _Question.OTHER_HOST)
        payload = discovery_request(
            self._rng, change_address=question is _Question.OTHER_HOST, change_port=changes_port
        )
        if question is _Question.SIZE:
            payload = _filled_request(self._rng, size - _HEADERS[to.is_ipv6])
        transmit = SurveyTransmit(socket, to, payload)
        self._asked[payload[8:20]] = _Asked(question, transmit, now, now + SCHEDULE[0], size=size)
        self._transmits.append(transmit)

    def _ask_further(self, server: SocketAddress, now: float) -> None:
        """The first server by IPv4 has answered."""
        self._first = server
        for socket in (Socket.FILTER, Socket.SPARE, Socket.FURTHER):
            self._ask(_Question.VIEW, socket, server, now)
        self._ask(_Question.OTHER_PORT, Socket.FILTER, server, now)
        for size in MTU_SIZES:
            self._ask(_Question.SIZE, Socket.MAIN, server, now, size)

    def _ask_other(self, other: SocketAddress, now: float) -> None:
        """The server has another address and another port."""
        assert self._first is not None
        self._found.has_other = True
        for place in (SocketAddress(other.host, self._first.port), other):
            if (Socket.MAIN, place) not in self._found.views:
                self._ask(_Question.VIEW, Socket.MAIN, place, now)
        self._ask(_Question.OTHER_HOST, Socket.FILTER, self._first, now)

    # Answers

    def _answered(self, message: Message, asked: _Asked, source: SocketAddress, now: float) -> None:
        del self._asked[message.transaction_id]
        socket, destination = asked.transmit.socket, asked.transmit.destination
        match asked.question:
            case _Question.SIZE:
                self._found.sizes.append(asked.size)
            case _Question.OTHER_PORT | _Question.OTHER_HOST:
                # One that answers from where it was asked does not understand the question.
                if source != destination:
                    self._found.yes[asked.question] = True
            case _:
                attribute = message.get(XorMappedAddress) or message.get(MappedAddress)
                if attribute is None or source != destination:
                    return
                self._found.views[socket, destination] = _View(attribute.address, now - asked.sent_at)
                self._viewed(message, socket, destination, now)

    def _viewed(self, message: Message, socket: Socket, server: SocketAddress, now: float) -> None:
        if socket is not Socket.MAIN:
            return
        if self._first is None:
            self._ask_further(server, now)
            mapped = self._found.views[socket, server].mapped
            self._ask(_Question.HAIRPIN, Socket.SPARE, mapped, now)
        other = message.get(OtherAddress)
        if server == self._first and other is not None and _is_elsewhere(other.address, server):
            self._ask_other(other.address, now)

    def _decide(self, transaction: bytes, is_yes: bool) -> None:
        asked = self._asked.pop(transaction)
        if asked.question is not _Question.SIZE and asked.question is not _Question.VIEW:
            self._found.yes[asked.question] = is_yes

    def _end_if_done(self) -> None:
        if self._ends_at is not None and not self._asked:
            self._ends_at = None
            self._events.append(SurveyDone())

    # Judgement

    def _server_view(self, server: SocketAddress) -> ServerView:
        view = self._found.views.get((Socket.SIX if server.is_ipv6 else Socket.MAIN, server))
        return (
            ServerView(server=server) if view is None else ServerView(server=server, mapped=view.mapped, rtt=view.rtt)
        )

    def _main_views(self) -> dict[SocketAddress, SocketAddress]:
        return {server: view.mapped for (socket, server), view in self._found.views.items() if socket is Socket.MAIN}

    def _mapping(self) -> tuple[NatMapping, bool | None]:
        views = self._main_views()
        if not views:
            return NatMapping.UNKNOWN, None
        seen = dict.fromkeys(views.values())
        if len(seen) > 1:
            by_host: dict[str, dict[SocketAddress, None]] = {}
            for server, mapped in views.items():
                by_host.setdefault(server.host, {})[mapped] = None
            several = [each for each in by_host if sum(server.host == each for server in views) > 1]
            varies = any(len(by_host[host]) > 1 for host in several) if several else None
            return NatMapping.PER_DESTINATION, varies
        own = self._locals.get(Socket.MAIN)
        if own is not None and next(iter(seen)) == own:
            return NatMapping.NONE, None
        # Two ports of one host show less than two hosts, but a NAT that tells hosts apart and not ports is rare.
        return (NatMapping.STABLE if len(views) > 1 else NatMapping.UNKNOWN), None

    def _filtering(self) -> Filtering:
        by_port, by_host = (self._found.yes.get(each) for each in (_Question.OTHER_PORT, _Question.OTHER_HOST))
        if by_host:
            return Filtering.OPEN
        if self._found.has_other and by_port is not None:
            return Filtering.BY_ADDRESS if by_port else Filtering.BY_PORT
        # Without an OTHER-ADDRESS a silent server may not know the question.
        return Filtering.NOT_OPEN if by_port else Filtering.UNKNOWN

    def _pattern(self) -> tuple[PortPattern, int]:
        ipv4 = [(socket, view) for (socket, _), view in self._found.views.items() if socket is not Socket.SIX]
        if len(ipv4) < 2:
            return PortPattern.UNKNOWN, 0
        if all(view.mapped.port == self._locals[socket].port for socket, view in ipv4):
            return PortPattern.PRESERVED, 0
        ports = list(dict.fromkeys(view.mapped.port for _, view in ipv4))
        return judge_ports(sorted(ports), 0)


def _filled_request(rng: RandomBytes, size: int) -> bytes:
    """A Binding request of `size` bytes."""
    fill = UnknownAttribute(FILL_ATTRIBUTE, bytes(size - _STUN_BYTES))
    return emit(Message(Method.BINDING, MessageClass.REQUEST, new_transaction_id(rng), (fill,)))


def _is_elsewhere(other: SocketAddress, server: SocketAddress) -> bool:
    """Whether an OTHER-ADDRESS is one (RFC 5780 section 7.4): of the family, another host, another port."""
    return other.is_ipv6 is server.is_ipv6 and other.host != server.host and other.port not in (0, server.port)
