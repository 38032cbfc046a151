# -*- test-case-name: integration.test_exits -*-
"""A user's connection to the HTTP proxy: the core, the accounts, one stream for each request.

Credentials come with every request; those that were found right a moment ago on this connection are not checked again,
since that takes the time that makes guessing slow.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from zerogo.exit.choose import Demand
from zerogo.exit.frames import Command
from zerogo.exit.http_proxy import ExchangeEnded, HttpProxy, PayloadForTarget, RequestReceived, State
from zerogo.exit.reason import Reason
from zerogo.net.exit_opening import Opening, OpenStream
from zerogo.net.exit_socks import Ending
from zerogo.net.exit_splice import Splice
from zerogo.net.exit_user import Entry, UserProtocol, refusal_of
from zerogo.secret import Secret

TRUSTED_SECONDS = 60.0

_log = Logger(namespace="zerogo.exit.http")


class _Exchange(Splice):
    """A splice for one request: the user's connection outlives it."""

    def attend(self, session: HttpSession) -> None:
        """Whose it is."""
        self._session = session

    def reset(self, reason: Reason, sentence: str) -> None:
        if not self._is_over:
            self._end(reason)
            self._session.target_lost()

    def leave(self) -> None:
        """The exchange is done; the stream, too, whatever it would still bring."""
        if not self._is_over:
            self._driver.reset(self._number, Reason.CANCELLED)
            self._end(None)

    def _finish_if_empty(self) -> None:
        if self._is_fin_received and not self._held and not self._is_over and not self._is_write_closed:
            self._is_write_closed = True
            self._session.target_finished()


