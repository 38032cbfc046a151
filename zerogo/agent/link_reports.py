# -*- test-case-name: zerogo.test.agent.test_link_reports -*-
"""What the controller is told of this machine's links: what changed, and no more of it than it asked for.

While nobody looks, a link is told when its path or state changes, looked at every ten seconds, and figures go out once
a minute. While somebody looks (`Watched`, which ends by itself), all is looked at at the interval that the controller
named; figures that moved by less than can be seen are not told, and where more links changed than may go into one
report, those that were told longest ago come first. After each registration the controller knows nothing, so the first
report says that it is the whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from attrs import define, field

from zerogo.control.member import Watched
from zerogo.control.messages import LINKS_GONE_LIMIT, AgentFacts, LinkReport, LinkSample, LinksReport
from zerogo.dataplane.interface import PeerCounters
from zerogo.ids import ChannelAddress, NodeId, RouteAddress
from zerogo.mesh.events import PathKind, PeerState
from zerogo.mesh.status import PathStatus, PeerStatus

IDLE_SAMPLES_SECONDS = 60.0
IDLE_LINKS = 16
"""In one report while nobody looks."""
MILLISECONDS_LIMIT = 3_600_000.0
TCP = "tcp"
"""The path by a relay that is reached over TCP or TLS; one from end to end has the same name and no relay."""
_RTT_STEP, _RTT_SHARE = 0.3, 0.05
"""Milliseconds, and share of the value before, below which a round trip or jitter has not moved."""
_RATE_STEP, _RATE_SHARE = 50.0, 0.1
_LOSS_STEP = 0.01
_SCORE_STEP = 0.5
_HANDSHAKE_STEP = 5.0
"""Seconds by which a handshake must be newer to be another one."""
_UNSHOWN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


@define
class _Told:
    """What the controller knows of one link."""

    key: object = None
    sample: LinkSample | None = None
    handshake_at: float | None = None
    told_at: float = float("-inf")
    totals: tuple[float, int, int] | None = field(default=None)
    """When, and how many bytes had come and gone."""


class LinkReporter:
    """Composes reports. `why` says for a person how a peer is reached; `is_streamed` whether a relay's address stands
    for a stream."""

    def __init__(self, why: Callable[[PeerStatus], str], is_streamed: Callable[[str], bool]) -> None:
        self._why = why
        self._is_streamed = is_streamed
        self._told: dict[NodeId, _Told] = {}
        self._facts = AgentFacts()
        self._told_facts: AgentFacts | None = None
        self._is_first = True
        self._watch: Watched | None = None
        self._watched_until = float("-inf")
        self._samples_at = float("-inf")

    def reset(self) -> None:
        """The controller knows nothing."""
        self._is_first = True
        self._told.clear()
        self._samples_at = float("-inf")

    def watched(self, watch: Watched, now: float) -> None:
        """Somebody looks; with 0 seconds nobody does any more."""
        self._watch = watch
        self._watched_until = now + watch.seconds if watch.seconds else float("-inf")

    def interval(self, now: float) -> float | None:
        """Seconds until the next report; None: nobody looks."""
        return self._watch.interval if self._watch is not None and now < self._watched_until else None

    def use_facts(self, facts: AgentFacts) -> None:
        """What is told of this machine itself."""
        self._facts = facts

    def compose(
        self, peers: Iterable[PeerStatus], counters: Mapping[int, PeerCounters], ciphers: Mapping[int, str], now: float
    ) -> LinksReport | None:
        """The next report; None: there is nothing to tell."""
        is_watched = self.interval(now) is not None
        limit = self._watch.links if is_watched and self._watch is not None else IDLE_LINKS
        with_samples = is_watched or now - self._samples_at >= IDLE_SAMPLES_SECONDS
        known = {peer.node_id: peer for peer in peers if self._is_of_interest(peer)}
        gone = [node_id for node_id in self._told if node_id not in known][:LINKS_GONE_LIMIT]
        for node_id in gone:
            del self._told[node_id]
        links: list[LinkReport] = []
        samples: list[LinkSample] = []
        for told, peer in self._by_age(known):
            sample = self._sample(told, peer, counters.get(peer.peer, PeerCounters()), now)
            key = self._key(peer, ciphers.get(peer.peer, ""))
            is_other = key != told.key or _is_newer(peer, told, now)
            if is_other and len(links) < max(limit, IDLE_LINKS):
                links.append(self._link(peer, ciphers.get(peer.peer, ""), now))
                told.key, told.handshake_at = key, _handshake_at(peer, now)
            if with_samples and len(samples) < limit and (is_other or _is_moved(told.sample, sample)):
                samples.append(sample)
                told.sample, told.told_at = sample, now
        return self._report(links, samples, gone, with_samples, now)

    def _report(
        self, links: list[LinkReport], samples: list[LinkSample], gone: list[NodeId], with_samples: bool, now: float
    ) -> LinksReport | None:
        if with_samples:
            self._samples_at = now
        is_whole, self._is_first = self._is_first, False
        about = self._facts if is_whole or self._facts != self._told_facts else None
        if not (links or samples or gone or is_whole or about):
            return None
        self._told_facts = self._facts
        return LinksReport(is_whole=is_whole, links=links, samples=samples, gone=[one.raw for one in gone], about=about)

    def _is_of_interest(self, peer: PeerStatus) -> bool:
        """One that waits for its turn, and was never told, says nothing."""
        return peer.state is not PeerState.WAITING or bool(peer.reason) or peer.node_id in self._told

    def _by_age(self, known: Mapping[NodeId, PeerStatus]) -> list[tuple[_Told, PeerStatus]]:
        pairs = [(self._told.setdefault(node_id, _Told()), peer) for node_id, peer in known.items()]
        return sorted(pairs, key=lambda pair: pair[0].told_at)

    def _path(self, peer: PeerStatus) -> PathStatus | None:
        return peer.path if peer.state is PeerState.CONNECTED else None

    def _kind(self, path: PathStatus | None) -> str:
        if path is None:
            return "none"
        end = path.destination
        if path.kind is PathKind.RELAY and isinstance(end, ChannelAddress) and self._is_streamed(str(end.relay)):
            return TCP
        return path.kind.value

    def _key(self, peer: PeerStatus, cipher: str) -> object:
        """What a link report follows from, without what only time changes."""
        path = self._path(peer)
        if path is None:
            return (peer.state, peer.reason, peer.theirs)
        changed_at = peer.history[-1].at if peer.history else None
        ends = (path.local_candidate, path.remote_candidate)
        has_direct = any(each.kind is PathKind.DIRECT and each.is_alive for each in peer.paths)
        way = (self._kind(path), path.relay, path.destination, path.mtu, ends)
        return (way, cipher, changed_at, peer.reason, peer.theirs, has_direct)

    def _link(self, peer: PeerStatus, cipher: str, now: float) -> LinkReport:
        path = self._path(peer)
        change = peer.history[-1] if peer.history else None
        why = _shown(self._why(peer), 500)
        if path is None:
            reason = peer.reason or ("" if change is None else change.reason)
            age = None if change is None or change.kind is not None else max(0.0, now - change.at)
            return LinkReport(
                peer=peer.node_id.raw, state=peer.state.value, reason=_shown(reason, 200), why=why, age=age
            )
        carriers = path.destination.hops[:-1] if isinstance(path.destination, RouteAddress) else ()
        return LinkReport(
            peer=peer.node_id.raw,
            path=self._kind(path),
            via=[node_id.raw for node_id in carriers],
            relay=_shown(path.relay, 32),
            state=peer.state.value,
            mtu=path.mtu,
            cipher=cipher,
            local=path.local_candidate[:16],
            remote=path.remote_candidate[:16],
            age=None if change is None else max(0.0, now - change.at),
            handshake_age=None if peer.handshake_age is None else max(0.0, peer.handshake_age),
            reason=_shown("" if change is None else change.reason, 200),
            why=why,
        )

    def _sample(self, told: _Told, peer: PeerStatus, counted: PeerCounters, now: float) -> LinkSample:
        received, sent = _rates(told, counted, now)
        path = self._path(peer)
        if path is None:
            return LinkSample(peer.node_id.raw, received=received, sent=sent)
        return LinkSample(
            peer=peer.node_id.raw,
            rtt_ms=_ms(path.rtt),
            jitter_ms=_ms(path.jitter),
            loss=round(min(max(path.loss, 0.0), 1.0), 4),
            received=received,
            sent=sent,
            score=round(min(max(path.score.points, -10_000.0), 10_000.0), 1),
        )


def _rates(told: _Told, counted: PeerCounters, now: float) -> tuple[float, float]:
    """Bytes a second since the last look, in and out; a plane that began anew counts from nothing."""
    before, told.totals = told.totals, (now, counted.bytes_in, counted.bytes_out)
    if before is None or now <= before[0]:
        return 0.0, 0.0
    seconds = now - before[0]
    received, sent = (max(0, total - old) / seconds for total, old in zip(told.totals[1:], before[1:], strict=True))
    return round(received, 1), round(sent, 1)


def _handshake_at(peer: PeerStatus, now: float) -> float | None:
    return None if peer.handshake_age is None else now - peer.handshake_age


def _is_newer(peer: PeerStatus, told: _Told, now: float) -> bool:
    at = _handshake_at(peer, now)
    return at is not None and (told.handshake_at is None or at > told.handshake_at + _HANDSHAKE_STEP)


def _is_moved(before: LinkSample | None, after: LinkSample) -> bool:
    if before is None:
        return True
    return (
        _moved(before.rtt_ms, after.rtt_ms, _RTT_STEP, _RTT_SHARE)
        or _moved(before.jitter_ms, after.jitter_ms, _RTT_STEP, 2 * _RTT_SHARE)
        or _moved(before.loss, after.loss, _LOSS_STEP, 0.0)
        or _moved(before.received, after.received, _RATE_STEP, _RATE_SHARE)
        or _moved(before.sent, after.sent, _RATE_STEP, _RATE_SHARE)
        or _moved(before.score, after.score, _SCORE_STEP, 0.0)
    )


def _moved(before: float | None, after: float | None, step: float, share: float) -> bool:
    if before is None or after is None:
        return before is not after
    return abs(after - before) > max(step, share * abs(before))


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else min(round(max(seconds, 0.0) * 1000, 3), MILLISECONDS_LIMIT)


def _shown(text: str, limit: int) -> str:
    return _UNSHOWN.sub(" ", text)[:limit]
