# -*- test-case-name: zerogo.test.dataplane.test_plane -*-
"""A plane inside its worker: the verbs, the timers, and what it reports. The loop around it is `worker`."""

from __future__ import annotations

import errno
import socket
from typing import Any

from zerogo.dataplane.carrying import Carrying
from zerogo.dataplane.context import PlaneContext
from zerogo.dataplane.departure import Departure
from zerogo.dataplane.egress import Egress
from zerogo.dataplane.ingress import Ingress
from zerogo.dataplane.limits import UPCALLS_LIMIT
from zerogo.dataplane.messages import (
    ADD_SESSION,
    DECISIONS,
    DECISIONS_PER_RECORD,
    PEER_COUNTERS,
    PEERS_PER_RECORD,
    PLANE_COUNTERS,
    REMOVE_PEER,
    RETIRE_SESSION,
    SEND_CONTROL,
    SEND_DATAGRAM,
    SET_DECISION_LOG,
    SET_FILTER,
    SET_FORWARDING,
    SET_PATH,
    SET_PEER,
    Message,
)
from zerogo.dataplane.offloads import Offloads
from zerogo.dataplane.peers import Peer
from zerogo.dataplane.place import SIDE
from zerogo.dataplane.sealing import SealedSession
from zerogo.dataplane.tally import Tally
from zerogo.dataplane.tapdevice import set_offloads
from zerogo.dataplane.tapwriter import TapWriter
from zerogo.dataplane.transmit import UDP_GRO, DatagramSender
from zerogo.dataplane.upcalls import UpcallQueue
from zerogo.dataplane.way import Courses, Plan
from zerogo.policy.decisions import DecisionTable
from zerogo.policy.filter import PeerFilter, PolicyRule
from zerogo.switch.segment import Segment
from zerogo.wire.transport import Band

UNANSWERED_SECONDS = 15.0
"""WireGuard's Keepalive-Timeout and Rekey-Timeout: after data without any answer for so long, ask for a session."""


class Plane:
    """Frames between one TAP and the data sockets. Times are monotonic seconds."""

    def __init__(self, context: PlaneContext) -> None:
        self._context = context
        self._departure = Departure(context)
        self._egress = Egress(context, self._departure)
        self.ingress = Ingress(context, self._egress.send_staged, self._egress.send_control)
        """The way in; public so that datagrams can be handed to it without a socket."""
        unwrapped = Ingress(context, self._egress.send_staged, self._egress.send_control)
        self._carrying = Carrying(context, self._departure, unwrapped.buffer, unwrapped.receive)
        self.ingress.carrying = self._carrying
        self._reported: dict[int, tuple[object, ...]] = {}
        self._reported_plane: tuple[object, ...] = ()

    @property
    def upcalls(self) -> UpcallQueue:
        """What waits to be told."""
        return self._context.upcalls

    def tap_readable(self, now: float) -> None:
        """The TAP has frames."""
        self._egress.drain(now)

    def socket_readable(self, sock: socket.socket, now: float, side: int = 0) -> None:
        """A data socket has datagrams; `side` is its number, if it is one of the side."""
        self.ingress.drain(sock, now, (SIDE, side) if side else ())

    def add_side(self, number: int, sock: socket.socket) -> None:
        """A side socket, from now on this plane's."""
        if self._context.offloads.udp_gro:
            _enable_gro([sock])
        self._context.sender.add_side(number, sock)

    def remove_side(self, number: int) -> None:
        """Close a side socket."""
        self._context.sender.remove_side(number)

    def obey(self, message: Message, now: float) -> None:
        """Carry out one verb of the agent; those about peers that are gone are ignored."""
        verb = message[0]
        if verb == SEND_DATAGRAM:
            self._departure.send(message[1], message[2], Band.CONTROL, now)
        elif verb == SET_PEER:
            self._set_peer(*message[1:])
        elif verb == REMOVE_PEER:
            self._remove_peer(message[1])
        elif verb == RETIRE_SESSION:
            self._context.table.retire(message[1])
        elif verb == SET_FORWARDING:
            self._carrying.set_rate(message[1])
        elif verb == SET_DECISION_LOG:
            self._context.gate.decisions = DecisionTable() if message[1] else None
        elif message[1] in self._context.table.peers:
            self._obey_about(self._context.table.peers[message[1]], message, now)

    def _obey_about(self, peer: Peer, message: Message, now: float) -> None:
        verb = message[0]
        if verb == ADD_SESSION:
            self._add_session(peer, message, now)
        elif verb == SET_PATH:
            self._set_path(peer, message[2], now)
        elif verb == SET_FILTER:
            self._context.gate.set_filter(peer.peer, _filter_of(message[2]))
        elif verb == SEND_CONTROL:
            self._egress.send_control(peer, message[2], message[3], now)

    def _set_peer(
        self, number: int, node_id: bytes, mac: bytes, addresses: list[str], subnets: list[str], is_bridge: bool
    ) -> None:
        peer = self._context.table.obtain(number)
        self._context.table.name(peer, node_id)
        self._carrying.forget()
        peer.set_mac(mac, self._context.own_mac)
        self._context.segment.set_member(number, mac, addresses, subnets, is_bridge)
        self._derive_routes()

    def _remove_peer(self, number: int) -> None:
        self._context.table.remove(number)
        self._context.gate.set_filter(number, None)
        self._carrying.forget()
        self._context.segment.remove_member(number)
        self._reported.pop(number, None)
        self._derive_routes()

    def _derive_routes(self) -> None:
        peers = self._context.table.peers
        self._context.routes.clear()
        self._context.routes.update(
            {addresses: peers[number] for addresses, number in self._context.segment.static_routes.items()}
        )

    def _add_session(self, peer: Peer, message: Message, now: float) -> None:
        _, number, indices, keys, suite, is_initiator = message
        self._context.table.add_session(peer, SealedSession(number, indices, keys, suite, is_initiator, now))
        peer.rekey_quiet_until = 0.0
        peer.unanswered_since = None
        if is_initiator:
            # The responder may not send before it has heard us on this session.
            peer.owes_confirmation = True
            self._egress.send_staged(peer, now)

    def _set_path(self, peer: Peer, plan: Plan | None, now: float) -> None:
        peer.courses = None if plan is None else Courses(peer.peer, plan, self._context.node_id)
        peer.roam_quiet_until = peer.refused_quiet_until = 0.0
        self._egress.send_staged(peer, now)

    def send_late(self, now: float) -> None:
        """Send the late copies whose time has come."""
        self._departure.send_late(now)

    def late_at(self) -> float:
        """When `send_late` is wanted; infinity where it is not."""
        return self._departure.late_at()

    def tick(self, now: float) -> None:
        """Once a second: keepalives, rekeying, expiry."""
        table = self._context.table
        table.expire(now)
        for peer in table.peers.values():
            if peer.keepalive_at is not None and now >= peer.keepalive_at:
                peer.keepalive_at = None
                self._egress.send_keepalive(peer, now)
            if peer.unanswered_since is not None and now - peer.unanswered_since >= UNANSWERED_SECONDS:
                peer.unanswered_since = None
                self._egress.ask_rekey(peer, now)
            if peer.is_rekey_due(now) or (peer.staged and peer.usable_session(now) is None):
                self._egress.ask_rekey(peer, now)
            peer.sent_since_tick = peer.received_since_tick = False
            peer.reassembly.expire(now)

    def report(self) -> None:
        """Tell the counters that changed since the last report."""
        context = self._context
        plane = (context.tally.snapshot(), (*context.offloads_in_use(),))
        if plane != self._reported_plane:
            self._reported_plane = plane
            context.upcalls.add((PLANE_COUNTERS, *plane))
        rows = []
        for number, peer in context.table.peers.items():
            added_at = peer.current.added_at if peer.current else None
            counts = (peer.bytes_in, peer.bytes_out, peer.datagrams_in, peer.datagrams_out, peer.forwarded_bytes)
            row = (*counts, peer.received_at, added_at)
            if self._reported.get(number) != row:
                self._reported[number] = row
                rows.append((number, *row))
        for at in range(0, len(rows), PEERS_PER_RECORD):
            context.upcalls.add((PEER_COUNTERS, rows[at : at + PEERS_PER_RECORD]))
        self._report_decisions()

    def _report_decisions(self) -> None:
        """Tell what was decided; an agent that does not read is told later."""
        upcalls, table = self._context.upcalls, self._context.gate.decisions
        if table is not None and len(upcalls.waiting) < UPCALLS_LIMIT:
            rows = [tuple(row) for row in table.take()]
            for at in range(0, len(rows), DECISIONS_PER_RECORD):
                upcalls.add((DECISIONS, rows[at : at + DECISIONS_PER_RECORD]))


