# -*- test-case-name: zerogo.test.net.test_exit_user -*-
"""A user's connection to a gateway: which protocol it speaks, who the user is, and the streams that follow.

One port takes both: SOCKS5 begins with a byte 5, HTTP with a letter. From a listed balancer a PROXY header comes first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, Protocol

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHalfCloseableProtocol, IReactorTime
from twisted.internet.protocol import Factory, connectionDone
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from zerogo.errors import ParseError
from zerogo.exit.choose import Demand
from zerogo.exit.grant import AccessRefused, Grant
from zerogo.exit.proxy_protocol import parse_proxy_header
from zerogo.exit.rate import RateLimit
from zerogo.exit.reason import Reason
from zerogo.exit.socks5 import HANDSHAKE_SECONDS
from zerogo.exit.username import UserName
from zerogo.net.exit_opening import Opening, OpeningOwner, OpenStream
from zerogo.net.exit_ports import StreamMeter
from zerogo.net.timeouts import Timeouts
from zerogo.secret import Secret

FIRST_BYTE_SECONDS = 10.0

_log = Logger(namespace="zerogo.exit.user")


@frozen
class Entry:
    """A user who is in: what they may do, what they asked for in the user name."""

    grant: Grant
    name: UserName


class UserEnd(Protocol):
    """A user's connection, as far as a stream is concerned."""

    def kill(self, reason: Reason) -> None:
        """End stream and connection."""

    def hold(self, is_held: bool) -> None:
        """Pass nothing, either way, until it is called off."""


class Desk(Protocol):
    """The gateway, as a user's connection knows it."""

    clock: IReactorTime
    reactor: Any
    advertised: str
    """The address that users are told to send datagrams to; empty: the one they connected to."""

    def is_denied(self, source: str) -> bool:
        """Whether no user is taken from that address."""

    def may_skip_password(self, source: str) -> bool: ...

    def enter(self, username: str, password: Secret | None, source: str) -> Deferred[Entry]:
        """Fails with `AccessRefused`, also where the user name asks for what there is not."""

    def open(self, entry: Entry, demand: Demand, owner: OpeningOwner) -> Opening | None:
        """Begin to open a stream; None where the user has too many, and `stream_failed` was called."""

    def record(self, entry: Entry, demand: Demand, stream: OpenStream, source: str, end: UserEnd) -> StreamMeter:
        """A stream is there: count it, and what was sent along with its OPEN."""

    def limits(self, entry: Entry) -> tuple[RateLimit, RateLimit]:
        """Up and down, of the user."""

    def closed(self, entry: Entry) -> None:
        """What `open` began is over."""


class Session(Protocol):
    """What speaks on the connection once it is known what it speaks."""

    def receive(self, data: bytes) -> None: ...

    def finished(self) -> None: ...

    def lost(self, is_clean: bool) -> None: ...


SessionMaker = Callable[["UserProtocol"], Session]


