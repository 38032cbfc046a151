"""How soon two members reach each other, and how long a move takes, in the lab: one pair at a time, links of 20 ms.

    python -m integration.bench.reach [--only NAME,...] [--rounds N] [--json FILE]

Run as root, 4 seconds a round on a quiet machine, half a minute a round of `roaming`: 20 rounds of pairs that plain
checks connect, whose goals are for the median and for all but one in a hundred, and 5 of all else, take eight minutes.
Of fewer than 100 rounds the slowest stands for one in a hundred.

In each round the guest of a pair leaves the network, forgets its key and joins anew, so it is chance which end leads
(docs/PROTOCOL.md, section 3.5). Times run from the moment that the maps of both agents name the other, so they hold
neither the start of programs nor joining, but all else: gathering, signals by the controller, relays, checks, the
handshake. Site to site and back takes 80 ms here. `roaming` does to a running pair what travel and providers do, and
takes the longest silence of pings sent every 10 ms, from the moment that the network is there again: the lab takes some
tens of milliseconds to make another one, and more on a busy machine. The exit status is 1 where a pair never answered,
or took another path than it should.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from attrs import define, field, frozen

from zerogo.lab.laboratory import Lab
from zerogo.lab.loader import parse_scenario
from zerogo.lab.prober import Prober, Target
from zerogo.lab.result import PeerView
from zerogo.lab.roles import MESH_DEVICE, Mesh

HOME, GUEST = "home", "guest"
PAIR = (HOME, GUEST)
SCENARIO = """
family: {family}
defaults: {{link: {{delay: 20ms}}}}
sites:
  cloud: {{nat: open, hosts: {{server: {{role: [controller, relay]}}}}}}
  oslo: {{nat: {home}, hosts: [{HOME}]}}
  rome: {{nat: {guest}, hosts: [{GUEST}]}}
  cafe: {{nat: port-restricted, hosts: []}}
"""
ROUNDS, PLAIN_ROUNDS = 5, 20
PLAIN_SLOWEST = 1.0
"""Seconds in which all but one in a hundred pairs that plain checks connect are to have their direct path."""
PING_SECONDS = 0.01
LIMIT_SECONDS = 40.0
"""For a pair to answer and to take its path."""
QUIET_SECONDS = 3.0
"""A pair has had its path for so long before anything is done to it."""
WATCH_SECONDS = 5.0
"""After what is done, until the longest silence is read off."""


@frozen
class Case:
    """Two kinds of NAT, the path that they come to, and the seconds that the project wants."""

    name: str
    home: str
    guest: str
    path: str
    ping_goal: float
    direct_goal: float | None = None
    family: str = "ipv4"
    is_plain: bool = False
    """Whether plain checks connect it: then the goal for the direct path is what comes on top of signalling, and the
    median's, beside `PLAIN_SLOWEST`."""

    @property
    def rounds(self) -> int:
        """As many as its goals need."""
        return PLAIN_ROUNDS if self.is_plain else ROUNDS


CASES = (
    Case("plain", "port-restricted", "port-restricted", "direct", 1.0, 0.15, is_plain=True),
    Case("ipv6", "port-restricted", "port-restricted", "direct", 1.0, 0.15, "ipv6", is_plain=True),
    Case("prediction", "port-restricted", "symmetric-sequential", "direct", 1.0, 1.0),
    Case("birthday", "port-restricted", "symmetric-random", "direct", 1.0, 3.5),
    Case("hopeless", "symmetric-random", "symmetric-random", "relay", 1.0),
    Case("udp-blocked", "port-restricted", "udp-blocked", "relay", 0.5),
)
ROAMING_GOAL = 0.3 + 0.08
MOVES: dict[str, Callable[[Lab], None]] = {
    "new public address": lambda lab: lab.change_address("rome"),
    "NAT forgets": lambda lab: lab.rebind("rome"),
    "to another site": lambda lab: lab.move(GUEST, "cafe"),
}


@frozen(kw_only=True)
class Met:
    """What a pair took, seconds, as the slower end says; None for what it did not come to."""

    ping: float
    direct: float | None
    """From the beginning of the search, as are the next two."""
    offer: float | None
    """Until both ends had all candidates of the other: STUN, and signals by the controller."""
    checks: float | None
    """Until the moment that the controller set for both."""

    @property
    def punching(self) -> float | None:
        """Of the way to the direct path, what is not signalling."""
        return None if self.direct is None or self.offer is None else self.direct - self.offer


def met(ping: float, views: Sequence[PeerView]) -> Met:
    """What both ends say."""

    def slower(times: list[float | None]) -> float | None:
        return max((each for each in times if each is not None), default=None)

    return Met(
        ping=ping,
        direct=slower([view.seconds_to_direct for view in views]),
        offer=slower([view.seconds_to_offer for view in views]),
        checks=slower([view.seconds_to_checks for view in views]),
    )


