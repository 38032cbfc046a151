"""What a way through a member costs, and how often a path changes that comes and goes.

    python -m integration.bench.carried [--rounds 5] [--seconds 2]

Run as root, about half a minute. Three native planes in a line on one machine, veth between them: TCP straight to the
one in the middle, and by it to the one behind, in turn. All three share the machine's cores, so what is carried costs
them twice; the ratio of each round is what counts. The changes are counted in virtual time, with a direct path that is
there for 5 seconds and away for 2 while a pair talks beside a relay that is well.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
from collections.abc import Iterator, Sequence

from integration.bench.measure import iperf, iperf_server
from zerogo.dataplane.choice import make_plane
from zerogo.dataplane.interface import Offloads
from zerogo.test.dataplane.kernel import End, Host, Wire, join_line, open_end
from zerogo.testing.internet import LinkQuality
from zerogo.testing.mesh import VirtualMesh
from zerogo.testing.nat import PORT_RESTRICTED
from zerogo.wire.route import overhead_bytes

GOAL = 0.45
PATH_MTU = 1472
ROUTE_MTU = PATH_MTU - overhead_bytes(3)
CHANGES_GOAL = 2
THERE_SECONDS, AWAY_SECONDS, FLAPPING_SECONDS = 5.0, 2.0, 121.0
TALK_SECONDS = 0.25


@contextlib.contextmanager
def line() -> Iterator[list[End]]:
    """Three planes, of which the outer two have a session by the one between."""
    with contextlib.closing(Wire()) as wire, contextlib.ExitStack() as opened:
        wire.add_far_host()
        ends: list[End] = []
        for host in wire.hosts:
            ends.append(open_end(make_plane("native"), host, Offloads()))
            opened.callback(ends[-1].plane.close)
        join_line(ends, ROUTE_MTU)
        yield ends


def gbits(source: Host, target: Host, seconds: int) -> float:
    """Gbit/s of one TCP stream through the segment."""
    with iperf_server(target):
        report = iperf(source, target.addresses[0], "-t", str(seconds))
    return float(report["sum_received"]["bits_per_second"]) / 1e9


def changes(seed: int) -> tuple[int, int]:
    """How often a pair's path changes in the first minute of flapping, and most often in any minute after it."""
    mesh = VirtualMesh(seed, LinkQuality(delay=0.005))
    mesh.add_relay("relay")
    one, other = (mesh.add_member(name, PORT_RESTRICTED) for name in ("one", "other"))
    mesh.start()
    mesh.run_for(10.0)
    near, far = one.host.site.nat, other.host.site.nat
    assert near is not None and far is not None
    since = mesh.clock.now
    while mesh.clock.now < since + FLAPPING_SECONDS:
        for is_parted, seconds in ((True, AWAY_SECONDS), (False, THERE_SECONDS)):
            mesh.internet.part(near.address, far.address, is_parted=is_parted)
            for _ in range(round(seconds / TALK_SECONDS)):
                one.send(other, b"a")
                other.send(one, b"b")
                mesh.run_for(TALK_SECONDS)
    times = [change.at - one.clock_ahead - since for change in one.status(other).history]
    later = [at for at in times if at >= 60.0]
    return sum(0.0 <= at < 60.0 for at in times), max(
        (sum(at <= each < at + 60.0 for each in later) for at in later), default=0
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Print both; the exit status is 1 where what is carried misses its goal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2)
    wanted = parser.parse_args(arguments)
    ratios = []
    with line() as (left, middle, far):
        for _ in range(wanted.rounds):
            straight = gbits(left.host, middle.host, wanted.seconds)
            carried = gbits(left.host, far.host, wanted.seconds)
            ratios.append(carried / straight)
            print(f"  straight {straight:.2f} Gbit/s, by a member {carried:.2f}: {ratios[-1]:.2f}", flush=True)
    ratio = statistics.median(ratios)
    is_met = ratio >= GOAL
    print(f"carried by a member: {ratio:.2f} of straight, median (goal {GOAL}: {'met' if is_met else 'MISSED'})")
    print(f"changes of a path that flaps: in its first minute, and at most in any after it (goal {CHANGES_GOAL})")
    for seed in range(4):
        first, later = changes(seed)
        print(f"  seed {seed}: {first}, {later}", flush=True)
    return 0 if is_met else 1


if __name__ == "__main__":
    sys.exit(main())
