"""Two planes over a real kernel: network namespaces, a veth between them, a TAP and data sockets in each.

    left: zg0 10.77.0.1 fd77::1            right: zg0 10.77.0.2 fd77::2        the segment
    left: wire 192.0.2.1 2001:db8:77::1 == right: wire 192.0.2.2 2001:db8:77::2  the underlay

Needs root. A namespace is entered by the calling thread for as long as it opens descriptors; planes are told nothing of
it, since a descriptor stays in the namespace it was made in.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import secrets
import select
import socket
import subprocess
import time
from collections.abc import Callable, Iterator

from attrs import define, field, frozen

from zerogo.dataplane.interface import (
    DatagramReceived,
    IDataplane,
    Offloads,
    PathPlan,
    PeerEntry,
    PlaneSettings,
    SessionConfirmed,
    Upcall,
)
from zerogo.dataplane.sockets import open_data_sockets
from zerogo.dataplane.tap import TapSettings, configure_tap, open_tap
from zerogo.ids import MacAddress, NodeId, RouteAddress, SocketAddress
from zerogo.noise.cookie import mac
from zerogo.noise.keys import SessionKeys
from zerogo.wire.handshake import Suite

SEGMENT_MTU = 1500
REPORT_SECONDS = 0.1
"""How often reference planes tell their counters: most tests wait for one."""
DATA_PORT = 9993
_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def run(*command: str, timeout: float = 30) -> str:
    """Run a command, return what it printed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()} {done.stdout.strip()}")
    return done.stdout


@contextlib.contextmanager
def inside(namespace: str) -> Iterator[None]:
    """Have this thread be in a network namespace."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/var/run/netns/{namespace}", os.O_RDONLY)
    try:
        if _libc.setns(there, _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
        yield
    finally:
        _libc.setns(home, _CLONE_NEWNET)
        os.close(home)
        os.close(there)


@frozen
class Host:
    """One end: its namespace and its addresses in the segment and on the underlay."""

    namespace: str
    number: int

    @property
    def mac(self) -> MacAddress:
        return MacAddress(bytes([2, 0x7A, 0, 0, 0, self.number]))

    @property
    def node_id(self) -> NodeId:
        return NodeId(bytes(9) + bytes([self.number]))

    @property
    def mac1_key(self) -> bytes:
        return bytes([self.number]) * 32

    @property
    def addresses(self) -> list[str]:
        return [f"10.77.0.{self.number}", f"fd77::{self.number}"]

    def handshake(self, body: bytes) -> bytes:
        """A handshake message that is meant for this host; what counts of it here is mac1."""
        return body + mac(self.mac1_key, body) + bytes(16)

    def entry(self, peer: int, is_bridge: bool = False) -> PeerEntry:
        """What another host's switch knows of it, under the number `peer`."""
        return PeerEntry(peer=peer, node_id=self.node_id, mac=self.mac, addresses=self.addresses, is_bridge=is_bridge)

    def underlay(self, is_ipv6: bool = False) -> SocketAddress:
        return SocketAddress.of(f"2001:db8:77::{self.number}" if is_ipv6 else f"192.0.2.{self.number}", DATA_PORT)

    def command(self, *command: str) -> tuple[str, ...]:
        """A command line that runs in this host's namespace."""
        return ("ip", "netns", "exec", self.namespace, *command)

    def run(self, *command: str, timeout: float = 30) -> str:
        return run(*self.command(*command), timeout=timeout)


@define
class Wire:
    """Two namespaces joined by a veth; removed by `close`."""

    prefix: str = field(factory=lambda: f"zg{secrets.token_hex(2)}")
    hosts: list[Host] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.hosts = [Host(f"{self.prefix}{side}", number) for side, number in (("l", 1), ("r", 2))]
        for host in self.hosts:
            run("ip", "netns", "add", host.namespace)
            host.run("sysctl", "-qw", "net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0")
            host.run("ip", "link", "set", "lo", "up")
        left, right = self.hosts
        left.run("ip", "link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns", right.namespace)
        for host in self.hosts:
            host.run("ip", "addr", "add", f"192.0.2.{host.number}/24", "dev", "wire")
            host.run("ip", "addr", "add", f"2001:db8:77::{host.number}/64", "dev", "wire", "nodad")
            host.run("ip", "link", "set", "wire", "up")

    def add_far_host(self) -> Host:
        """A third host that only the right one reaches: what the left one sends it, the right one must carry."""
        far, right = Host(f"{self.prefix}f", 3), self.hosts[1]
        self.hosts.append(far)
        run("ip", "netns", "add", far.namespace)
        right.run("ip", "link", "add", "far", "type", "veth", "peer", "name", "wire", "netns", far.namespace)
        far.run("ip", "link", "set", "lo", "up")
        far.run("ip", "link", "set", "wire", "up")
        far.run("ip", "addr", "add", f"192.0.2.{far.number}/32", "dev", "wire")
        far.run("ip", "route", "add", f"192.0.2.{right.number}/32", "dev", "wire")
        right.run("ip", "link", "set", "far", "up")
        right.run("ip", "route", "add", f"192.0.2.{far.number}/32", "dev", "far", "src", f"192.0.2.{right.number}")
        return far

    def close(self) -> None:
        for host in self.hosts:
            subprocess.run(["ip", "netns", "del", host.namespace], capture_output=True)


def session_pair(suite: Suite = Suite.CHACHAPOLY, base: int = 0) -> tuple[SessionKeys, SessionKeys]:
    """The keys of one session for its initiator and its responder."""
    there, back, binding = os.urandom(32), os.urandom(32), os.urandom(32)
    common = {"suite": suite, "handshake_hash": binding}
    near, far = 0x10000 + base, 0x20000 + base
    initiator = SessionKeys(
        local_index=near, remote_index=far, send_key=there, receive_key=back, is_initiator=True, **common
    )
    responder = SessionKeys(
        local_index=far, remote_index=near, send_key=back, receive_key=there, is_initiator=False, **common
    )
    return initiator, responder


