"""All kinds of NATs against all, as real agents in network namespaces: which path each pair takes, and how soon.

    python -m integration.netns.matrix [--only NAME] [--keep]

There are five internets, one after the other: one agent behind each kind of NAT, pairs of alike and double NATs, homes
behind carriers, both families, and IPv6 only. All agents of an internet are in one mesh, so all its pairs connect at
the same time, on whatever this machine has to give: times are those of a busy machine. Each link delays by 20 ms, 80 ms
from site to site and back. Each pair is pinged until its first answer, and looked at until its path is what it should
be; the exit status is 1 where one of these does not come.

    strict      port-restricted: one NAT, two, or one behind a carrier's
    hard        symmetric: sequential, random, or random in a block of ports
    lenient     open, full-cone, address-restricted: let a hard end in without any guessing

    strict x hard           direct, by prediction or by birthday
    sequential x sequential direct, by prediction at both ends; or relay, where much else happens at their NATs
    hard x hard             relay
    without UDP             relay, by TCP or TLS
    one carrier             direct with hairpin, relay without

Where it says relay, another member will do, which may be nearer as long as the relay is slow.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
import time
from collections.abc import Callable, Sequence

from attrs import define, field

from integration.stream import peer_report
from zerogo.lab.laboratory import Lab
from zerogo.lab.loader import parse_scenario
from zerogo.lab.prober import Prober, Target
from zerogo.lab.result import PeerView
from zerogo.lab.roles import MESH_DEVICE, Mesh
from zerogo.lab.scenario import Pair, Role

SINGLE = """
defaults: {link: {delay: 20ms}}
sites:
  cloud: {nat: open, hosts: {server: {role: [controller, relay]}}}
  ber: {nat: full-cone, hosts: [cone-1]}
  cph: {nat: address-restricted, hosts: [address-1]}
  dub: {nat: port-restricted, hosts: [port-1]}
  gva: {nat: symmetric-sequential, hosts: [sequential-1]}
  ist: {nat: symmetric-random, hosts: [random-1]}
  lis: {nat: symmetric-port-block, hosts: [block-1]}
  mad: {nat: udp-blocked, hosts: [blocked-1]}
"""
TWICE = """
defaults: {link: {delay: 20ms}}
sites:
  cloud: {nat: open, hosts: {server: {role: [controller, relay]}}}
  ams: {nat: open, hosts: [open-1]}
  dub: {nat: port-restricted, hosts: [port-1]}
  edi: {nat: port-restricted, hosts: [port-2]}
  fra: {nat: [port-restricted, port-restricted], hosts: [double-1]}
  gva: {nat: symmetric-sequential, hosts: [sequential-1]}
  hel: {nat: symmetric-sequential, hosts: [sequential-2]}
  ist: {nat: symmetric-random, hosts: [random-1]}
"""
CARRIERS = """
defaults: {link: {delay: 20ms}}
sites:
  cloud: {nat: open, hosts: {server: {role: [controller, relay]}}}
  carrier-h: {nat: port-restricted, hairpin: true}
  osl: {nat: port-restricted, behind: carrier-h, hosts: [hairpin-1]}
  par: {nat: port-restricted, behind: carrier-h, hosts: [hairpin-2]}
  carrier-n: {nat: port-restricted}
  rix: {nat: port-restricted, behind: carrier-n, hosts: [carried-1]}
  sof: {nat: port-restricted, behind: carrier-n, hosts: [carried-2]}
  mad: {nat: udp-blocked, hosts: [blocked-1]}
  nap: {nat: udp-blocked, hosts: [blocked-2]}
"""
BOTH = """
family: both
defaults: {link: {delay: 20ms}}
sites:
  cloud: {nat: open, hosts: {server: {role: [controller, relay]}}}
  gva: {nat: symmetric-random, hosts: [random-1]}
  hel: {nat: symmetric-random, hosts: [random-2]}
  dub: {nat: port-restricted, hosts: [port-1]}
  mad: {nat: udp-blocked, hosts: [blocked-1]}
"""
IPV6 = """
family: ipv6
defaults: {link: {delay: 20ms}}
sites:
  cloud: {nat: open, hosts: {server: {role: [controller, relay]}}}
  ams: {nat: open, hosts: [open-1]}
  dub: {nat: port-restricted, hosts: [fire-1]}
  edi: {nat: port-restricted, hosts: [fire-2]}
