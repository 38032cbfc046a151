# -*- test-case-name: zerogo.test.mesh.test_door -*-
"""Where unauthentic datagrams come in: each goes to the one part it is for, or costs a counter.

Nothing is kept for a stranger, and no stranger is answered: STUN requests need the ufrag of a pair, initiations the
mac1 that only members can make, and then a static key of the map. Responses and cookie replies must name an initiation
that is under way.
"""

from __future__ import annotations

from zerogo.errors import ParseError
from zerogo.ice.binding import addressed_ufrag
from zerogo.ice.checklist import far_address
from zerogo.ids import Endpoint, NodeId, SocketAddress
from zerogo.mesh.context import NodeContext
from zerogo.mesh.directory import GATHERER, Directory
from zerogo.mesh.peer import Peer
from zerogo.mesh.signal import BySignal
from zerogo.mesh.status import Refusal
from zerogo.mesh.surroundings import Surroundings
from zerogo.noise.admission import Admission, CookieDemanded
from zerogo.noise.cookie import HandshakeSource
from zerogo.noise.errors import NotAuthentic, Replayed, TooManyInitiations
from zerogo.noise.exchange import ReceivedInitiation, Responder
from zerogo.routing.allowance import Allowance
from zerogo.stun.message import MessageClass, parse
from zerogo.wire.datagram import DatagramKind, classify
from zerogo.wire.handshake import parse_cookie_reply, parse_response

SIGNALLED_RATE, SIGNALLED_BURST = 50.0, 1024.0
"""Initiations by the controller, of all members, that are looked at: their answers take half of the signals that it
passes on for us at most, so there is room for our own."""


def _proof_source(source: Endpoint | BySignal) -> HandshakeSource:
    """What cookies are made for; the controller vouches for the members that it carries for."""
    return source.node_id if isinstance(source, BySignal) else far_address(source)


