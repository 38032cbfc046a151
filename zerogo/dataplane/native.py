# -*- test-case-name: zerogo.test.dataplane.test_native -*-
"""The native plane as the agent holds it: `zerogo._native`, two threads written in Rust (see `rust/`).

The extension is optional: where it was not built, `is_built` says so and the reference plane does the work. Threads do
not survive a fork, so a plane is opened only once the agent runs (after twistd has daemonised). No frame comes into
Python; verbs are queued to the plane's threads and upcalls wait in a queue of theirs.
"""

from __future__ import annotations

import os
from typing import Any

from attrs import astuple, fields

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
    PeerPath,
    PeerRoamed,
    PlaneCounters,
    PlaneFault,
    PlaneSettings,
    RekeyDue,
    SessionConfirmed,
    Upcall,
)
from zerogo.ids import ChannelAddress, Endpoint, NodeId, RouteAddress, SideAddress, SocketAddress
from zerogo.noise.keys import SessionKeys
from zerogo.policy.decisions import Decided
from zerogo.policy.filter import PeerFilter, PolicyRule

try:
    from zerogo import _native
except ImportError:
    _native = None  # type: ignore[assignment]


def is_built() -> bool:
    """Whether the extension is there and of this release."""
    return _native is not None and tuple(_native.COUNTERS) == tuple(Counter)


def relay_forwarder(tally: tuple[str, ...]) -> _native.RelayForwarder | None:
    """A forwarder for a relay, where the extension is there with one that counts just `tally`."""
    is_there = _native is not None and tuple(getattr(_native, "RELAY_TALLY", ())) == tally
    return _native.RelayForwarder() if is_there else None


def _spelt(endpoint: Endpoint) -> _native._Address:
    """As the extension takes it: host, port, socket and channel; or the node ids of a route."""
    match endpoint:
        case SocketAddress(host, port):
            return (host, port, 0, 0)
        case SideAddress(socket, remote):
            return (remote.host, remote.port, socket, 0)
        case ChannelAddress(relay, channel):
            return (relay.host, relay.port, 0, channel)
        case RouteAddress(hops):
            return [hop.raw for hop in hops]


def _endpoint(spelt: _native._Address) -> Endpoint:
    if isinstance(spelt, list):
        return RouteAddress(tuple(map(NodeId, spelt)))
    host, port, socket, channel = spelt
    remote = SocketAddress.of(host, port)
    if channel:
        return ChannelAddress(remote, channel)
    return SideAddress(socket, remote) if socket else remote


def _path(path: PeerPath) -> tuple[_native._Address, int]:
    return _spelt(path.endpoint), path.mtu


def _rows(rules: tuple[PolicyRule, ...]) -> list[_native._Rule]:
    return [(rule.protocol, rule.ports, list(rule.destinations), rule.allows) for rule in rules]


def _upcall(message: tuple[Any, ...]) -> Upcall:
    match message:
        case ("datagram", source, payload):
            return DatagramReceived(_endpoint(source), payload)
        case ("control", peer, source, payload):
            return ControlReceived(peer, _endpoint(source), payload)
        case ("confirmed", peer, local_index):
            return SessionConfirmed(peer, local_index)
        case ("rekey", peer):
            return RekeyDue(peer)
        case ("roamed", peer, source):
            return PeerRoamed(peer, _endpoint(source))
        case ("refused", peer, errno):
            return PathRefused(peer, errno)
        case (_, reason):
            return PlaneFault(reason)
    raise AssertionError(message)


