# -*- test-case-name: zerogo.test.exit.test_mux -*-
"""What happened on a tunnel. `stream` is the number that the opener chose."""

from __future__ import annotations

from attrs import field, frozen

from zerogo.exit.frames import Datagram, Open, Opened
from zerogo.exit.notes import Note
from zerogo.exit.reason import Reason
from zerogo.ids import SocketAddress


@frozen
class OpenRequested:
    """At the edge: answer with `confirm` or `reset`. Data may follow at once."""

    stream: int
    request: Open


@frozen
class StreamOpened:
    """At the gateway: the edge has it."""

    stream: int
    opened: Opened


@frozen
class PeerAccepted:
    """At the gateway: somebody connected to a listening stream; from here on it carries data."""

    stream: int
    address: SocketAddress


@frozen
class DataReceived:
    """Bytes of a stream, in order. Tell `consume` when they were passed on."""

    stream: int
    data: bytes = field(repr=False)


@frozen
class FinReceived:
    """The other end sends no more data on this stream."""

    stream: int


@frozen
class DatagramReceived:
    """A datagram of an association."""

    stream: int
    datagram: Datagram


@frozen
class StreamReset:
    """The stream is over, without a verb of ours."""

    stream: int
    reason: Reason
    sentence: str


@frozen
class Writable:
    """What was queued on a full stream has gone: go on writing."""

    stream: int


@frozen
class GoingAway:
    """The other end takes no more streams on this tunnel."""

    reason: Reason


@frozen
class RttMeasured:
    """A ping was answered."""

    seconds: float


@frozen
class NoteReceived:
    """The other end tells something beside streams."""

    note: Note


@frozen
class SilenceChanged:
    """Nothing answers what was sent, so who can should go elsewhere; or something has come again."""

    is_silent: bool


@frozen
class CarrierSilent:
    """A ping was not answered: drop the carrier."""


@frozen
class TunnelLost:
    """The carrier did not come back in time. All streams are over; no further event follows."""


MuxEvent = (
    OpenRequested
    | StreamOpened
    | PeerAccepted
    | DataReceived
    | FinReceived
    | DatagramReceived
    | StreamReset
    | Writable
    | GoingAway
)
TunnelEvent = MuxEvent | RttMeasured | NoteReceived | SilenceChanged | CarrierSilent | TunnelLost