class HttpSession:
    """One connection."""

    def __init__(self, user: UserProtocol) -> None:
        self._user = user
        self._desk = user.desk
        self._proxy = HttpProxy(user.desk.clock.seconds())
        self._request: RequestReceived | None = None
        self._entry: Entry | None = None
        self._is_counted = False
        self._known: tuple[str, Secret | None, Entry, float] | None = None
        self._opening: Opening | None = None
        self._stream: OpenStream | None = None
        self._splice: Splice | None = None
        self._is_finished = False
        self._is_lost = False
        self._is_held = False
        self._timer: IDelayedCall | None = None

    @property
    def _now(self) -> float:
        return self._desk.clock.seconds()

    # ----- the connection

    def receive(self, data: bytes) -> None:
        """Bytes of the user."""
        if self._splice is not None and self._proxy.state is State.RAW:
            self._splice.connection_received(data)
            return
        self._proxy.receive(data, self._now)
        self._advance()

    def finished(self) -> None:
        """The user sends no more."""
        self._is_finished = True
        if self._proxy.state is State.RAW:
            if self._splice is not None:
                self._splice.connection_finished()
        else:
            self._proxy.user_finished(self._now)
            self._advance()

    def lost(self, is_clean: bool) -> None:
        """The connection is gone."""
        self._is_lost = True
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        if self._opening is not None:
            self._opening.cancel()
            self._opening = None
            self._close_entry()
        if self._splice is not None:
            self._splice.connection_lost(is_clean)

    def target_lost(self) -> None:
        """The stream of the request broke."""
        self._splice = None
        self._proxy.target_lost(self._now)
        self._advance()

    def target_finished(self) -> None:
        """The target has sent all it will."""
        self._proxy.receive_target(b"", self._now)
        self._advance()

    def _translate(self, data: bytes) -> bytes:
        self._proxy.receive_target(data, self._now)
        self._advance()
        return b""

    # ----- requests

    def _advance(self) -> None:
        for event in self._proxy.events():
            match event:
                case RequestReceived():
                    self._check(event)
                case PayloadForTarget(data):
                    if self._splice is not None:
                        self._splice.connection_received(data)
                case ExchangeEnded():
                    self._leave_exchange()
        self._flush()

    def _flush(self) -> None:
        if self._is_lost:
            return
        for data in self._proxy.outgoing():
            self._user.transport.write(data)
        self._arm()
        if self._proxy.state is State.CLOSED:
            self._leave_exchange()
            self._user.close()
        elif self._is_finished and self._proxy.state is State.HEAD:
            self._user.close()

    def _check(self, request: RequestReceived) -> None:
        self._request = request
        known = self._known
        if known is not None and known[:2] == (request.user, request.password) and self._now < known[3]:
            self._entered(known[2])
            return
        if request.user is None and not self._desk.may_skip_password(self._user.source):
            self._proxy.challenge("user name and password are needed", self._now)
            return
        entered: Deferred[Entry] = self._desk.enter(request.user or "", request.password, self._user.source)
        entered.addCallbacks(self._entered_now, self._refused)

    def _entered_now(self, entry: Entry) -> None:
        request = self._request
        assert request is not None
        self._known = (request.user or "", request.password, entry, self._now + TRUSTED_SECONDS)
        self._entered(entry)
        self._advance()

    def _entered(self, entry: Entry) -> None:
        self._entry = entry
        if self._is_lost or self._request is None:
            return
        self._proxy.allow()
        target, wish = self._request.target, entry.name.wish
        demand = Demand(command=Command.CONNECT, target=target, wish=wish, zones=entry.grant.zones)
        self._demand = demand
        self._is_counted = True
        self._opening = self._desk.open(entry, demand, self)

    def _refused(self, failure: Failure) -> None:
        refusal = refusal_of(failure)
        _log.info("{source} was not let in: {reason}", source=self._user.source, reason=str(refusal))
        if refusal.reason is Reason.DENIED:
            self._proxy.challenge(str(refusal), self._now)
        else:
            self._proxy.fail(refusal.reason, str(refusal), self._now)
        self._advance()

    # ----- the stream

    def stream_opened(self, stream: OpenStream) -> None:
        """The edge has it."""
        self._opening = None
        entry, request = self._entry, self._request
        assert entry is not None and request is not None
        self._stream = stream
        if self._is_lost:
            stream.edge.driver.reset(stream.number, Reason.CANCELLED)
            self._ended()
            return
        self._is_held = False
        meter = self._desk.record(entry, self._demand, stream, self._user.source, self)
        counted, limits = Ending(meter, self._ended), self._desk.limits(entry)
        driver, transport = stream.edge.driver, self._user.transport
        if request.is_connect:
            self._splice = Splice(driver, stream.number, transport, counted=counted, limits=limits)
        else:
            exchange = _Exchange(
                driver, stream.number, transport, counted=counted, limits=limits, translate=self._translate
            )
            exchange.attend(self)
            self._splice = exchange
        if self._is_held:
            self._splice.hold(True)
        self._proxy.target_opened(self._now)
        self._advance()
        if self._is_finished and request.is_connect and self._splice is not None:
            self._splice.connection_finished()

    def stream_failed(self, reason: Reason, sentence: str) -> None:
        """No edge could."""
        self._opening = None
        self._close_entry()
        if not self._is_lost:
            self._proxy.fail(reason, sentence, self._now)
            self._advance()

    def _leave_exchange(self) -> None:
        splice, self._splice = self._splice, None
        if isinstance(splice, _Exchange):
            splice.leave()

    def kill(self, reason: Reason) -> None:
        """End the stream, and the connection."""
        if self._splice is not None:
            self._splice.kill(reason)

    def hold(self, is_held: bool) -> None:
        """Pass nothing for a while."""
        self._is_held = is_held
        if self._splice is not None:
            self._splice.hold(is_held)

    def _ended(self) -> None:
        if self._stream is not None:
            self._stream.ended()
            self._stream = None
        self._close_entry()

    def _close_entry(self) -> None:
        if self._is_counted and self._entry is not None:
            self._is_counted = False
            self._desk.closed(self._entry)

    # ----- time

    def _arm(self) -> None:
        deadline = self._proxy.next_timer()
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        if deadline is not None:
            self._timer = self._desk.clock.callLater(max(0.001, deadline.at - self._now), self._timer_due)

    def _timer_due(self) -> None:
        self._proxy.handle_timer(self._now)
        self._advance()
