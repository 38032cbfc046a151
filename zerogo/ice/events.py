"""What an ICE agent tells its owner."""

from __future__ import annotations

from attrs import frozen

from zerogo.ice.candidate import CandidateKind
from zerogo.ids import Endpoint, SocketAddress


@frozen
class PairValid:
    """Datagrams pass both ways between our data socket and `remote`; told again after a doubt that was lifted."""

    remote: Endpoint
    local_kind: CandidateKind
    remote_kind: CandidateKind
    rtt: float | None
    """Seconds; None while nothing is known that would be near it."""
    mapped: SocketAddress
    """The source address of our check as the peer saw it."""


@frozen
class PairSelected:
    """Of the valid pairs this is the one to use from now on."""

    remote: Endpoint
    local_kind: CandidateKind
    remote_kind: CandidateKind
    rtt: float | None


@frozen
class PairLost:
    """A pair that was valid does not answer any more; do not send there. `PairSelected` follows if another is left."""

    remote: Endpoint


@frozen
class ChecksFailed:
    """No pair works yet, a good while after the start; once per start. The agent goes on trying."""

    reason: str


IceEvent = PairValid | PairSelected | PairLost | ChecksFailed