@define
class End:
    """A plane on one host, with the upcalls it made."""

    plane: IDataplane
    host: Host
    upcalls: list[Upcall] = field(factory=list)

    def poll(self) -> None:
        self.upcalls += self.plane.poll_upcalls()

    def of(self, kind: type) -> list[Upcall]:
        return [upcall for upcall in self.upcalls if isinstance(upcall, kind)]


def open_end(plane: IDataplane, host: Host, offloads: Offloads, mtu: int = SEGMENT_MTU, is_bridge: bool = False) -> End:
    """Make a TAP and data sockets on a host and hand them to a plane."""
    with inside(host.namespace):
        tap = open_tap("zg0")
        addresses = [f"10.77.0.{host.number}/24", f"fd77::{host.number}/64"]
        configure_tap(tap.name, TapSettings(mac=host.mac, mtu=mtu, addresses=addresses))
        sockets = open_data_sockets(DATA_PORT)
    plane.open(
        PlaneSettings(
            tap_fd=tap.fd,
            udp_fds=[sock.detach() for sock in sockets],
            node_id=host.node_id,
            mac1_key=host.mac1_key,
            mac=host.mac,
            addresses=host.addresses,
            mtu=mtu,
            is_bridge=is_bridge,
            offloads=offloads,
        )
    )
    return End(plane, host)


def introduce(ends: list[End], path_mtu: int = 1472, is_ipv6: bool = False, is_bridge: bool = False) -> None:
    """Make two ends members of each other's segment, with a path; no session yet. Each is peer 1 to the other."""
    for end, other in (ends, ends[::-1]):
        end.plane.set_peer(other.host.entry(1, is_bridge))
        end.plane.set_path(1, PathPlan.by(other.host.underlay(is_ipv6), path_mtu))


def connect(ends: list[End], suite: Suite = Suite.CHACHAPOLY, base: int = 0) -> None:
    """Give two ends a session, as after a handshake: the initiator has it when it has the response, which the
    responder sent after it had the session."""
    initiator, responder = session_pair(suite, base)
    response = ends[0].host.handshake(b"\x91" + base.to_bytes(4, "big") + bytes(75))
    ends[1].plane.add_session(1, responder)
    ends[1].plane.send_datagram(ends[0].host.underlay(), response)
    wait_until(ends, lambda: any(upcall.payload == response for upcall in ends[0].of(DatagramReceived)), "the response")
    ends[0].plane.add_session(1, initiator)


def join(left: End, right: End, base: int) -> None:
    """Two ends of several, with a path and a session; a peer's number is that of its host."""
    for end, other in ((left, right), (right, left)):
        end.plane.set_peer(other.host.entry(other.host.number))
        end.plane.set_path(other.host.number, PathPlan.by(other.host.underlay(), 1472))
    initiator, responder = session_pair(base=base)
    right.plane.add_session(left.host.number, responder)
    response = left.host.handshake(b"\x91" + base.to_bytes(4, "big") + bytes(75))
    right.plane.send_datagram(left.host.underlay(), response)
    arrived = DatagramReceived(right.host.underlay(), response)
    wait_until([left, right], lambda: arrived in left.upcalls, "the response")
    left.plane.add_session(right.host.number, initiator)
    confirmed = SessionConfirmed(left.host.number, responder.local_index)
    wait_until([left, right], lambda: confirmed in right.upcalls, "the session to be confirmed")


def join_line(ends: list[End], route_mtu: int) -> None:
    """Three ends in a line: the outer two know each other, and have a session, by the one between, which carries."""
    left, middle, far = ends
    middle.plane.set_forwarding(1 << 34)
    join(left, middle, 0)
    join(middle, far, 100)
    for end, other in ((far, left), (left, far)):
        end.plane.set_peer(other.host.entry(other.host.number))
        hops = RouteAddress((middle.host.node_id, other.host.node_id))
        end.plane.set_path(other.host.number, PathPlan.by(hops, route_mtu))
    initiator, responder = session_pair(base=200)
    far.plane.add_session(left.host.number, responder)
    response = left.host.handshake(b"\x91" + bytes(63))
    far.plane.send_datagram(RouteAddress((middle.host.node_id, left.host.node_id)), response)
    source = RouteAddress((middle.host.node_id, far.host.node_id))
    wait_until(ends, lambda: DatagramReceived(source, response) in left.upcalls, "the response by the route")
    left.plane.add_session(far.host.number, initiator)
    confirmed = SessionConfirmed(left.host.number, responder.local_index)
    wait_until(ends, lambda: confirmed in far.upcalls, "the session over the route to be confirmed")


def wait_until(ends: list[End], is_true: Callable[[], bool], what: str, seconds: float = 10.0) -> None:
    """Poll the upcalls of all ends until something is true; fails with `what` was awaited."""
    deadline = time.monotonic() + seconds
    while not is_true():
        left = deadline - time.monotonic()
        if left <= 0:
            raise AssertionError(f"waited {seconds} s in vain: {what}")
        descriptors = [end.plane.wakeup_fd() for end in ends if end.plane.wakeup_fd() >= 0]
        select.select(descriptors, [], [], min(left, 0.2))
        for end in ends:
            end.poll()


def underlay_socket(host: Host, port: int = 0) -> socket.socket:
    """A plain UDP socket on a host's underlay, for what an attacker or a test sends."""
    with inside(host.namespace):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((f"192.0.2.{host.number}", port))
    return sock
