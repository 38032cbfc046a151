"""What an agent's memory grows by for each member it is connected to.

    python -m integration.bench.members [--members 41]

A mesh in virtual time, with a relay: all members are connected to each other, by direct and relayed paths. What is
counted is what one member's core (`zerogo.mesh.Node`) holds, followed from object to object, less what a core without
peers holds. Beside it: the resident memory of a process that has loaded what an agent loads and runs a native plane of
1,000 peers, each with three sessions, a path and a filter.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import os
import re
import select
import socket
import sys
import types
from pathlib import Path

from zerogo.dataplane.interface import PathPlan, PeerEntry, PlaneSettings
from zerogo.dataplane.native import NativeDataplane, is_built
from zerogo.ids import MacAddress, NodeId, SocketAddress
from zerogo.noise.keys import SessionKeys
from zerogo.policy.filter import PeerFilter, PolicyRule
from zerogo.testing.mesh import VirtualMesh
from zerogo.testing.nat import PORT_RESTRICTED
from zerogo.wire.handshake import Suite

_SHARED = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.FrameType, types.CodeType)
SETTLE_SECONDS = 30.0
PEERS = 1000


def held_bytes(root: object, foreign: set[int]) -> int:
    """Bytes of all that `root` leads to, except classes, code and the objects whose ids are in `foreign`."""
    seen, waiting, total = {id(root)}, [root], 0
    while waiting:
        item = waiting.pop()
        total += sys.getsizeof(item)
        for each in gc.get_referents(item):
            if id(each) not in seen and id(each) not in foreign and not isinstance(each, _SHARED):
                seen.add(id(each))
                waiting.append(each)
    return total


def measure(members: int) -> float:
    """Bytes that each of `members` - 1 peers costs."""
    mesh = VirtualMesh(1)
    mesh.add_relay("near")
    everybody = [mesh.add_member(f"m{number}", PORT_RESTRICTED) for number in range(members)]
    alone = VirtualMesh(2)
    alone.add_relay("near")
    single = alone.add_member("single", PORT_RESTRICTED)
    for each in (mesh, alone):
        each.start()
        each.run_for(SETTLE_SECONDS)
    if not mesh.is_connected():
        raise SystemExit("the mesh did not connect")
    foreign = {id(item) for item in (mesh, alone, *everybody, single)}
    return (held_bytes(everybody[0].node, foreign) - held_bytes(single.node, foreign)) / (members - 1)


def resident_mb() -> float:
    """Of this process."""
    found = re.search(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) / 1000


def give_peer(plane: NativeDataplane, number: int) -> None:
    """A peer as an agent has it when it is connected for some minutes."""
    low = number.to_bytes(2, "big")
    addresses = (f"10.9.{number >> 8}.{number & 255}", f"fd09::{number:x}")
    mac, node_id = MacAddress(b"\2\0\0\0" + low), NodeId(bytes(8) + low)
    plane.set_peer(PeerEntry(peer=number, node_id=node_id, mac=mac, addresses=addresses, subnets=("192.168.7.0/24",)))
    plane.set_path(number, PathPlan.by(SocketAddress.of("127.0.0.1", 9), 1400))
    rules = (PolicyRule(6, (80, 443)),) * 8
    plane.set_filter(number, PeerFilter(rules, rules))
    for index in range(4 * number, 4 * number + 3):
        keys = SessionKeys(
            local_index=index,
            remote_index=index,
            send_key=os.urandom(32),
            receive_key=os.urandom(32),
            suite=Suite.AESGCM,
            is_initiator=False,
            handshake_hash=bytes(32),
        )
        plane.add_session(number, keys)


def with_plane_mb() -> float:
    """Resident memory of this process, which then has a native plane with `PEERS` peers."""
    importlib.import_module("zerogo.agent.service")
    tap, kernel = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    data = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    data.bind(("127.0.0.1", 0))
    for each in (tap, data):
        each.setblocking(False)
    plane, identity = NativeDataplane(), NodeId(bytes(10))
    mac = MacAddress(b"\2" + bytes(5))
    descriptors = {"tap_fd": tap.detach(), "udp_fds": [data.detach()]}
    plane.open(PlaneSettings(**descriptors, node_id=identity, mac1_key=bytes(32), mac=mac, mtu=1400))
    for number in range(1, PEERS + 1):
        give_peer(plane, number)
    while len(plane.counters().peers) < PEERS:
        select.select([], [], [], 0.1)
    found = resident_mb()
    plane.close()
    kernel.close()
    return found


def main() -> int:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--members", type=int, default=41)
    arguments = options.parse_args()
    resident = with_plane_mb() if is_built() else None
    each = measure(arguments.members)
    print(f"{each / 1000:.1f} kB for each connected member, {each / 1000:.0f} MB for 1,000")
    if resident is not None:
        print(f"{resident:.0f} MB resident with an agent's modules and a native plane of {PEERS} peers")
    return 0


if __name__ == "__main__":
    sys.exit(main())
