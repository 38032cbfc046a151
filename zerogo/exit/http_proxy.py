# -*- test-case-name: zerogo.test.exit.test_http_proxy -*-
"""An HTTP proxy's connection with its user: CONNECT and absolute-form, keep-alive to any number of hosts, Basic auth.

    HEAD -request-> CHECKING -allow-> OPENING -target_opened-> EXCHANGING -both done-> HEAD ...      (absolute-form)
                        |                |                  -> RAW: bytes in both directions        (CONNECT)
                    challenge          fail -> a response, then HEAD or CLOSED

The head is held against `http_head` first; h11 reads what passed, and writes it anew for the target: framing is never
passed on as it came. Each absolute-form request goes to the target on a stream of its own, with `Connection: close`,
while the user's connection stays. Requests that come before the one before them is done, wait. No Via is added.
"""

from __future__ import annotations

import base64
import binascii
import enum
from collections import deque
from collections.abc import Iterator
from urllib.parse import urlsplit

import h11
from attrs import field, frozen

from zerogo.core import Deadline, drain
from zerogo.errors import ParseError
from zerogo.exit.http_head import check_request_head, find_head, without_hops
from zerogo.exit.reason import MEANINGS, Reason
from zerogo.exit.target import Target
from zerogo.secret import Secret

HEAD_SECONDS = 10.0
KEEP_ALIVE_SECONDS = 60.0
BUFFER_LIMIT = 256 * 1024
"""Bytes of a user who does not wait for answers."""
SERVER = b"zerogo"
_REALM = b'Basic realm="zerogo", charset="UTF-8"'


class State(enum.Enum):
    """How far a request is."""

    HEAD = "head"
    CHECKING = "checking"
    OPENING = "opening"
    EXCHANGING = "exchanging"
    RAW = "raw"
    CLOSED = "closed"


@frozen
class RequestReceived:
    """Check who it is, then call `allow`, `challenge` or `fail`."""

    target: Target
    is_connect: bool
    user: str | None
    password: Secret | None


@frozen
class PayloadForTarget:
    """Bytes for the stream."""

    data: bytes = field(repr=False)


@frozen
class ExchangeEnded:
    """The stream is not needed any more."""


HttpProxyEvent = RequestReceived | PayloadForTarget | ExchangeEnded


