# -*- test-case-name: zerogo.test.controller.test_link_routes -*-
"""The JSON documents about links and events. Times are RFC 3339 with milliseconds, in a history unix seconds."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from functools import lru_cache

import msgspec

from zerogo.controller.event_log import Event
from zerogo.controller.link_book import End, Link, PathChange, carriers_of, main_end
from zerogo.controller.link_rings import Course


class LinkEnd(msgspec.Struct, frozen=True):
    """A link as one of its members sees it."""

    path: str
    """`direct`, `peer` (other members carry it), `relay`, `tcp` (a relay over TCP or TLS) or `none`."""
    via: list[str]
    """Ids of the members that carry it."""
    relay: str
    """The relay's name; empty for none."""
    state: str
    """`waiting`, `connecting`, `handshaking`, `connected` or `unreachable`."""
    rtt_ms: float | None
    jitter_ms: float | None
    loss: float | None
    """0 to 1."""
    received_bytes_per_second: float
    sent_bytes_per_second: float
    mtu: int
    """Bytes of the largest sealed datagram; 0 where there is no path."""
    cipher: str
    """As Noise calls it."""
    since: str | None
    """When this path came into use."""
    handshake_at: str | None
    reason: str
    """Why this path was chosen, or why there is none."""
    why: str
    """For a person: how it is reached, and what stands in the way of a better path."""
    score: float | None
    """0 to 100."""
    local_candidate: str
    remote_candidate: str
    reported_at: str

    @classmethod
    def of(cls, end: End) -> LinkEnd:
        """As the member said."""
        link, sample = end.link, end.sample
        return cls(
            path=link.path,
            via=[] if link.relay else list(carriers_of(link)),
            relay=link.relay,
            state=link.state,
            rtt_ms=sample.rtt_ms,
            jitter_ms=sample.jitter_ms,
            loss=sample.loss,
            received_bytes_per_second=sample.received,
            sent_bytes_per_second=sample.sent,
            mtu=link.mtu,
            cipher=link.cipher,
            since=_moment(end.since),
            handshake_at=_moment(end.handshake_at),
            reason=link.reason,
            why=link.why,
            score=sample.score,
            local_candidate=link.local,
            remote_candidate=link.remote,
            reported_at=moment(end.reported_at),
        )


class LinkEnds(msgspec.Struct, frozen=True):
    """What both members say; null for one that says nothing."""

    a: LinkEnd | None
    b: LinkEnd | None


class LinkDocument(msgspec.Struct, frozen=True):
    """A pair of members. At large it is as the end says that says the worse of it, else as `a` says; traffic is named
    as `a` sees it."""

    network_id: str
    a: str
    b: str
    path: str
    via: list[str]
    relay: str
    rtt_ms: float | None
    jitter_ms: float | None
    loss: float | None
    received_bytes_per_second: float
    sent_bytes_per_second: float
    mtu: int
    cipher: str
    since: str | None
    handshake_at: str | None
    reason: str
    why: str
    score: float | None
    reported_by: str
    """Id of the member whose words these are."""
    reported_at: str
    ends: LinkEnds

    @classmethod
    def of(cls, link: Link) -> LinkDocument:
        """As reported."""
        number, _ = main_end(link)
        ends = [None if end is None else LinkEnd.of(end) for end in link.ends]
        said = ends[number]
        assert said is not None
        names = link.names
        received, sent = traffic(link)
        return cls(
            network_id=str(link.network),
            a=names[0],
            b=names[1],
            path=said.path,
            via=said.via,
            relay=said.relay,
            rtt_ms=said.rtt_ms,
            jitter_ms=said.jitter_ms,
            loss=said.loss,
            received_bytes_per_second=received,
            sent_bytes_per_second=sent,
            mtu=said.mtu,
            cipher=said.cipher,
            since=said.since,
            handshake_at=said.handshake_at,
            reason=said.reason,
            why=said.why,
            score=said.score,
            reported_by=names[number],
            reported_at=said.reported_at,
            ends=LinkEnds(*ends),
        )


class HistoryDocument(msgspec.Struct, frozen=True):
    """The course of a link's figures, a column each; null where nothing was known. Rates are bytes a second as the
    first member of the pair sees them."""

    time: list[int]
    """Unix seconds."""
    rtt_ms: list[float | None]
    jitter_ms: list[float | None]
    loss: list[float | None]
    received: list[float | None]
    sent: list[float | None]

    @classmethod
    def of(cls, course: Course) -> HistoryDocument:
        """As kept."""
        columns = [[_known(each) for each in column] for column in course.columns]
        return cls(course.times, *columns)


class PathChangeDocument(msgspec.Struct, frozen=True):
    """A link took another path."""

    at: str
    path: str
    before: str
    via: list[str]
    """Ids of the members that carry, or the name of the relay."""
    reason: str
    reported_by: str | None

    @classmethod
    def of(cls, change: PathChange) -> PathChangeDocument:
        """As noted."""
        by = None if change.reported_by is None else str(change.reported_by)
        return cls(moment(change.at), change.path, change.before, list(change.via), change.reason, by)


class EventDocument(msgspec.Struct, frozen=True):
    """Something happened in a network."""

    id: str
    network_id: str
    at: str
    kind: str
    """`member.online`, `member.offline` or `link.path`."""
    nodes: list[str]
    """Ids of the members: one, or the two of a link."""
    change: PathChangeDocument | None
    """Of `link.path`."""

    @classmethod
    def of(cls, event: Event) -> EventDocument:
        """As noted."""
        return cls(
            id=str(event.number),
            network_id=str(event.network),
            at=moment(event.at),
            kind=event.kind,
            nodes=[str(node_id) for node_id in event.nodes],
            change=None if event.change is None else PathChangeDocument.of(event.change),
        )


def traffic(link: Link) -> tuple[float, float]:
    """Bytes a second that the first member receives and sends."""
    first, second = link.ends
    if first is not None:
        return first.sample.received, first.sample.sent
    return (0.0, 0.0) if second is None else (second.sample.sent, second.sample.received)


@lru_cache(maxsize=16_384)
def moment(unix_time: float) -> str:
    """A time with milliseconds; most that are shown are shown again and again."""
    text = datetime.fromtimestamp(unix_time, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def _known(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 3)


def _moment(unix_time: float | None) -> str | None:
    return None if unix_time is None else moment(unix_time)
