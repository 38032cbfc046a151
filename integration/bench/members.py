"""What an agent's memory grows by for each member it is connected to.

    python -m integration.bench.members [--members 41]

A mesh in virtual time, with a relay: all members are connected to each other, by direct and relayed paths. What is
counted is what one member's core (`zerogo.mesh.Node`) holds, followed from object to object, less what a core without
peers holds. What the data plane holds for a peer is in docs/BENCHMARKS.md.
"""

from __future__ import annotations

import argparse
import gc
import sys
import types

from zerogo.testing.mesh import VirtualMesh
from zerogo.testing.nat import PORT_RESTRICTED

_SHARED = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.FrameType, types.CodeType)
SETTLE_SECONDS = 30.0


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


def main() -> int:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--members", type=int, default=41)
    arguments = options.parse_args()
    each = measure(arguments.members)
    print(f"{each / 1000:.1f} kB for each connected member, {each / 1000:.0f} MB for 1,000")
    return 0


if __name__ == "__main__":
    sys.exit(main())
