# -*- test-case-name: zerogo.test.net.test_websocket -*-
"""The client end of a WebSocket (RFC 6455) without I/O: bytes in, events out; binary messages only.

Own code and not Autobahn, because importing that costs an idle agent 8 MB and OpenWrt has no package of it (see
docs/decisions); the controller's end is Autobahn, and the tests here run against it.

Bounds: the response head is at most `HEAD_LIMIT` bytes, a message at most `message_limit`, whatever it is cut into.
Anything that breaks the RFC (section 5.2: reserved bits, masked or fragmented control frames, unknown opcodes) raises
`ParseError`; the connection is of no use afterwards. Masks come from `rng`: section 5.3 wants them unpredictable.

    frame   fin 1 bit, rsv 3, opcode 4 | mask 1 bit, length 7 | length 0, 2 or 8 | mask 0 or 4 | payload
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import struct
from collections import deque
from collections.abc import Iterator

from attrs import field, frozen

from zerogo.core import RandomBytes, drain
from zerogo.errors import ParseError

HEAD_LIMIT = 8192
CONTROL_FRAME_LIMIT = 125
PROTOCOL = "zerogo.1"
"""Offered as subprotocol; a server that knows none is accepted too."""
_SECONDS = re.compile(r"[0-9]{1,5}", re.ASCII)
"""RFC 9110 section 10.2.3; a date is left out."""
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
_FIN, _MASKED = 0x80, 0x80


class UpgradeRefused(ParseError):
    """The server does not speak WebSocket at this address."""

    code = "E-WEBSOCKET"


class ServerBusy(UpgradeRefused):
    """The server has no time for this connection; `seconds` are those after which it wants to see it again."""

    code = "E-WEBSOCKET-BUSY"

    def __init__(self, seconds: int) -> None:
        super().__init__(f"the server has no time, and says to come again in {seconds} s")
        self.seconds = seconds


@frozen
class Opened:
    """Messages may be sent."""


@frozen
class MessageReceived:
    """A binary message, put together."""

    payload: bytes = field(repr=False)


@frozen
class PongReceived:
    """The server answered a ping."""


@frozen
class Closed:
    """The server closed in an orderly way (section 7.4: code 1005 where it gave none)."""

    code: int
    reason: str


WebSocketEvent = Opened | MessageReceived | PongReceived | Closed


def accept_key(key: str) -> str:
    """What a server answers to `Sec-WebSocket-Key` (section 4.2.2)."""
    # RFC 6455 names SHA-1; it proves only that the server speaks WebSocket.
    return base64.b64encode(hashlib.sha1(key.encode("ascii") + _GUID, usedforsecurity=False).digest()).decode("ascii")


def _mask(payload: bytes, key: bytes) -> bytes:
    length = len(payload)
    stream = (key * (length // 4 + 1))[:length]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(stream, "big")).to_bytes(length, "big")


class WebSocketClient:
    """One connection. Give `receive` what arrives; send what `outgoing` yields; act on `events`."""

    def __init__(self, *, host: str, path: str, rng: RandomBytes, message_limit: int, is_masking: bool = True) -> None:
        """`host` is the Host header's value, with the port where it is not the scheme's own.

        Without `is_masking` the masks are zeros. They keep a script in a browser from choosing the bytes on the wire
        (RFC 6455 section 10.3), which nobody can who sends nothing but sealed frames.
        """
        self._is_masking = is_masking
        self._rng = rng
        self._message_limit = message_limit
        self._key = base64.b64encode(rng(16)).decode("ascii")
        self._buffer = bytearray()
        self._pieces: list[bytes] | None = None
        self._pieces_bytes = 0
        self._outgoing: deque[bytes] = deque([self._request(host, path)])
        self._events: deque[WebSocketEvent] = deque()
        self.is_open = False
        self._is_closing = False

    def _request(self, host: str, path: str) -> bytes:
        lines = (
            f"GET {path} HTTP/1.1",
            f"Host: {host}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {self._key}",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Protocol: {PROTOCOL}",
            "",
            "",
        )
        return "\r\n".join(lines).encode("ascii")

    def outgoing(self) -> Iterator[bytes]:
        """Drain the bytes to send."""
        return drain(self._outgoing)

    def events(self) -> Iterator[WebSocketEvent]:
        """Drain the events."""
        return drain(self._events)

    @property
    def is_between(self) -> bool:
        """Whether what comes next begins a message: no part of one, nor of a frame, was received."""
        return self.is_open and not self._buffer and self._pieces is None

    def send(self, message: bytes) -> None:
        """Queue a binary message; before `Opened` and after `close` it is dropped."""
        if self.is_open and not self._is_closing:
            self._emit(_BINARY, message)

    def ping(self) -> None:
        """Queue a ping; the server answers with a pong."""
        if self.is_open and not self._is_closing:
            self._emit(_PING, b"")

    def close(self, code: int = 1000) -> None:
        """Queue a close frame."""
        if self.is_open and not self._is_closing:
            self._emit(_CLOSE, struct.pack("!H", code))
            self._is_closing = True

    def receive(self, data: bytes) -> None:
        """Take bytes of the server; raises `ParseError`, after which the connection must be dropped."""
        self._buffer += data
        if not self.is_open and not self._take_head():
            return
        while self._take_frame():
            pass

    def _emit(self, opcode: int, payload: bytes) -> None:
        length = len(payload)
        if length <= CONTROL_FRAME_LIMIT:
            head = struct.pack("!BB", _FIN | opcode, _MASKED | length)
        elif length < 2**16:
            head = struct.pack("!BBH", _FIN | opcode, _MASKED | 126, length)
        else:
            head = struct.pack("!BBQ", _FIN | opcode, _MASKED | 127, length)
        if not self._is_masking:
            self._outgoing.append(head + b"\0\0\0\0")
            if payload:
                self._outgoing.append(payload)
            return
        key = self._rng(4)
        self._outgoing.append(head + key + _mask(payload, key))

    def _take_head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n", 0, HEAD_LIMIT)
        if end < 0:
            if len(self._buffer) >= HEAD_LIMIT:
                raise UpgradeRefused(f"the server's answer is longer than {HEAD_LIMIT} bytes")
            return False
        self._check_head(bytes(self._buffer[:end]).decode("latin-1"))
        del self._buffer[: end + 4]
        self.is_open = True
        self._events.append(Opened())
        return True

    def _check_head(self, head: str) -> None:
        status, *lines = head.split("\r\n")
        parts = status.split(" ", 2)
        if len(parts) < 2 or not parts[0].startswith("HTTP/1."):
            raise UpgradeRefused("this is not a web server")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if parts[1] == "503" and _SECONDS.fullmatch(headers.get("retry-after", "")):
            raise ServerBusy(int(headers["retry-after"]))
        if parts[1] != "101":
            raise UpgradeRefused(f"the server answered {' '.join(parts[1:])[:80]!r} where a WebSocket was asked for")
        expected = accept_key(self._key)
        if not hmac.compare_digest(headers.get("sec-websocket-accept", "").encode(), expected.encode()):
            raise UpgradeRefused("the server's answer is not that of a WebSocket")
        if headers.get("sec-websocket-protocol", PROTOCOL) != PROTOCOL or "sec-websocket-extensions" in headers:
            raise UpgradeRefused("the server chose a protocol or an extension that was not offered")

    def _take_frame(self) -> bool:
        """Consume one frame; False where it is not complete."""
        buffer = self._buffer
        if len(buffer) < 2:
            return False
        first, second = buffer[0], buffer[1]
        if first & 0x70 or second & _MASKED:
            raise ParseError("a WebSocket frame with reserved bits or a mask")
        length, start = second, 2
        if length == 126:
            length, start = int.from_bytes(buffer[2:4], "big"), 4
        elif length == 127:
            length, start = int.from_bytes(buffer[2:10], "big"), 10
        if len(buffer) < start:
            return False
        self._check_frame(first & 0x0F, bool(first & _FIN), length)
        if len(buffer) < start + length:
            return False
        payload = bytes(buffer[start : start + length])
        del buffer[: start + length]
        self._receive_frame(first & 0x0F, bool(first & _FIN), payload)
        return True

    def _check_frame(self, opcode: int, is_final: bool, length: int) -> None:
        if opcode in (_CLOSE, _PING, _PONG):
            if length > CONTROL_FRAME_LIMIT or not is_final:
                raise ParseError("a WebSocket control frame that is too long or cut")
        elif opcode == _TEXT:
            raise ParseError("a WebSocket text message where only binary ones are used")
        elif opcode not in (_BINARY, _CONTINUATION):
            raise ParseError(f"an unknown WebSocket opcode {opcode}")
        elif (opcode == _CONTINUATION) != (self._pieces is not None):
            raise ParseError("a WebSocket message begins inside another, or goes on before it began")
        elif length + self._pieces_bytes > self._message_limit:
            raise ParseError(f"a WebSocket message of more than {self._message_limit} bytes")

    def _receive_frame(self, opcode: int, is_final: bool, payload: bytes) -> None:
        if opcode == _PING:
            if not self._is_closing:
                self._emit(_PONG, payload)
        elif opcode == _PONG:
            self._events.append(PongReceived())
        elif opcode == _CLOSE:
            self._receive_close(payload)
        else:
            self._receive_piece(is_final, payload)

    def _receive_close(self, payload: bytes) -> None:
        if len(payload) == 1:
            raise ParseError("a WebSocket close frame of one byte")
        code = int.from_bytes(payload[:2], "big") if payload else 1005
        self.close(1000)
        self._events.append(Closed(code, payload[2:].decode("utf-8", "replace")))

    def _receive_piece(self, is_final: bool, payload: bytes) -> None:
        pieces = [] if self._pieces is None else self._pieces
        # Empty pieces count too, or endless ones would fill the list.
        self._pieces_bytes += len(payload) + 1
        pieces.append(payload)
        if is_final:
            self._pieces, self._pieces_bytes = None, 0
            self._events.append(MessageReceived(b"".join(pieces)))
        else:
            self._pieces = pieces
