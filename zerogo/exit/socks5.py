# -*- test-case-name: zerogo.test.exit.test_socks5 -*-
"""The server's half of SOCKS5 (RFC 1928) with user and password (RFC 1929), up to where bytes are only passed on.

    GREETING -methods-> CREDENTIALS -user, password-> CHECKING -accept-> REQUEST -request-> REPLYING -reply-> RELAYING
             -methods, none wanted-------------------> CHECKING                       any error -> CLOSED

Outputs are the bytes of `outgoing`; events say what the driver has to find out. A client that speaks on before it was
answered is listened to: what follows a CONNECT is its first payload, and is kept up to `EARLY_LIMIT` until the driver
asks. Nothing in a handshake is longer than 513 bytes, so a slow one costs its time limit and no memory.
"""

from __future__ import annotations

import enum
import struct
from collections import deque
from collections.abc import Iterator

from attrs import field, frozen

from zerogo.core import Deadline, drain
from zerogo.errors import ParseError
from zerogo.exit.frames import Command, address_text, packed_address
from zerogo.exit.reason import MEANINGS, Reason, SocksReply
from zerogo.exit.target import Target
from zerogo.ids import SocketAddress
from zerogo.secret import Secret

HANDSHAKE_SECONDS = 10.0
EARLY_LIMIT = 64 * 1024
VERSION = 5
SUBNEGOTIATION_VERSION = 1
NO_AUTHENTICATION, USER_PASSWORD, NONE_ACCEPTABLE = 0x00, 0x02, 0xFF
_COMMANDS = {1: Command.CONNECT, 2: Command.LISTEN, 3: Command.DATAGRAMS}
_IPV4, _NAME, _IPV6 = 1, 3, 4
_PORT = struct.Struct("!H")
UNSPECIFIED = SocketAddress("0.0.0.0", 0)  # noqa: S104 - RFC 1928: what stands where there is no address


class State(enum.Enum):
    """How far the handshake is."""

    GREETING = "greeting"
    CREDENTIALS = "credentials"
    CHECKING = "checking"
    REQUEST = "request"
    REPLYING = "replying"
    RELAYING = "relaying"
    CLOSED = "closed"


@frozen
class CredentialsGiven:
    """Check these, then call `accept` or `refuse`. No user: the client needs to be let in by its address."""

    user: str
    password: Secret | None


@frozen
class StreamWanted:
    """Open this, then call `reply`. For DATAGRAMS the target is where the client will send from."""

    command: Command
    target: Target


@frozen
class PayloadReceived:
    """Bytes for the target."""

    data: bytes = field(repr=False)


Socks5Event = CredentialsGiven | StreamWanted | PayloadReceived


