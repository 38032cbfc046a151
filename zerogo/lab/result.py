# -*- test-case-name: zerogo.test.lab.test_verdict -*-
"""What a run found out, as values; `Result` is what `--json` prints. Times are seconds, rates bits per second."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import Factory, frozen

from zerogo.lab.internet import Counters
from zerogo.lab.scenario import Pair

Address = tuple[str, int]


@frozen(kw_only=True)
class Behaviour:
    """In the words of RFC 4787, section 4 and 5; `blocked` where no UDP comes through at all."""

    mapping: str
    filtering: str
    hairpin: bool
    preserves_port: bool
    """Whether the outside port is the inside one."""
    mapped: tuple[Address, ...]
    """Where one inside socket seemed to be to (address 1, port 1), (1, 2), (2, 1), (2, 2)."""


@frozen(kw_only=True)
class PeerView:
    """What an agent says about one of its peers."""

    name: str
    addresses: tuple[str, ...] = ()
    """In the mesh."""
    state: str = ""
    path: str = "none"
    """A kind of path, as in the check `path`."""
    local_candidate: str = ""
    remote_candidate: str = ""
    address: str = ""
    """Where its datagrams go."""
    rtt: float | None = None
    seconds_to_direct: float | None = None
    seconds_to_offer: float | None = None
    seconds_to_checks: float | None = None
    known_since: float | None = None
    """When its map named the peer, seconds since 1970; too early by as long as the agent took to say so."""
    reason: str = ""
    """Why there is no path, in one sentence."""


@frozen(kw_only=True)
class PairResult:
    """One pair of hosts."""

    pair: Pair
    path: str = ""
    """Empty where no agent was asked."""
    local_candidate: str = ""
    remote_candidate: str = ""
    first_ping: float | None = None
    """Seconds from the start of the later agent's joining to the first answer."""
    map_to_ping: float | None = None
    """Seconds from the moment that the maps of both agents named the other to the first answer: without the start of
    programs, and without joining."""
    direct: float | None = None
    """Seconds from the moment that the agents knew of each other to the direct path, as the slower of both says."""
    rtt_p50: float | None = None
    rtt_p99: float | None = None
    loss: float | None = None
    outage: float | None = None
    throughput: float | None = None
    answers: bool = False
    """Whether it answered in the last seconds of the run."""
    reason: str = ""


@frozen(kw_only=True)
class CheckResult:
    """A check and what came of it."""

    check: str
    passed: bool
    sentence: str


@frozen(kw_only=True)
class Sealing:
    """How often the internet saw the pings' contents, and the plain packet that proves that it would."""

    inside: int
    """Packets that carried the canary of the pings inside the mesh: must be 0."""
    control: int
    """Packets that carried the canary sent in the open: must not be 0."""
    answered: int
    """Pings inside the mesh that were answered: must not be 0."""


@frozen(kw_only=True)
class JoinTimes:
    """Seconds from the start of joining to the first answered ping, over all repetitions."""

    count: int
    p50: float | None
    p99: float | None
    seconds: tuple[float, ...] = ()


@frozen(kw_only=True)
class Findings:
    """What checks are judged by."""

    pairs: Mapping[Pair, PairResult]
    sealing: Sealing | None = None
    behaviours: Mapping[str, Behaviour] = Factory(dict)
    """By host."""
    joins: JoinTimes | None = None


@frozen(kw_only=True)
class Result:
    """A whole run."""

    scenario: str
    seed: int
    seconds: float
    pairs: tuple[PairResult, ...]
    checks: tuple[CheckResult, ...]
    events: tuple[str, ...] = ()
    """The time line as it went: seconds since the start and what was done."""
    joins: JoinTimes | None = None
    sealing: Sealing | None = None
    internet: Counters = Factory(Counters)
    directory: str = ""
    """Where the logs are, if they were kept."""
    natures: Mapping[str, str] = Factory(dict)
    """Mapping and filtering that were seen, by host."""

    @property
    def passed(self) -> bool:
        """Whether all checks hold."""
        return all(check.passed for check in self.checks)