"""
INTERNETS = {"single": SINGLE, "twice": TWICE, "carriers": CARRIERS, "both": BOTH, "ipv6": IPV6}
_WITH_IPV6 = ("both", "ipv6")
DIRECT, PEER, RELAY = "direct", "peer", "relay"
_HARD = ("sequential", "random", "block")
_STRICT = ("port", "double", "hairpin", "carried")
LIMIT_SECONDS = 60.0
"""Of one internet, from the start of the last agent."""
LOOK_SECONDS = 0.3


def expected_path(internet: str, pair: Pair) -> str:
    """What a pair comes to."""
    one, other = (name.split("-")[0] for name in pair)
    kinds = (one, other)
    if "blocked" in kinds:
        return RELAY
    if internet in _WITH_IPV6:
        return DIRECT
    if kinds == ("carried", "carried"):
        return RELAY
    if one in _HARD and other in _HARD:
        return DIRECT if kinds == ("sequential", "sequential") else RELAY
    return DIRECT


def technique(internet: str, pair: Pair) -> str:
    """How it comes to it."""
    kinds = [name.split("-")[0] for name in pair]
    hard = [kind for kind in kinds if kind in _HARD]
    if internet in _WITH_IPV6 or expected_path(internet, pair) == RELAY or not hard:
        return ""
    if len(hard) == 2 or ("sequential" in hard and any(kind in _STRICT for kind in kinds)):
        return "prediction"
    return "birthday" if any(kind in _STRICT for kind in kinds) else ""


@define
class Meeting:
    """What became of a pair. Seconds run from the moment at which the later of its agents was started."""

    pair: Pair
    expected: str
    first_ping: float | None = None
    path: str = "none"
    """What both ends call it, as of last; once it was what it should be, that."""
    reached: float | None = None
    """When it was what it should be."""
    direct: float | None = None
    """Seconds from the moment that the agents knew of each other to the direct path, as the slower of both says."""
    reason: str = ""

    @property
    def is_well(self) -> bool:
        """Whether the pair is what it should be; two ends that predict may also have had to stay with the relay."""
        both_predict = all(name.startswith("sequential") for name in self.pair)
        is_there = self.reached is not None or (both_predict and self.path in (PEER, RELAY))
        return is_there and self.first_ping is not None

    def look(self, here: PeerView | None, there: PeerView | None, seconds: float) -> None:
        """Take over what both ends say."""
        if here is None or there is None or self.reached is not None:
            return
        views = (here, there)
        self.path = next((view.path for view in views if view.path != DIRECT), DIRECT)
        self.reason = next((view.reason for view in views if view.reason), "")
        if self.path == self.expected or (self.path, self.expected) == (PEER, RELAY):
            self.reached = seconds
            times = [view.seconds_to_direct for view in views if view.seconds_to_direct is not None]
            self.direct = max(times) if len(times) == 2 and self.expected == DIRECT else None


@define
class Run:
    """One internet, standing."""

    internet: str
    lab: Lab
    mesh: Mesh
    prober: Prober
    meetings: dict[Pair, Meeting] = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Nothing is known of any pair."""
        pairs = self.lab.scenario.pairs()
        self.meetings = {pair: Meeting(pair, expected_path(self.internet, pair)) for pair in pairs}

    def go(self) -> list[Meeting]:
        """Until all pairs are what they should be and have answered a ping, at most `LIMIT_SECONDS`."""
        self.mesh.start_all()
        limit = time.time() + LIMIT_SECONDS
        while time.time() < limit and not all(each.reached and each.first_ping for each in self.meetings.values()):
            self.mesh.check()
            names = self.lab.scenario.with_role(Role.AGENT)
            views = {name: self.mesh.peers(name) for name in names}
            for meeting in self.meetings.values():
                self._ping(meeting)
                one, other = meeting.pair
                meeting.look(views[one].get(other), views[other].get(one), time.time() - self._began(meeting))
            time.sleep(LOOK_SECONDS)
        return list(self.meetings.values())

    def _began(self, meeting: Meeting) -> float:
        return max(self.mesh.joined_at(name) for name in meeting.pair)

    def _ping(self, meeting: Meeting) -> None:
        """Ping a pair until its first answer."""
        pair = meeting.pair
        if meeting.first_ping is not None:
            return
        series = self.prober.series.get(pair)
        address = self.mesh.address(pair[1])
        if series is None and address is not None and self.mesh.address(pair[0]) is not None:
            self.prober.set_target(Target(pair, pair[0], address, MESH_DEVICE))
        if series is not None and series.first_answer_at is not None:
            meeting.first_ping = series.first_answer_at - self._began(meeting)
            self.prober.forget([pair])


