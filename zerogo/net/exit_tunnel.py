# -*- test-case-name: zerogo.test.net.test_exit_tunnel -*-
"""The loop around a tunnel: verbs in, events to the streams' owners, messages to the carrier when it takes some.

Unlike other cores a tunnel is pulled: a message is made only when the carrier would send it, so that whose turn it is,
is decided as late as possible. All that happened in one turn of the reactor goes out together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from zerogo.errors import ParseError
from zerogo.exit.events import (
    CarrierSilent,
    DatagramReceived,
    DataReceived,
    FinReceived,
    GoingAway,
    NoteReceived,
    OpenRequested,
    PeerAccepted,
    RttMeasured,
    SilenceChanged,
    StreamOpened,
    StreamReset,
    TunnelEvent,
    TunnelLost,
    Writable,
)
from zerogo.exit.frames import Command, Datagram, Open, Opened
from zerogo.exit.notes import Note
from zerogo.exit.reason import Reason
from zerogo.exit.target import Target
from zerogo.exit.tunnel import GRACE_SECONDS, Tunnel
from zerogo.ids import SocketAddress
from zerogo.net.pump import guarded

_log = Logger(namespace="zerogo.exit.tunnel")


class Carrier(Protocol):
    """What a tunnel is on."""

    @property
    def is_writable(self) -> bool: ...

    def send(self, message: bytes) -> None: ...

    def drop(self, reason: str, is_over: bool = False) -> None:
        """Close; `is_over`: so that the other end knows that the tunnel is over, too, and does not wait for it."""

    def abort(self, reason: str) -> None:
        """Close at once, without a word."""


class StreamOwner(Protocol):
    """Who is told about one stream."""

    def opened(self, opened: Opened) -> None: ...

    def accepted(self, address: SocketAddress) -> None: ...

    def received(self, data: bytes) -> None: ...

    def finished(self) -> None: ...

    def datagram(self, datagram: Datagram) -> None: ...

    def writable(self) -> None: ...

    def reset(self, reason: Reason, sentence: str) -> None: ...


class TunnelOwner(Protocol):
    """Who is told about the tunnel. After `lost` nothing follows."""

    def open_requested(self, number: int, request: Open) -> None: ...

    def going_away(self, reason: Reason) -> None: ...

    def rtt_measured(self, seconds: float) -> None: ...

    def silence_changed(self, is_silent: bool) -> None: ...

    def told(self, note: Note) -> None: ...

    def lost(self, reason: str) -> None: ...


class TunnelDriver:
    """Drives one tunnel. Streams whose tunnel is lost are told `reset` with CARRIER_LOST."""

    def __init__(self, tunnel: Tunnel, clock: IReactorTime, owner: TunnelOwner) -> None:
        self.tunnel = tunnel
        self.clock = clock
        self.carrier: Carrier | None = None
        self._owner = owner
        self._streams: dict[int, StreamOwner] = {}
        self._flush_call: IDelayedCall | None = None
        self._timer: IDelayedCall | None = None
        self._timer_at = 0.0
        self._is_over = False

    # ----- the carrier

    def attach(self, carrier: Carrier, position: int) -> None:
        """There is a carrier; raises `ParseError` where the tunnel cannot go on from `position`."""
        self.tunnel.attach(position, self.clock.seconds())
        self.carrier = carrier
        self.flush_soon()

    def detach(self, carrier: object, grace_seconds: float = GRACE_SECONDS) -> None:
        """That carrier is gone; it may be another one that is in use by now."""
        if carrier is self.carrier:
            self.carrier = None
            self.tunnel.detach(self.clock.seconds(), grace_seconds)
            self._arm()

    def receive(self, message: bytes) -> None:
        """A message of the carrier."""
        if self._is_over:
            return
        try:
            self.tunnel.receive(message, self.clock.seconds())
        except ParseError as error:
            self.drain()
            _log.warn(
                "[DIAG] the other end of a tunnel broke the protocol: {reason}",
                event="tunnel-protocol",
                reason=str(error),
            )
            self.end(f"the other end broke the protocol: {error}")
            return
        self.drain()
        if self.tunnel.has_work:
            self.flush_soon()
        else:
            self._arm()

    def flush(self) -> None:
        """Give the carrier what it takes."""
        self._flush_call = None
        carrier, now = self.carrier, self.clock.seconds()
        while carrier is not None and carrier.is_writable and carrier is self.carrier:
            message = self.tunnel.next_message(now)
            if message is None:
                break
            carrier.send(message)
        self.drain()
        self._arm()

    def flush_soon(self) -> None:
        """Flush when this turn of the reactor is over."""
        if self._flush_call is None and not self._is_over:
            self._flush_call = self.clock.callLater(0, self.flush)

    def end(self, reason: str, code: Reason = Reason.CARRIER_LOST) -> None:
        """The tunnel is over, here and at once."""
        if self._is_over:
            return
        self._is_over = True
        self.tunnel.end()
        for call in (self._timer, self._flush_call):
            if call is not None and call.active():
                call.cancel()
        carrier, self.carrier = self.carrier, None
        streams, self._streams = self._streams, {}
        for stream in streams.values():
            guarded("a stream", stream.reset, code, reason)
        if carrier is not None:
            carrier.drop(reason, True)
        self._owner.lost(reason)

    # ----- streams

    def tell(self, note: Note) -> None:
        """Send a note."""
        self.tunnel.tell(note)
        self.flush_soon()

    def own(self, number: int, owner: StreamOwner) -> None:
        """From here on `owner` is told what happens on the stream."""
        self._streams[number] = owner

    def disown(self, number: int) -> None:
        """Nobody wants to know any more."""
        self._streams.pop(number, None)

    def open(self, command: Command, target: Target, owner: StreamOwner) -> int:
        """Ask for a stream; raises `LocalError` where the tunnel takes none."""
        number = self.tunnel.mux.open(command, target, self.clock.seconds())
        self._streams[number] = owner
        self.flush_soon()
        return number

    def write(self, number: int, data: bytes) -> bool:
        """As `Mux.write`."""
        may_go_on = self.tunnel.mux.write(number, data, self.clock.seconds())
        self.flush_soon()
        return may_go_on

    def call(self, verb: Callable[..., object], *arguments: object) -> None:
        """Call a verb of the mux with the time, then send what follows."""
        guarded("the multiplexer", verb, *arguments, self.clock.seconds())
        self.flush_soon()

    def reset(self, number: int, reason: Reason, sentence: str = "") -> None:
        """End a stream, and tell its owner nothing."""
        self.disown(number)
        self.call(self.tunnel.mux.reset, number, reason, sentence)

    def drain(self) -> None:
        """Tell everybody what happened."""
        if self.tunnel.has_events:
            for event in self.tunnel.events():
                guarded(type(event).__name__, self._tell, event)

    def _tell(self, event: TunnelEvent) -> None:
        match event:
            case DataReceived(number, data):
                owner = self._streams.get(number)
                if owner is not None:
                    owner.received(data)
            case FinReceived(number):
                owner = self._streams.get(number)
                if owner is not None:
                    owner.finished()
            case StreamOpened(number, opened):
                owner = self._streams.get(number)
                if owner is not None:
                    owner.opened(opened)
            case Writable(number):
                self._tell_stream(number, lambda owner: owner.writable())
            case DatagramReceived(number, datagram):
                self._tell_stream(number, lambda owner: owner.datagram(datagram))
            case PeerAccepted(number, address):
                self._tell_stream(number, lambda owner: owner.accepted(address))
            case StreamReset(number, reason, sentence):
                owner = self._streams.pop(number, None)
                if owner is not None:
                    owner.reset(reason, sentence)
            case OpenRequested(number, request):
                self._owner.open_requested(number, request)
            case GoingAway(reason):
                self._owner.going_away(reason)
            case RttMeasured(seconds):
                self._owner.rtt_measured(seconds)
            case SilenceChanged(is_silent):
                self._owner.silence_changed(is_silent)
            case NoteReceived(note):
                self._owner.told(note)
            case CarrierSilent():
                if self.carrier is not None:
                    self.carrier.abort("the other end does not answer")
            case TunnelLost():
                self.end("the tunnel did not come back in time")

    def _tell_stream(self, number: int, call: Callable[[StreamOwner], None]) -> None:
        owner = self._streams.get(number)
        if owner is not None:
            call(owner)

    # ----- time

    def _arm(self) -> None:
        """A timer that is armed too early is left alone: it finds nothing to do, and arms the next one."""
        due_at = None if self._is_over else self.tunnel.next_at()
        if due_at is None:
            return
        if self._timer is not None and self._timer.active():
            if self._timer_at <= due_at:
                return
            self._timer.cancel()
        self._timer_at = due_at
        self._timer = self.clock.callLater(max(0.001, due_at - self.clock.seconds()), self._timer_due)

    def _timer_due(self) -> None:
        self._timer = None
        self.tunnel.handle_timer(self.clock.seconds())
        self.flush()