class HttpProxy:
    """One connection of a user."""

    def __init__(self, now: float) -> None:
        self.state = State.HEAD
        self._is_first = True
        self._ends_at = now + HEAD_SECONDS
        self._buffer = bytearray()
        self._outgoing: deque[bytes] = deque()
        self._events: deque[HttpProxyEvent] = deque()
        self._user = h11.Connection(h11.SERVER)
        self._target: h11.Connection | None = None
        self._request: h11.Request | None = None
        self._place: Target | None = None

    def outgoing(self) -> Iterator[bytes]:
        """Drain the bytes for the user."""
        return drain(self._outgoing)

    def events(self) -> Iterator[HttpProxyEvent]:
        """Drain what happened."""
        return drain(self._events)

    def next_timer(self) -> Deadline | None:
        """When a head has to be there."""
        return Deadline(self._ends_at, "head") if self.state is State.HEAD else None

    def handle_timer(self, now: float) -> None:
        """Close a connection whose head takes too long."""
        if self.state is State.HEAD and now >= self._ends_at:
            if self._buffer:
                self._respond(408, "Request Timeout", "the request did not arrive in time", is_last=True)
            self.state = State.CLOSED

    # ----- the user's side

    def receive(self, data: bytes, now: float) -> None:
        """Take bytes of the user. What is malformed is answered with 400, and the connection is over."""
        if not data:
            return
        if self.state is State.RAW:
            self._events.append(PayloadForTarget(data))
        elif self.state is State.EXCHANGING:
            self._user.receive_data(data)
            self._pass_request(now)
        elif self.state is not State.CLOSED:
            if self.state is State.HEAD and not self._buffer:
                self._ends_at = now + HEAD_SECONDS
            self._buffer += data
            if self.state is State.HEAD:
                self._take_head()
            elif len(self._buffer) > BUFFER_LIMIT:
                self._malformed("the client sends without waiting")

    def user_finished(self, now: float) -> None:
        """The user sends no more."""
        if self.state is State.HEAD:
            self.state = State.CLOSED

    def _take_head(self) -> None:
        try:
            end = find_head(self._buffer)
            if not end:
                return
            head = bytes(self._buffer[:end])
            del self._buffer[:end]
            check_request_head(head)
            self._user = h11.Connection(h11.SERVER)
            self._user.receive_data(head)
            request = self._user.next_event()
            if not isinstance(request, h11.Request):
                raise ParseError("the request is not complete")
            self._begin(request)
        except (ParseError, h11.ProtocolError) as error:
            self._malformed(str(error))

    def _begin(self, request: h11.Request) -> None:
        self._request = request
        self._place = _target_of(request)
        user, password = _credentials(request)
        self.state = State.CHECKING
        self._events.append(RequestReceived(self._place, request.method == b"CONNECT", user, password))

    def allow(self) -> None:
        """The user may; a stream is being opened."""
        if self.state is State.CHECKING:
            self.state = State.OPENING

    def challenge(self, sentence: str, now: float) -> None:
        """Ask for (other) credentials; the connection stays where the request had no body."""
        if self.state in (State.CHECKING, State.OPENING):
            extra = [(b"Proxy-Authenticate", _REALM)]
            self._respond(407, "Proxy Authentication Required", sentence, extra, is_last=not self._is_bodiless)
            self._next(now)

    def fail(self, reason: Reason, sentence: str, now: float) -> None:
        """The request cannot be done."""
        if self.state not in (State.CHECKING, State.OPENING):
            return
        meaning = MEANINGS[reason]
        text = "".join(each for each in sentence or meaning.sentence if each.isprintable() and each not in '"\\')
        details = text.encode("ascii", "replace").decode("ascii")
        status = f'zerogo; error={meaning.token}; details="{details}"'.encode("ascii")
        extra = [(b"Proxy-Status", status)]
        self._respond(meaning.status, meaning.phrase, text, extra, is_last=not self._is_bodiless)
        self._next(now)

    # ----- the target's side

    def target_opened(self, now: float) -> None:
        """The stream is there."""
        if self.state is not State.OPENING or self._request is None:
            return
        if self._request.method == b"CONNECT":
            self._outgoing.append(b"HTTP/1.1 200 Connection established\r\n\r\n")
            self.state = State.RAW
            early = bytes(self._buffer)
            self._buffer.clear()
            if early:
                self._events.append(PayloadForTarget(early))
            return
        self.state = State.EXCHANGING
        self._target = h11.Connection(h11.CLIENT)
        self._to_target(_rewritten(self._request, self._place))
        if self._buffer:
            self._user.receive_data(bytes(self._buffer))
            self._buffer.clear()
        self._pass_request(now)

    def receive_target(self, data: bytes, now: float) -> None:
        """Take bytes of the target; empty bytes: it sends no more."""
        if self.state is State.RAW:
            self._outgoing.append(data)
        elif self.state is State.EXCHANGING and self._target is not None:
            try:
                self._target.receive_data(data)
                self._pass_response(now)
            except h11.ProtocolError:
                self._target_broke(now)

    def target_lost(self, now: float) -> None:
        """The stream ended in disorder."""
        if self.state is State.EXCHANGING:
            self._target_broke(now)
        elif self.state is State.RAW:
            self.state = State.CLOSED

    def _pass_request(self, now: float) -> None:
        try:
            while self._user.their_state is h11.SEND_BODY:
                event = self._user.next_event()
                if event is h11.NEED_DATA:
                    return
                if isinstance(event, h11.Data):
                    self._to_target(h11.Data(data=bytes(event.data)))
                elif isinstance(event, h11.EndOfMessage):
                    self._to_target(h11.EndOfMessage())
                else:
                    self.state = State.CLOSED
                    return
        except h11.ProtocolError as error:
            self._malformed(str(error))
            return
        self._next_if_done(now)

    def _to_target(self, event: h11.Event) -> None:
        assert self._target is not None
        if self._target.our_state in (h11.MUST_CLOSE, h11.CLOSED, h11.ERROR):
            return
        data = self._target.send(event)
        if data:
            self._events.append(PayloadForTarget(data))

    def _pass_response(self, now: float) -> None:
        assert self._target is not None
        while True:
            event = self._target.next_event()
            if event is h11.NEED_DATA or event is h11.PAUSED:
                return
            if isinstance(event, h11.InformationalResponse):
                if event.status_code != 101:
                    self._to_user(event)
            elif isinstance(event, h11.Response):
                headers = without_hops(event.headers.raw_items())
                self._to_user(h11.Response(status_code=event.status_code, headers=headers, reason=event.reason))
            elif isinstance(event, h11.Data):
                self._to_user(h11.Data(data=bytes(event.data)))
            elif isinstance(event, h11.EndOfMessage):
                self._to_user(h11.EndOfMessage())
                self._next_if_done(now)
                return
            else:
                self._target_broke(now)
                return

    def _to_user(self, event: h11.Event) -> None:
        if self._user.our_state in (h11.SEND_RESPONSE, h11.SEND_BODY, h11.IDLE):
            data = self._user.send(event)
            if data:
                self._outgoing.append(data)

    def _target_broke(self, now: float) -> None:
        """Before the response a 502; within it there is nothing left but to close."""
        if self._user.our_state in (h11.SEND_RESPONSE, h11.IDLE):
            meaning = MEANINGS[Reason.BROKEN]
            self._respond(meaning.status, meaning.phrase, meaning.sentence, is_last=True)
        self._events.append(ExchangeEnded())
        self.state = State.CLOSED

    # ----- responses of our own, and the next request

    @property
    def _is_bodiless(self) -> bool:
        """Whether nothing of the request is left to be read."""
        if self._user.their_state is h11.SEND_BODY:
            try:
                self._user.next_event()
            except h11.ProtocolError:
                return False
        return self._user.their_state not in (h11.SEND_BODY, h11.ERROR)

    def _respond(
        self,
        status: int,
        phrase: str,
        sentence: str,
        extra: list[tuple[bytes, bytes]] | None = None,
        *,
        is_last: bool,
    ) -> None:
        body = b"" if self._request is not None and self._request.method == b"HEAD" else f"{sentence}\n".encode()
        headers = [(b"Server", SERVER), (b"Content-Type", b"text/plain; charset=utf-8"), *(extra or [])]
        headers.append((b"Content-Length", str(len(f"{sentence}\n".encode())).encode()))
        if is_last:
            headers.append((b"Connection", b"close"))
        try:
            self._to_user(h11.Response(status_code=status, headers=headers, reason=phrase.encode()))
            if body:
                self._to_user(h11.Data(data=body))
            self._to_user(h11.EndOfMessage())
        except h11.LocalProtocolError:
            is_last = True
        if is_last:
            self.state = State.CLOSED

    def _malformed(self, sentence: str) -> None:
        if self._user.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.state = State.CLOSED
            return
        # h11 refuses to answer what it could not read; the answer is the same for all.
        body = f"{sentence}\n".encode("utf-8", "replace")
        head = f"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
        self._outgoing.append(head.encode("ascii") + body)
        if self.state is State.EXCHANGING:
            self._events.append(ExchangeEnded())
        self.state = State.CLOSED

    def _next_if_done(self, now: float) -> None:
        if self._user.our_state is h11.DONE and self._user.their_state is h11.DONE:
            self._events.append(ExchangeEnded())
            self._next(now)
        elif self._user.our_state in (h11.MUST_CLOSE, h11.CLOSED, h11.ERROR):
            self._events.append(ExchangeEnded())
            self.state = State.CLOSED
        elif self._user.our_state is h11.DONE:
            # Answered before the request was there in full, which is no use to anybody: its rest would have to be read.
            self._events.append(ExchangeEnded())
            self.state = State.CLOSED

    def _next(self, now: float) -> None:
        """Go on with what the user has sent in the meantime."""
        if self.state is State.CLOSED:
            return
        if self._user.our_state is not h11.DONE:
            self.state = State.CLOSED
            return
        waiting = bytes(self._user.trailing_data[0]) + bytes(self._buffer)
        self._buffer = bytearray(waiting)
        self._user = h11.Connection(h11.SERVER)
        self._target = self._request = self._place = None
        self.state = State.HEAD
        self._ends_at = now + KEEP_ALIVE_SECONDS
        if self._buffer:
            self._take_head()