def run(internet: str, write: Callable[[str], object], *, keep: bool = False) -> bool:
    """Run one internet and print its table; whether all is as it should be. Raises `LabFault`."""
    began = time.monotonic()
    scenario = parse_scenario(INTERNETS[internet], name=f"matrix-{internet}", file=f"matrix-{internet}.yaml")
    with (
        Lab(scenario, keep_directory=keep) as lab,
        contextlib.closing(Mesh(lab)) as mesh,
        contextlib.closing(Prober(lab)) as prober,
    ):
        meetings = Run(internet, lab, mesh, prober).go()
        stories = [line for meeting in meetings if not meeting.is_well for line in story(mesh, meeting.pair)]
    for line in [*table(internet, meetings), *summary(internet, meetings), *stories]:
        write(line)
    if keep:
        write(f"logs: {lab.directory}")
    write(f"{internet}: {len(meetings)} pairs in {time.monotonic() - began:.0f} s")
    return all(meeting.is_well for meeting in meetings)


def story(mesh: Mesh, pair: Pair) -> list[str]:
    """What both ends know of a pair that is not what it should be: the ways there are, and how they came and went."""
    lines = []
    for one, other in (pair, pair[::-1]):
        report = peer_report(mesh, one, other)
        if report is None:
            lines.append(f"{one} says nothing of {other}")
            continue
        ways = [
            f"{way.kind} {way.address}{'' if way.is_alive else ' dead'}{' in use' if way.is_active else ''}"
            for way in report.paths[:3]
        ]
        past = [f"{change.age_seconds:.1f} s ago {change.kind or 'none'}: {change.reason}" for change in report.changes]
        lines.append(f"{one} of {other}: {report.state} {report.reason}; {', '.join(ways) or 'no way'}")
        lines += [f"    {line}" for line in past]
    return lines


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def table(internet: str, meetings: Sequence[Meeting]) -> list[str]:
    """One line a pair."""
    lines = [f"{'pair of ' + internet:30} {'path':7} {'first ping s':>12} {'direct s':>9}  how"]
    for meeting in meetings:
        wrong = "" if meeting.is_well else f"  SHOULD BE {meeting.expected}: {meeting.reason}"
        name = f"{meeting.pair[0]} x {meeting.pair[1]}"
        times = f"{_seconds(meeting.first_ping):>12} {_seconds(meeting.direct):>9}"
        lines.append(f"{name:30} {meeting.path:7} {times}  {technique(internet, meeting.pair)}{wrong}")
    return lines


def summary(internet: str, meetings: Sequence[Meeting]) -> list[str]:
    """Medians by technique, of the pairs that are direct."""
    times: dict[str, list[float]] = {}
    for meeting in meetings:
        if meeting.direct is not None:
            times.setdefault(technique(internet, meeting.pair) or "plain", []).append(meeting.direct)
    return [
        f"{name:11} {len(found):3} pairs direct, seconds: median {statistics.median(found):.2f}, most {max(found):.2f}"
        for name, found in times.items()
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables; the exit status is 1 where a pair is not what it should be."""
    parser = argparse.ArgumentParser(description="all kinds of NATs against all, with real agents")
    parser.add_argument("--only", choices=tuple(INTERNETS), help="one of the internets")
    parser.add_argument("--keep", action="store_true", help="keep the logs")
    wanted = parser.parse_args(arguments)
    chosen = [wanted.only] if wanted.only else list(INTERNETS)
    passed = [run(name, lambda text: print(text, flush=True), keep=wanted.keep) for name in chosen]
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
