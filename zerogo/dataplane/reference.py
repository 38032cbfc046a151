# -*- test-case-name: zerogo.test.dataplane.test_reference -*-
"""The reference plane as the agent holds it: verbs go to a worker process, upcalls come back, over one socket pair.

The worker (`zerogo.dataplane.worker`) has the descriptors and an event loop of its own, so a busy reactor costs the
tunnels nothing. Each upcall is one record, so `wakeup_fd`, our end of the pair, is readable exactly while there is
something to poll. Records that the worker has no room for yet wait here; it reports at least once a second while
anything happens, and each poll sends on.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections import deque

from attrs import asdict, astuple, evolve

from zerogo.dataplane import messages
from zerogo.dataplane.errors import PlaneNotStarted
from zerogo.dataplane.interface import (
    ControlReceived,
    Counter,
    DatagramReceived,
    Offloads,
    PathPlan,
    PathRefused,
    PeerCounters,
    PeerEntry,
    PeerRoamed,
    PlaneCounters,
    PlaneFault,
    PlaneSettings,
    RekeyDue,
    SessionConfirmed,
    Upcall,
)
from zerogo.dataplane.messages import Message
from zerogo.dataplane.places import endpoint_of, place_of, ways_of
from zerogo.ids import Endpoint
from zerogo.noise.keys import SessionKeys
from zerogo.policy.decisions import Decided, DecisionTable
from zerogo.policy.filter import PeerFilter

_CONTROL_BUFFER_BYTES = 4 * 1024 * 1024
_CLOSE_WAIT_SECONDS = 2.0


def _close(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


class ReferenceDataplane:
    """`IDataplane` in a process of its own, written in Python.

    :param report_seconds: how often the process tells its counters.
    """

    name = "reference"

    def __init__(self, report_seconds: float = 1.0) -> None:
        self._report_seconds = report_seconds
        self._control: socket.socket | None = None
        self._worker: subprocess.Popen[bytes] | None = None
        self._outgoing: deque[tuple[bytes, list[int]]] = deque()
        """Records with the descriptors that go along; those are ours to close once they have gone."""
        self._plane: dict[Counter, int] = dict.fromkeys(Counter, 0)
        self._offloads = Offloads()
        self._rows: dict[int, tuple[PeerCounters, float | None, float | None]] = {}
        self._decisions: DecisionTable | None = None
        self._is_faulted = False

    @property
    def worker_pid(self) -> int | None:
        """The process id of the worker, for diagnosis."""
        return self._worker.pid if self._worker else None

    def open(self, settings: PlaneSettings) -> None:
        """Spawn the worker and hand it the descriptors; raises `PlaneNotStarted`."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for end in (ours, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _CONTROL_BUFFER_BYTES)
        descriptors = (theirs.fileno(), settings.tap_fd, *settings.udp_fds)
        arguments = (self._report_seconds, *descriptors)
        command = [sys.executable, "-P", "-m", "zerogo.dataplane.worker", *map(str, arguments)]
        try:
            self._worker = subprocess.Popen(command, pass_fds=descriptors, stdin=subprocess.DEVNULL)
        except OSError as error:
            ours.close()
            raise PlaneNotStarted(f"the data plane's process cannot be started: {error}") from error
        finally:
            theirs.close()
            for descriptor in descriptors[1:]:
                os.close(descriptor)
        ours.setblocking(False)
        self._control = ours
        switches = tuple(asdict(settings.offloads).items())
        addresses = list(settings.addresses)
        identity = (settings.node_id.raw, settings.mac1_key, settings.mac.raw)
        self._say((messages.OPEN, *identity, addresses, settings.mtu, settings.is_bridge, switches))

    def wakeup_fd(self) -> int:
        """Readable while upcalls wait; -1 once closed."""
        return self._control.fileno() if self._control else -1

    def poll_upcalls(self, limit: int = 256) -> list[Upcall]:
        """Take up to `limit` upcalls, oldest first."""
        upcalls: list[Upcall] = []
        self._flush()
        for _ in range(limit):
            if self._control is None or self._is_faulted:
                break
            try:
                record = self._control.recv(messages.RECORD_LIMIT)
            except BlockingIOError:
                break
            except OSError:
                record = b""
            upcall = self._hear(messages.decode(record)) if record else self._fault("the data plane's process ended")
            if upcall is not None:
                upcalls.append(upcall)
        return upcalls

    def _fault(self, reason: str) -> PlaneFault | None:
        if self._is_faulted:
            return None
        self._is_faulted = True
        return PlaneFault(reason)

    def _hear(self, message: Message) -> Upcall | None:
        match message:
            case (messages.DATAGRAM_RECEIVED, source, payload):
                return DatagramReceived(endpoint_of(source), payload)
            case (messages.CONTROL_RECEIVED, peer, source, payload):
                return ControlReceived(peer, endpoint_of(source), payload)
            case (messages.SESSION_CONFIRMED, peer, local_index):
                return SessionConfirmed(peer, local_index)
            case (messages.REKEY_DUE, peer):
                return RekeyDue(peer)
            case (messages.PEER_ROAMED, peer, source):
                return PeerRoamed(peer, endpoint_of(source))
            case (messages.PATH_REFUSED, peer, errno):
                return PathRefused(peer, errno)
            case (messages.PLANE_FAULT, reason):
                return self._fault(reason)
            case (messages.PLANE_COUNTERS, values, switches):
                self._plane = dict(zip(Counter, values, strict=True))
                self._offloads = Offloads(**dict(switches))
            case (messages.PEER_COUNTERS, rows):
                for peer, bytes_in, bytes_out, datagrams_in, datagrams_out, forwarded, received_at, added_at in rows:
                    counted = PeerCounters(
                        bytes_in=bytes_in,
                        bytes_out=bytes_out,
                        datagrams_in=datagrams_in,
                        datagrams_out=datagrams_out,
                        forwarded_bytes=forwarded,
                    )
                    self._rows[peer] = (counted, received_at, added_at)
            case (messages.DECISIONS, rows) if self._decisions is not None:
                for row in rows:
                    self._decisions.add(Decided(*row))
        return None

    def _say(self, message: Message, descriptor: int = -1) -> None:
        """Send a message, and a descriptor that is this plane's to close."""
        descriptors = [] if descriptor < 0 else [descriptor]
        if self._control is None:
            _close(descriptors)
            return
        self._outgoing.append((messages.encode(message), descriptors))
        self._flush()

    def _flush(self) -> None:
        while self._outgoing and self._control is not None:
            record, descriptors = self._outgoing[0]
            try:
                if descriptors:
                    socket.send_fds(self._control, [record], descriptors)
                else:
                    self._control.send(record)
            except BlockingIOError:
                return
            except OSError:
                # The worker is gone; the next poll says so.
                self._drop_outgoing()
                return
            _close(descriptors)
            self._outgoing.popleft()

    def _drop_outgoing(self) -> None:
        while self._outgoing:
            _close(self._outgoing.popleft()[1])

    def set_peer(self, entry: PeerEntry) -> None:
        """Make a member known to the switch, or change it."""
        ids = (entry.node_id.raw, entry.mac.raw)
        self._say((messages.SET_PEER, entry.peer, *ids, list(entry.addresses), list(entry.subnets), entry.is_bridge))

    def remove_peer(self, peer: int) -> None:
        """Forget a member with its sessions, path, staged frames and learned addresses."""
        self._rows.pop(peer, None)
        self._say((messages.REMOVE_PEER, peer))

    def set_filter(self, peer: int, peer_filter: PeerFilter | None) -> None:
        """Hold what passes to and from this peer against these rules; None lets everything pass."""
        self._say((messages.SET_FILTER, peer, None if peer_filter is None else astuple(peer_filter)))

    def set_decision_log(self, is_on: bool) -> None:
        """Count what filters decide from now on, or do not."""
        self._decisions = DecisionTable() if is_on else None
        self._say((messages.SET_DECISION_LOG, is_on))

    def take_decisions(self) -> list[Decided]:
        """What the worker has told since they were taken last; it tells once a second."""
        return [] if self._decisions is None else self._decisions.take()

    def add_session(self, peer: int, keys: SessionKeys) -> None:
        """Install a fresh session."""
        indices, secrets = (keys.local_index, keys.remote_index), (keys.send_key, keys.receive_key)
        self._say((messages.ADD_SESSION, peer, indices, secrets, int(keys.suite), keys.is_initiator))

    def retire_session(self, local_index: int) -> None:
        """Erase a session's keys."""
        self._say((messages.RETIRE_SESSION, local_index))

    def set_path(self, peer: int, plan: PathPlan | None) -> None:
        """Send this peer's datagrams that way from now on; None holds them back."""
        self._say((messages.SET_PATH, peer, ways_of(plan)))

    def set_forwarding(self, bytes_per_second: int) -> None:
        """Carry other pairs' datagrams up to this rate."""
        self._say((messages.SET_FORWARDING, bytes_per_second))

    def add_side_socket(self, number: int, fd: int) -> None:
        """Take over a bound UDP socket under that number."""
        self._say((messages.ADD_SIDE_SOCKET, number), fd)

    def remove_side_socket(self, number: int) -> None:
        """Close a side socket."""
        self._say((messages.REMOVE_SIDE_SOCKET, number))

    def send_datagram(self, destination: Endpoint, payload: bytes) -> None:
        """Send as it is, wrapped as the endpoint asks."""
        self._say((messages.SEND_DATAGRAM, place_of(destination), payload))

    def send_control(self, peer: int, payload: bytes, destination: Endpoint | None = None) -> None:
        """Seal a control message and send it by the peer's path, or straight to `destination`."""
        self._say((messages.SEND_CONTROL, peer, payload, None if destination is None else place_of(destination)))

    def counters(self) -> PlaneCounters:
        """The latest snapshot."""
        now = time.monotonic()
        peers = {}
        for peer, (counted, received_at, added_at) in self._rows.items():
            peers[peer] = evolve(
                counted,
                last_receive_age=None if received_at is None else now - received_at,
                session_age=None if added_at is None else now - added_at,
            )
        return PlaneCounters(plane=dict(self._plane), peers=peers, offloads=self._offloads)

    def close(self) -> None:
        """End the worker, after the verbs before this one; it takes milliseconds, and is killed if it does not obey."""
        worker, self._worker = self._worker, None
        if worker is not None:
            self._say((messages.CLOSE,))
            try:
                worker.wait(_CLOSE_WAIT_SECONDS)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()
        self._drop_outgoing()
        if self._control is not None:
            self._control.close()
            self._control = None