@define
class Standing:
    """A lab with one pair in it."""

    lab: Lab
    mesh: Mesh
    prober: Prober
    _known: float = field(default=0.0, init=False)

    def meet(self, path: str) -> Met:
        """Wait for the first answer and for the path. Raises `TimeoutError`."""
        self._known = 0.0
        limit = time.time() + LIMIT_SECONDS
        while time.time() < limit:
            self.mesh.check()
            self._aim()
            views = [self.mesh.peers(one).get(other) for one, other in (PAIR, PAIR[::-1])]
            known = [view.known_since for view in views if view is not None and view.known_since is not None]
            if len(known) == 2:
                self._known = max(self._known, *known)
            first = self.prober.series[PAIR].first_answer_at if PAIR in self.prober.series else None
            if first is not None and len(known) == 2 and {view.path for view in views if view is not None} == {path}:
                return met(max(0.0, first - self._known), [view for view in views if view is not None])
            time.sleep(0.1)
        raise TimeoutError(f"no {path} path with an answer in {LIMIT_SECONDS:.0f} s")

    def again(self) -> None:
        """The guest forgets all and joins anew."""
        self.prober.forget([PAIR])
        self.mesh.rejoin(GUEST)

    def silence_after(self, move: Callable[[Lab], None]) -> float:
        """The longest silence, in seconds, after something was done to the running pair."""
        time.sleep(QUIET_SECONDS)
        move(self.lab)
        moved = time.time()
        time.sleep(WATCH_SECONDS)
        outage = self.prober.series[PAIR].figures(moved, moved + WATCH_SECONDS).outage
        return WATCH_SECONDS if outage is None else outage

    def _aim(self) -> None:
        address = self.mesh.address(GUEST)
        if PAIR not in self.prober.series and address is not None and self.mesh.address(HOME) is not None:
            self.prober.set_target(Target(PAIR, HOME, address, MESH_DEVICE))


@contextlib.contextmanager
def standing(name: str, home: str, guest: str, family: str) -> Iterator[Standing]:
    """The lab, with everything started."""
    text = SCENARIO.format(family=family, home=home, guest=guest, HOME=HOME, GUEST=GUEST)
    scenario = parse_scenario(text, name=f"reach-{name}", file=f"reach-{name}.yaml")
    with (
        Lab(scenario) as lab,
        contextlib.closing(Mesh(lab)) as mesh,
        contextlib.closing(Prober(lab, PING_SECONDS)) as prober,
    ):
        mesh.start_all()
        yield Standing(lab, mesh, prober)


def measure(case: Case, rounds: int) -> dict[str, list[float]]:
    """Seconds of each round. Raises `TimeoutError`."""
    rounds_met: list[Met] = []
    with standing(case.name, case.home, case.guest, case.family) as pair:
        pair.meet(case.path)
        for _ in range(rounds):
            pair.again()
            rounds_met.append(pair.meet(case.path))
    found: dict[str, Sequence[float | None]] = {
        "ping": [each.ping for each in rounds_met],
        "direct": [each.direct for each in rounds_met],
        "offer": [each.offer for each in rounds_met],
        "checks": [each.checks for each in rounds_met],
        "punching": [each.punching for each in rounds_met],
    }
    return {name: [each for each in times if each is not None] for name, times in found.items()}


def rows(goal: float, *, is_plain: bool) -> Iterator[tuple[str, str, float | None, float | None]]:
    """What is printed of the direct path: title, figure, goals for the median and for all but one in a hundred. The
    goals of pairs that need no guessing are for what comes after the signals."""
    yield "to the direct path", "direct", None if is_plain else goal, None
    yield "  of it signals", "offer", None, None
    yield "  of it until the common moment", "checks", None, None
    yield "  of it all but signals", "punching", goal if is_plain else None, PLAIN_SLOWEST if is_plain else None


def roam(rounds: int) -> dict[str, list[float]]:
    """Seconds of silence after each kind of move."""
    found: dict[str, list[float]] = {name: [] for name in MOVES}
    for _ in range(rounds):
        with standing("roaming", "port-restricted", "port-restricted", "ipv4") as pair:
            pair.meet("direct")
            for name, move in MOVES.items():
                found[name].append(pair.silence_after(move))
    return found


def line(title: str, times: Sequence[float], goal: float | None, slowest: float | None = None) -> str:
    """A row of the table; `slowest` is a goal for all but one in a hundred."""
    if not times:
        return f"{title:34} {'-':>7}"
    median = statistics.median(times)
    all_but_one = sorted(times)[math.ceil(0.99 * len(times)) - 1]
    goals = [(median, goal, "p50"), (all_but_one, slowest, "p99")]
    judged = [
        f"{limit:.2f} {name} {'met' if figure <= limit else 'MISSED'}"
        for figure, limit, name in goals
        if limit is not None
    ]
    figures = f"{median:7.2f} {min(times):7.2f} {max(times):7.2f} {len(times):7}"
    return f"{title:34} {figures}  {', '.join(judged)}".rstrip()


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help=f"of {', '.join(case.name for case in CASES)}, roaming; with commas")
    parser.add_argument("--rounds", type=int, help=f"of each; {PLAIN_ROUNDS} of plain pairs and {ROUNDS} of the others")
    parser.add_argument("--json", type=Path)
    wanted = parser.parse_args(arguments)
    names = wanted.only.split(",") if wanted.only else [*(case.name for case in CASES), "roaming"]
    print(f"{'seconds':34} {'median':>7} {'least':>7} {'most':>7} {'rounds':>7}  goals")
    figures: dict[str, dict[str, list[float]]] = {}
    is_well = True
    for case in [case for case in CASES if case.name in names]:
        try:
            found = figures[case.name] = measure(case, wanted.rounds or case.rounds)
        except TimeoutError as error:
            print(f"{case.name}: {error}", flush=True)
            is_well = False
            continue
        print(line(f"{case.name}: to the first ping", found["ping"], case.ping_goal), flush=True)
        if case.direct_goal is not None:
            for what, name, *goals in rows(case.direct_goal, is_plain=case.is_plain):
                print(line(f"{case.name}: {what}", found[name], *goals), flush=True)
    if "roaming" in names:
        found = figures["roaming"] = roam(wanted.rounds or ROUNDS)
        for title, times in found.items():
            print(line(f"roaming: {title}", times, ROAMING_GOAL), flush=True)
    if wanted.json is not None:
        wanted.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