class NativeDataplane:
    """`IDataplane` in threads of this process, written in Rust."""

    name = "native"

    def __init__(self) -> None:
        self._plane: _native.NativePlane | None = None
        self._last = PlaneCounters(plane=dict.fromkeys(Counter, 0))

    def open(self, settings: PlaneSettings) -> None:
        """Hand the descriptors over and start the threads; raises `PlaneNotStarted`."""
        if not is_built():
            raise PlaneNotStarted("the native data plane was not built")
        try:
            self._plane = _native.NativePlane(
                settings.tap_fd,
                list(settings.udp_fds),
                settings.node_id.raw,
                settings.mac1_key,
                settings.mac.raw,
                list(settings.addresses),
                settings.mtu,
                settings.is_bridge,
                astuple(settings.offloads),
            )
        except OSError as error:
            raise PlaneNotStarted(f"the native data plane cannot be started: {error}") from error

    def wakeup_fd(self) -> int:
        """Readable while upcalls wait; -1 once closed."""
        return self._plane.wakeup_fd() if self._plane else -1

    def poll_upcalls(self, limit: int = 256) -> list[Upcall]:
        """Take up to `limit` upcalls, oldest first."""
        return [_upcall(message) for message in self._plane.poll_upcalls(limit)] if self._plane else []

    def set_peer(self, entry: PeerEntry) -> None:
        """Make a member known to the switch, or change it."""
        if self._plane:
            names = (entry.node_id.raw, entry.mac.raw)
            places = (list(entry.addresses), list(entry.subnets))
            self._plane.set_peer(entry.peer, *names, *places, entry.is_bridge)

    def remove_peer(self, peer: int) -> None:
        """Forget a member with its sessions, path, staged frames and learned addresses."""
        if self._plane:
            self._plane.remove_peer(peer)

    def set_filter(self, peer: int, peer_filter: PeerFilter | None) -> None:
        """Hold what passes to and from this peer against these rules; None lets everything pass."""
        if self._plane:
            rules = None if peer_filter is None else (_rows(peer_filter.outbound), _rows(peer_filter.inbound))
            self._plane.set_filter(peer, rules)

    def set_decision_log(self, is_on: bool) -> None:
        """Count what filters decide from now on, or do not."""
        if self._plane:
            self._plane.set_decision_log(is_on)

    def take_decisions(self) -> list[Decided]:
        """What filters decided since they were taken last."""
        return [Decided(*row) for row in self._plane.take_decisions()] if self._plane else []

    def add_session(self, peer: int, keys: SessionKeys) -> None:
        """Install a fresh session."""
        if self._plane:
            indices, secrets = (keys.local_index, keys.remote_index), (keys.send_key, keys.receive_key)
            self._plane.add_session(peer, *indices, *secrets, int(keys.suite), keys.is_initiator)

    def retire_session(self, local_index: int) -> None:
        """Erase a session's keys."""
        if self._plane:
            self._plane.retire_session(local_index)

    def set_path(self, peer: int, plan: PathPlan | None) -> None:
        """Send this peer's datagrams that way from now on; None holds them back."""
        if self._plane is None:
            return
        if plan is None:
            self._plane.set_path(peer, None, None, [], None, None)
        else:
            twin, late, hop = (_path(path) if path else None for path in (plan.twin, plan.late, plan.hop))
            self._plane.set_path(peer, _path(plan.best), twin, list(map(_path, plan.spread)), late, hop)

    def set_forwarding(self, bytes_per_second: int) -> None:
        """Carry other pairs' datagrams up to this rate."""
        if self._plane:
            self._plane.set_forwarding(bytes_per_second)

    def add_side_socket(self, number: int, fd: int) -> None:
        """Take over a bound, non-blocking UDP socket."""
        if self._plane:
            self._plane.add_side_socket(number, fd)
        else:
            os.close(fd)

    def remove_side_socket(self, number: int) -> None:
        """Close a side socket."""
        if self._plane:
            self._plane.remove_side_socket(number)

    def send_datagram(self, destination: Endpoint, payload: bytes) -> None:
        """Send as it is."""
        if self._plane:
            self._plane.send_datagram(_spelt(destination), payload)

    def send_control(self, peer: int, payload: bytes, destination: Endpoint | None = None) -> None:
        """Seal a control message and send it by the peer's path, or straight to `destination`."""
        if self._plane:
            self._plane.send_control(peer, payload, _spelt(destination) if destination else None)

    def counters(self) -> PlaneCounters:
        """The latest snapshot; once closed, the last one taken."""
        if self._plane:
            values, switches = self._plane.counters()
            names = [field.name for field in fields(Offloads)]
            self._last = PlaneCounters(
                plane=dict(zip(Counter, values, strict=True)),
                peers={row[0]: _peer_counters(row) for row in self._plane.peer_counters()},
                offloads=Offloads(**dict(zip(names, switches, strict=True))),
            )
        return self._last

    def close(self) -> None:
        """Carry out the verbs before this one, stop the threads, close the descriptors; may be called twice."""
        plane, self._plane = self._plane, None
        if plane is not None:
            plane.close()


def _peer_counters(row: _native._PeerRow) -> PeerCounters:
    _, (bytes_in, bytes_out, datagrams_in, datagrams_out, forwarded_bytes), last_receive_age, session_age = row
    return PeerCounters(
        bytes_in=bytes_in,
        bytes_out=bytes_out,
        datagrams_in=datagrams_in,
        datagrams_out=datagrams_out,
        forwarded_bytes=forwarded_bytes,
        last_receive_age=last_receive_age,
        session_age=session_age,
    )
