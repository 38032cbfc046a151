# -*- test-case-name: zerogo.test.mesh.test_reasons -*-
"""Why a peer is not reached directly, in one sentence for people."""

from __future__ import annotations

from zerogo.mesh.signal import NatMapping, Offer

P2P_DISABLED = "p2p is disabled on this node: it is reached by relays only"
SHUT_DOWN = "the peer has shut down"
PATHS_DEAD = "the path to the peer stopped answering"
NO_SIGNAL = "the peer has not told its addresses; it may be offline, or the controller out of reach"
_SYMMETRIC = "is behind a symmetric NAT, which uses another port for each destination"
_NO_WAY = "there is no direct path"


def explain_failure(checks: str, ours: Offer, theirs: Offer) -> str:
    """The verdict of the checks, with what the NATs of both ends were seen to do, where that explains it."""
    our_nat_is_symmetric = ours.mapping is NatMapping.PER_DESTINATION
    their_nat_is_symmetric = theirs.mapping is NatMapping.PER_DESTINATION
    if our_nat_is_symmetric and their_nat_is_symmetric:
        return f"each end {_SYMMETRIC}: {_NO_WAY}"
    if our_nat_is_symmetric:
        return f"this node {_SYMMETRIC}, and the peer's NAT lets in only ports it has sent to: {_NO_WAY}"
    if their_nat_is_symmetric:
        return f"the peer {_SYMMETRIC}, and this node's NAT lets in only ports it has sent to: {_NO_WAY}"
    if not theirs.candidates:
        return NO_SIGNAL
    if not ours.candidates:
        return "this node has no address to be reached at; is its network up?"
    return checks