def _target_of(request: h11.Request) -> Target:
    text = request.target.decode("ascii")
    if request.method == b"CONNECT":
        return Target.parse(text)
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ParseError("the URL of the request is not well-formed") from error
    if parts.scheme != "http" or not host or parts.username is not None:
        raise ParseError("this is a proxy: it takes CONNECT, and requests for http:// URLs")
    return Target.of(host, 80 if port is None else port)


def _credentials(request: h11.Request) -> tuple[str | None, Secret | None]:
    """User and password of Basic (RFC 7617); None where there are none that can be read."""
    for name, value in request.headers:
        if name == b"proxy-authorization":
            scheme, _, encoded = value.partition(b" ")
            if scheme.lower() != b"basic":
                return None, None
            try:
                user, colon, password = base64.b64decode(encoded.strip(), validate=True).decode("utf-8").partition(":")
            except (binascii.Error, UnicodeDecodeError):
                return None, None
            return (user, Secret(password)) if colon else (None, None)
    return None, None


def _rewritten(request: h11.Request, place: Target | None) -> h11.Request:
    """The request in origin-form, for the target alone."""
    assert place is not None
    text = request.target.decode("ascii")
    rest = text[text.index("//") + 2 :]
    cut = min((at for at in (rest.find("/"), rest.find("?"), rest.find("#")) if at >= 0), default=len(rest))
    path = rest[cut:].partition("#")[0] or "/"
    if not path.startswith("/"):
        path = "/" + path
    host = f"[{place.host}]" if ":" in place.host else place.host
    authority = host if place.port == 80 else f"{host}:{place.port}"
    headers = without_hops(request.headers.raw_items(), also=(b"host",))
    return h11.Request(
        method=request.method,
        target=path.encode("ascii"),
        headers=[(b"Host", authority.encode("ascii")), *headers, (b"Connection", b"close")],
    )
