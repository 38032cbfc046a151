# -*- test-case-name: zerogo.test.dataplane.test_peers -*-
"""The peers of a plane and the law of their sessions: *current*, *previous* and *next* (see the interface).

Only state: what to send on a change is the plane's business. Times are monotonic seconds.
"""

from __future__ import annotations

from collections import deque

from zerogo.dataplane.fragment import Reassembly
from zerogo.dataplane.limits import REJECT_AFTER_SECONDS, REKEY_AFTER_MESSAGES, REKEY_AFTER_SECONDS, STAGED_BYTES_LIMIT
from zerogo.dataplane.sealing import SealedSession
from zerogo.dataplane.vnet import NO_OFFLOAD
from zerogo.dataplane.way import Courses

REKEY_ON_RECEIVE_SECONDS = REJECT_AFTER_SECONDS - 15.0
"""An initiator that only receives renews so long before the end (WireGuard: 180 - 10 - 5)."""


class Peer:
    """One member: how to reach it, its sessions, and what is kept for it."""

    def __init__(self, peer: int) -> None:
        self.peer = peer
        self.node_id = b""
        self.mac = bytes(6)
        self.is_bridge = False
        self.head_ipv4 = self.head_ipv6 = b""
        self.courses: Courses | None = None
        """How it is reached; None while it is not."""
        self.current: SealedSession | None = None
        self.previous: SealedSession | None = None
        self.next: SealedSession | None = None
        self.staged: deque[bytearray] = deque()
        self.staged_bytes = 0
        self.reassembly = Reassembly()
        self.bytes_in = self.bytes_out = self.datagrams_in = self.datagrams_out = 0
        self.forwarded_bytes = 0
        self.received_at: float | None = None
        self.sent_since_tick = self.received_since_tick = False
        self.keepalive_at: float | None = None
        self.unanswered_since: float | None = None
        self.owes_confirmation = False
        self.rekey_quiet_until = self.roam_quiet_until = self.refused_quiet_until = 0.0
        self._run_id = 0
        self._frame_id = 0

    def set_mac(self, mac: bytes, own_mac: bytes) -> None:
        """Know the peer's address; what goes before its frames into the TAP follows from it."""
        self.mac = mac
        self.head_ipv4 = NO_OFFLOAD + own_mac + mac + b"\x08\x00"
        self.head_ipv6 = NO_OFFLOAD + own_mac + mac + b"\x86\xdd"

    def next_run_id(self) -> int:
        """1 to 255, in turn."""
        self._run_id = self._run_id % 255 + 1
        return self._run_id

    def next_frame_id(self) -> int:
        """0 to 65535, in turn."""
        self._frame_id = (self._frame_id + 1) & 0xFFFF
        return self._frame_id

    def usable_session(self, now: float) -> SealedSession | None:
        """The session to send with."""
        session = self.current
        return session if session is not None and now < session.expires_at else None

    def stage(self, frame: bytearray) -> int:
        """Keep a frame (with its virtio header) until it can be sent; the number of older ones that had to go."""
        dropped = 0
        self.staged.append(frame)
        self.staged_bytes += len(frame)
        while self.staged_bytes > STAGED_BYTES_LIMIT:
            self.staged_bytes -= len(self.staged.popleft())
            dropped += 1
        return dropped

    def take_staged(self) -> list[bytearray]:
        """All frames kept, oldest first; they are kept no more."""
        frames = list(self.staged)
        self.staged.clear()
        self.staged_bytes = 0
        return frames

    def is_rekey_due(self, now: float) -> bool:
        """Whether the session in use should be followed by a fresh one, judged once a second."""
        session = self.current
        if session is None:
            return False
        age = now - session.added_at
        if session.sent >= REKEY_AFTER_MESSAGES:
            return True
        if not session.is_initiator:
            return False
        return (self.sent_since_tick and age >= REKEY_AFTER_SECONDS) or (
            self.received_since_tick and age >= REKEY_ON_RECEIVE_SECONDS
        )


class PeerTable:
    """All peers and sessions."""

    def __init__(self) -> None:
        self.peers: dict[int, Peer] = {}
        self.by_node: dict[bytes, Peer] = {}
        self.sessions: dict[int, SealedSession] = {}

    def obtain(self, peer: int) -> Peer:
        """The peer of that number, made where it is new."""
        entry = self.peers.get(peer)
        if entry is None:
            entry = self.peers[peer] = Peer(peer)
        return entry

    def name(self, peer: Peer, node_id: bytes) -> None:
        """Have a peer found by its node id."""
        if self.by_node.get(peer.node_id) is peer:
            del self.by_node[peer.node_id]
        peer.node_id = node_id
        self.by_node[node_id] = peer

    def remove(self, peer: int) -> None:
        """Forget a peer and its sessions."""
        entry = self.peers.pop(peer, None)
        if entry is not None:
            if self.by_node.get(entry.node_id) is entry:
                del self.by_node[entry.node_id]
            for session in (entry.current, entry.previous, entry.next):
                self._forget(session)

    def add_session(self, peer: Peer, session: SealedSession) -> None:
        """Put a fresh session into its slot."""
        self._forget(self.sessions.get(session.local_index))
        self.sessions[session.local_index] = session
        if not session.is_initiator:
            self._forget(peer.next)
            peer.next = session
            return
        if peer.next is not None:
            # Handshakes crossed: the peer may be sending in the one that it began.
            self._forget(peer.current)
            peer.current, peer.next = peer.next, None
        self._make_current(peer, session)

    def confirm(self, peer: Peer, session: SealedSession) -> bool:
        """An authentic datagram came in on `session`; whether that made it the current one."""
        if peer.next is not session:
            return False
        peer.next = None
        self._make_current(peer, session)
        return True

    def _make_current(self, peer: Peer, session: SealedSession) -> None:
        self._forget(peer.previous)
        peer.previous, peer.current = peer.current, session

    def retire(self, local_index: int) -> None:
        """Erase a session."""
        self._forget(self.sessions.get(local_index))

    def expire(self, now: float) -> None:
        """Erase the sessions that are too old to send or receive."""
        for session in [session for session in self.sessions.values() if now >= session.expires_at]:
            self._forget(session)

    def _forget(self, session: SealedSession | None) -> None:
        if session is None:
            return
        if self.sessions.get(session.local_index) is session:
            del self.sessions[session.local_index]
        peer = self.peers.get(session.owner)
        if peer is None:
            return
        if peer.current is session:
            peer.current = None
        if peer.previous is session:
            peer.previous = None
        if peer.next is session:
            peer.next = None