class Socks5Server:
    """One connection. `may_skip` says whether a client that offers no password may go on without (by its address)."""

    def __init__(self, may_skip: bool, now: float) -> None:
        self.state = State.GREETING
        self._may_skip = may_skip
        self._ends_at = now + HANDSHAKE_SECONDS
        self._buffer = bytearray()
        self._outgoing: deque[bytes] = deque()
        self._events: deque[Socks5Event] = deque()
        self._is_password_given = False

    def outgoing(self) -> Iterator[bytes]:
        """Drain the bytes for the client."""
        return drain(self._outgoing)

    def events(self) -> Iterator[Socks5Event]:
        """Drain what happened."""
        return drain(self._events)

    def next_timer(self) -> Deadline | None:
        """When a handshake that is not done has to end."""
        waits = (State.GREETING, State.CREDENTIALS, State.CHECKING, State.REQUEST)
        return Deadline(self._ends_at, "handshake") if self.state in waits else None

    def handle_timer(self, now: float) -> None:
        """End a handshake that takes too long."""
        if self.next_timer() is not None and now >= self._ends_at:
            self.state = State.CLOSED

    def receive(self, data: bytes, now: float) -> None:
        """Take bytes of the client; raises `ParseError`: drain `outgoing`, then close."""
        if self.state is State.RELAYING:
            self._events.append(PayloadReceived(data))
            return
        self._buffer += data
        if len(self._buffer) > EARLY_LIMIT + 1024:
            self._fail("the client sends without waiting")
        self._advance()

    def accept(self) -> None:
        """The user is let in."""
        if self.state is State.CHECKING:
            if self._is_password_given:
                self._outgoing.append(bytes([SUBNEGOTIATION_VERSION, 0]))
            self.state = State.REQUEST
            self._advance()

    def refuse(self) -> None:
        """The user is not let in; close when `outgoing` is drained."""
        if self.state is State.CHECKING:
            if self._is_password_given:
                self._outgoing.append(bytes([SUBNEGOTIATION_VERSION, 1]))
            self.state = State.CLOSED

    def reply(self, reply: SocksReply, bound: SocketAddress = UNSPECIFIED, is_last: bool = True) -> None:
        """Answer the request; anything but success ends the connection when `outgoing` is drained."""
        if self.state is not State.REPLYING:
            return
        packed = packed_address(bound.host)
        kind = _IPV4 if len(packed) == 4 else _IPV6
        self._outgoing.append(bytes([VERSION, reply, 0, kind]) + packed + _PORT.pack(bound.port))
        if reply is not SocksReply.SUCCEEDED:
            self.state = State.CLOSED
        elif is_last:
            self.state = State.RELAYING
            self._release()

    def fail(self, reason: Reason) -> None:
        """Answer with the code of a reason."""
        self.reply(MEANINGS[reason].socks)

    def take_early(self) -> bytes:
        """What the client has sent before it was answered."""
        early = bytes(self._buffer)
        self._buffer.clear()
        return early

    def _release(self) -> None:
        early = self.take_early()
        if early:
            self._events.append(PayloadReceived(early))

    def _fail(self, sentence: str) -> None:
        self.state = State.CLOSED
        raise ParseError(sentence)

    def _advance(self) -> None:
        while self._buffer and self._take_step():
            pass

    def _take_step(self) -> bool:
        if self.state is State.REQUEST:
            return self._take_request()
        if self.state is State.GREETING:
            return self._take_greeting()
        return self.state is State.CREDENTIALS and self._take_credentials()

    def _take_greeting(self) -> bool:
        buffer = self._buffer
        if buffer and buffer[0] != VERSION:
            self._fail("the client does not speak SOCKS5")
        if len(buffer) < 2 or len(buffer) < 2 + buffer[1]:
            return False
        methods = bytes(buffer[2 : 2 + buffer[1]])
        del buffer[: 2 + len(methods)]
        if USER_PASSWORD in methods:
            self._outgoing.append(bytes([VERSION, USER_PASSWORD]))
            self.state = State.CREDENTIALS
        elif NO_AUTHENTICATION in methods and self._may_skip:
            self._outgoing.append(bytes([VERSION, NO_AUTHENTICATION]))
            self.state = State.CHECKING
            self._events.append(CredentialsGiven("", None))
        else:
            self._outgoing.append(bytes([VERSION, NONE_ACCEPTABLE]))
            self._fail("the client offers no way to prove who it is")
        return True

    def _take_credentials(self) -> bool:
        buffer = self._buffer
        if buffer and buffer[0] != SUBNEGOTIATION_VERSION:
            self._fail("credentials of an unknown version")
        if len(buffer) < 2 or len(buffer) < 3 + buffer[1]:
            return False
        middle = 2 + buffer[1]
        end = middle + 1 + buffer[middle]
        if len(buffer) < end:
            return False
        user, password = bytes(buffer[2:middle]), bytes(buffer[middle + 1 : end])
        del buffer[:end]
        self._is_password_given = True
        self.state = State.CHECKING
        self._events.append(
            CredentialsGiven(user.decode("utf-8", "replace"), Secret(password.decode("utf-8", "replace")))
        )
        return True

    def _take_request(self) -> bool:
        buffer = self._buffer
        if len(buffer) < 5:
            return False
        if buffer[0] != VERSION:
            self._fail("a request of an unknown version")
        length = {_IPV4: 4, _IPV6: 16, _NAME: 1 + buffer[4]}.get(buffer[3])
        if length is None:
            self._refuse_request(SocksReply.ADDRESS_TYPE_NOT_SUPPORTED, f"address type {buffer[3]}")
        assert length is not None
        if len(buffer) < 4 + length + 2:
            return False
        command, kind = buffer[1], buffer[3]
        place, port = bytes(buffer[4 : 4 + length]), _PORT.unpack_from(buffer, 4 + length)[0]
        del buffer[: 4 + length + 2]
        if command not in _COMMANDS:
            self._refuse_request(SocksReply.COMMAND_NOT_SUPPORTED, f"command {command}")
        try:
            target = read_target(kind, place, port)
        except ParseError as error:
            if _COMMANDS[command] is not Command.DATAGRAMS:
                self._refuse_request(SocksReply.HOST_UNREACHABLE, str(error))
            # Where datagrams will come from is a hint that clients fill with anything: PySocks with the name "0".
            target = Target(UNSPECIFIED.host, port)
        self.state = State.REPLYING
        self._events.append(StreamWanted(_COMMANDS[command], target))
        return True

    def _refuse_request(self, reply: SocksReply, sentence: str) -> None:
        self.state = State.REPLYING
        self.reply(reply)
        self._fail(sentence)


def read_target(kind: int, place: bytes, port: int) -> Target:
    """The place in a request or a datagram; a name still has its length byte. Raises `ParseError`."""
    if kind == _NAME:
        try:
            return Target.of(place[1:].decode("ascii"), port)
        except UnicodeDecodeError as error:
            raise ParseError("a name that is not ASCII") from error
    return Target.of(address_text(place), port)


def parse_udp(datagram: bytes) -> tuple[Target, bytes]:
    """Read a client's datagram (RFC 1928 section 7); raises `ParseError`, for fragments too."""
    if len(datagram) < 5 or datagram[:2] != b"\0\0":
        raise ParseError("not a datagram of SOCKS5")
    if datagram[2]:
        raise ParseError("a fragment")
    kind = datagram[3]
    length = {_IPV4: 4, _IPV6: 16, _NAME: 1 + datagram[4]}.get(kind)
    if length is None or len(datagram) < 4 + length + 2:
        raise ParseError("a datagram whose address is cut or of an unknown type")
    port = _PORT.unpack_from(datagram, 4 + length)[0]
    return read_target(kind, datagram[4 : 4 + length], port), datagram[6 + length :]


def emit_udp(source: Target, payload: bytes) -> bytes:
    """A datagram for the client, with where it came from."""
    address = source.address
    if address is None:
        raw = source.host.encode("ascii")
        place = bytes([_NAME, len(raw)]) + raw
    else:
        place = bytes([_IPV4 if address.version == 4 else _IPV6]) + address.packed
    return b"\0\0\0" + place + _PORT.pack(source.port) + payload