@implementer(IHalfCloseableProtocol)
class UserProtocol(TwistedProtocol):
    """One connection."""

    transport: Any

    def __init__(self, factory: UserFactory, source: str) -> None:
        self.desk = factory.desk
        self.source = source
        """The user's address."""
        self.handshakes = factory.handshakes
        """Sessions that have to make their request; those that are late are told `late`."""
        self.crowd = factory.crowd
        self._factory = factory
        self._session: Session | None = None
        self._buffer = b""
        self._is_header_due = source in factory.balancers

    def close(self) -> None:
        """Send what is there, then close."""
        if self.transport is not None:
            self.transport.loseConnection()

    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)
        self._factory.connected(self)
        if not self._is_header_due and self._is_turned_away():
            return
        self._factory.silent.add(self)

    def dataReceived(self, data: bytes) -> None:
        if self._session is not None:
            self._session.receive(data)
            return
        self._buffer += data
        if self._is_header_due and not self._take_header():
            return
        if self._buffer:
            self._begin()

    def readConnectionLost(self) -> None:
        if self._session is not None:
            self._session.finished()
        else:
            self.close()

    def writeConnectionLost(self) -> None:
        """We closed it ourselves."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._factory.silent.discard(self)
        self._factory.disconnected(self)
        if self._session is not None:
            self._session.lost(isinstance(reason.value, ConnectionDone))

    def leave(self) -> None:
        """Nothing was said."""
        _log.debug("{source} said nothing", source=self.source)
        self.transport.abortConnection()

    def _take_header(self) -> bool:
        try:
            header = parse_proxy_header(self._buffer)
        except ParseError as error:
            _log.warn("{source}: {reason}", source=self.source, reason=str(error))
            self._buffer = b""
            self.transport.abortConnection()
            return False
        if header is None:
            return False
        self._is_header_due = False
        self._buffer = self._buffer[header.length :]
        if header.source is not None:
            self.source = header.source.host
        return not self._is_turned_away()

    def _is_turned_away(self) -> bool:
        if not self.desk.is_denied(self.source) and self._factory.has_room(self):
            return False
        _log.debug("{source} is turned away", source=self.source)
        self._buffer = b""
        self.transport.abortConnection()
        return True

    def _begin(self) -> None:
        self._factory.silent.discard(self)
        make = self._factory.sessions.get(5 if self._buffer[0] == 5 else 0)
        if make is None:
            self.close()
            return
        data, self._buffer = self._buffer, b""
        self._session = make(self)
        self._session.receive(data)


class UserCrowd:
    """The connections of users at all ports together, and the sockets of their associations, which count as such. One
    address has at most `source_limit` of them, so that nobody who only connects keeps everybody else out."""

    def __init__(self, limit: int, source_limit: int) -> None:
        self.connections = 0
        self._limit = limit
        self._source_limit = source_limit
        self._sources: Counter[str] = Counter()

    @property
    def is_full(self) -> bool:
        """Whether there is no room for anybody."""
        return self.connections >= self._limit

    def enter(self, source: str) -> bool:
        """Whether one more of that address is taken; if so, it is counted."""
        if self._sources[source] >= self._source_limit:
            return False
        self._sources[source] += 1
        return True

    def leave(self, source: str) -> None:
        """One fewer of that address."""
        self._sources[source] -= 1
        if not self._sources[source]:
            del self._sources[source]

    def add_socket(self, source: str) -> bool:
        """Whether a user at that address may have a socket beside the connection; if so, it is counted."""
        if self.is_full or not self.enter(source):
            return False
        self.connections += 1
        return True

    def remove_socket(self, source: str) -> None:
        """It is closed."""
        self.connections -= 1
        self.leave(source)


class UserFactory(Factory[UserProtocol]):
    """Connections of users at one port. `sessions` are by the first byte: 5 for SOCKS5, 0 for the rest; `crowd` is that
    of all ports."""

    noisy = False

    def __init__(
        self,
        desk: Desk,
        sessions: dict[int, SessionMaker],
        balancers: frozenset[str],
        crowd: UserCrowd,
    ) -> None:
        self.desk = desk
        self.sessions = sessions
        self.balancers = balancers
        self.silent = Timeouts(desk.clock, FIRST_BYTE_SECONDS, UserProtocol.leave)
        """Connections that have said nothing."""
        self.handshakes: Timeouts[Any] = Timeouts(desk.clock, HANDSHAKE_SECONDS, lambda session: session.late())
        self.turned_away = 0
        """Connections of addresses that are denied or have too many."""
        self.crowd = crowd
        """The connections at all ports."""
        self._connections: dict[UserProtocol, str] = {}
        """With the address under which each is counted; empty: not yet."""

    @property
    def connections(self) -> int:
        """How many there are."""
        return len(self._connections)

    def buildProtocol(self, addr: Any) -> UserProtocol | None:
        return self.protocol_for(addr.host)

    def protocol_for(self, host: str) -> UserProtocol | None:
        """Who speaks on a connection from there; None where there are too many."""
        return UserProtocol(self, host) if not self.crowd.is_full else None

    def connected(self, protocol: UserProtocol) -> None:
        """One more."""
        self._connections[protocol] = ""
        self.crowd.connections += 1

    def has_room(self, protocol: UserProtocol) -> bool:
        """Whether one more of that address is taken; if so, it is counted."""
        if not self.crowd.enter(protocol.source):
            return False
        self._connections[protocol] = protocol.source
        return True

    def disconnected(self, protocol: UserProtocol) -> None:
        """One fewer."""
        if protocol not in self._connections:
            return
        source = self._connections.pop(protocol)
        self.crowd.connections -= 1
        if source:
            self.crowd.leave(source)
        else:
            self.turned_away += 1

    def close_denied(self) -> None:
        """Break off those from addresses that are denied."""
        for protocol in list(self._connections):
            if self.desk.is_denied(protocol.source):
                protocol.transport.abortConnection()

    def close_all(self) -> None:
        """Break all off."""
        self.silent.stop()
        self.handshakes.stop()
        for protocol in list(self._connections):
            protocol.transport.abortConnection()


def refusal_of(failure: Failure) -> AccessRefused:
    """Why a user was not let in; what is no refusal is a bug, and is logged."""
    if isinstance(failure.value, AccessRefused):
        return failure.value
    _log.failure("A bug in letting a user in", failure=failure)
    return AccessRefused("something went wrong", Reason.INTERNAL)