def start_plane(opening: Message, tap_fd: int, sockets: list[socket.socket]) -> Plane:
    """A plane on these descriptors, with what the kernel grants of the offloads that are switched on.

    `opening` is the OPEN message: node id, mac1 key, MAC, addresses, MTU, whether a bridge, offloads as pairs of name
    and switch.
    """
    _, node_id, mac1_key, mac, addresses, mtu, is_bridge, switches = opening
    wanted = Offloads(**dict(switches))
    tally = Tally()
    _, knows_uso = set_offloads(tap_fd, tso=True, uso=True)
    tso, uso = set_offloads(tap_fd, wanted.tap_tso, wanted.tap_uso)
    gro = wanted.udp_gro and _enable_gro(sockets)
    sender = DatagramSender(sockets, tally, wanted.udp_gso)
    tap = TapWriter(tap_fd, tally, wanted.tap_gso_write, knows_uso)
    tally.fallback_tap_tso = int(wanted.tap_tso and not tso)
    tally.fallback_tap_uso = int(wanted.tap_uso and not uso)
    tally.fallback_udp_gro = int(wanted.udp_gro and not gro)
    tally.fallback_udp_gso = int(wanted.udp_gso and not sender.segments)
    tally.fallback_tap_gso_write = int(wanted.tap_gso_write and not tap.merges)
    used = Offloads(tap_tso=tso, tap_uso=uso, udp_gro=gro, checksum_elision=wanted.checksum_elision)
    segment = Segment(mac, addresses, is_bridge)
    upcalls = UpcallQueue(tally)
    return Plane(PlaneContext(tap_fd, mtu, mac, node_id, mac1_key, used, tally, segment, tap, sender, upcalls))


def _filter_of(rows: tuple[tuple[tuple[Any, ...], ...], ...] | None) -> PeerFilter | None:
    """A filter out of the fields of its rules."""
    return None if rows is None else PeerFilter(*(tuple(PolicyRule(*row) for row in rules) for rules in rows))


def _enable_gro(sockets: list[socket.socket]) -> bool:
    try:
        for sock in sockets:
            sock.setsockopt(socket.SOL_UDP, UDP_GRO, 1)
    except OSError as error:
        if error.errno in (errno.ENOPROTOOPT, errno.EINVAL, errno.EOPNOTSUPP):
            return False
        raise
    return True