class Door:
    """One node's. Each part returns the peer that something happened to, or None."""

    def __init__(self, context: NodeContext, directory: Directory) -> None:
        self._context = context
        self._directory = directory
        self._admission = Admission(context.network, context.identity.static_public, context.rng)
        self._responder = Responder(context.identity, context.network, context.psk, context.rng)
        self._signalled = Allowance(SIGNALLED_RATE, SIGNALLED_BURST)

    def receive(self, data: bytes, source: Endpoint, surroundings: Surroundings, now: float) -> Peer | None:
        """Take one datagram; the peer that has to be settled. Never raises."""
        match classify(data):
            case DatagramKind.STUN:
                return self._receive_stun(data, source, surroundings, now)
            case DatagramKind.INITIATION:
                return self._receive_initiation(data, source, now)
            case DatagramKind.RESPONSE:
                return self._receive_response(data, now)
            case DatagramKind.COOKIE_REPLY:
                return self._receive_cookie_reply(data, now)
            case _:
                return self._refuse(Refusal.UNKNOWN_DATAGRAM)

    def receive_signalled(self, data: bytes, sender: NodeId, now: float) -> Peer | None:
        """Take a handshake datagram that the controller passed on; the peer that has to be settled. Never raises."""
        match classify(data):
            case DatagramKind.INITIATION:
                return self._receive_signalled_initiation(data, sender, now)
            case DatagramKind.RESPONSE:
                return self._receive_response(data, now)
            case DatagramKind.COOKIE_REPLY:
                return self._receive_cookie_reply(data, now)
            case _:
                return self._refuse(Refusal.UNKNOWN_DATAGRAM)

    def forget(self, static_public: bytes) -> None:
        """A node is no member any more."""
        self._admission.forget(static_public)

    def _receive_stun(self, data: bytes, source: Endpoint, surroundings: Surroundings, now: float) -> Peer | None:
        try:
            message = parse(data)
        except ParseError:
            return self._refuse(Refusal.MALFORMED_STUN)
        if message.message_class is MessageClass.REQUEST:
            peer = self._directory.addressed(addressed_ufrag(message))
        else:
            owner = self._directory.owner_of(message.transaction_id)
            is_answer = owner == GATHERER and surroundings.owns(message.transaction_id)
            if is_answer and isinstance(source, SocketAddress):
                surroundings.receive_message(message, data, source, now)
                return None
            peer = None if owner is None else self._directory.numbered(owner)
            if peer is not None and not peer.search.owns(message.transaction_id):
                peer = None
        if peer is None:
            return self._refuse(Refusal.FOREIGN_STUN)
        peer.search.receive_message(message, data, source, now)
        return peer

    def _receive_signalled_initiation(self, data: bytes, sender: NodeId, now: float) -> Peer | None:
        """Each may draw a signal of ours, and who sends too many of those loses the controller."""
        peer = self._directory.of_node(sender.raw)
        if peer is None:
            return self._refuse(Refusal.UNKNOWN_PEER)
        if not (peer.signalled.take(1, now) and self._signalled.take(1, now)):
            return self._refuse(Refusal.TOO_MANY_INITIATIONS)
        return self._receive_initiation(data, BySignal(sender), now)

    def _receive_initiation(self, data: bytes, source: Endpoint | BySignal, now: float) -> Peer | None:
        try:
            demanded = self._admission.admit(data, _proof_source(source), now)
            if demanded is not None:
                return self._demand(demanded, source)
            received = self._responder.consume_initiation(data)
        except ParseError:
            return self._refuse(Refusal.MALFORMED_HANDSHAKE)
        except TooManyInitiations:
            return self._refuse(Refusal.TOO_MANY_INITIATIONS)
        except NotAuthentic:
            return self._refuse(Refusal.FORGED_HANDSHAKE)
        peer = self._directory.with_key(received.remote_static)
        if peer is None or (isinstance(source, BySignal) and peer.spec.node_id != source.node_id):
            return self._refuse(Refusal.UNKNOWN_PEER)
        return self._answer(peer, received, data, source, now)

    def _answer(
        self, peer: Peer, received: ReceivedInitiation, data: bytes, source: Endpoint | BySignal, now: float
    ) -> Peer | None:
        try:
            demanded = self._admission.check_fresh(received, data, _proof_source(source), now)
        except Replayed:
            return self._refuse(Refusal.REPLAYED_INITIATION)
        if demanded is not None:
            return self._demand(demanded, source)
        peer.keying.respond(self._responder, received, source, now)
        return peer

    def _receive_response(self, data: bytes, now: float) -> Peer | None:
        try:
            local_index = parse_response(data).receiver_index
        except ParseError:
            return self._refuse(Refusal.MALFORMED_HANDSHAKE)
        peer = self._owner(local_index)
        if peer is None:
            return self._refuse(Refusal.STALE_RESPONSE)
        peer.keying.receive_response(local_index, data, now)
        return peer

    def _receive_cookie_reply(self, data: bytes, now: float) -> Peer | None:
        try:
            local_index = parse_cookie_reply(data).receiver_index
        except ParseError:
            return self._refuse(Refusal.MALFORMED_HANDSHAKE)
        peer = self._owner(local_index)
        if peer is None:
            return self._refuse(Refusal.STALE_COOKIE)
        peer.keying.receive_cookie_reply(local_index, data, now)
        return peer

    def _owner(self, local_index: int) -> Peer | None:
        number = self._context.indexes.owner(local_index)
        return None if number is None else self._directory.numbered(number)

    def _demand(self, demanded: CookieDemanded, source: Endpoint | BySignal) -> Peer | None:
        self._context.outbox.send(source, demanded.reply)
        return self._refuse(Refusal.COOKIE_DEMANDED)

    def _refuse(self, refusal: Refusal) -> Peer | None:
        """Count, and tell the caller that nothing happened to any peer."""
        self._context.outbox.refuse(refusal)
        return None
