# -*- test-case-name: zerogo.test.portmap.test_mapper -*-
"""The core of port mapping: asks a gateway by all protocols at once, has one of them map, keeps that up, removes it.

All protocols are probed together. PCP is taken as soon as it answers, NAT-PMP as soon as PCP is known to be absent, any
of them `CHOICE_SECONDS` after the probes; a port below `LOW_PORTS` is asked for by UPnP alone. Nothing waits for the
outcome: a mapping is one more candidate, whenever it comes.

A mapping is renewed at half of its lease; a gateway that does not answer is asked again until the lease is over. Every
`CHECK_SECONDS` the gateway's epoch is read, and announcements are heard: a gateway that began anew is asked for the
mapping again, at most every `AGAIN_GAP_SECONDS`. Where nothing could be had, all is tried again after
`RETRY_SECONDS`, and when the network changes.
"""

from __future__ import annotations

import enum
import hashlib
from collections import deque
from collections.abc import Iterator, Sequence

from attrs import define, frozen

from zerogo.core import Deadline, RandomBytes, TimerTable, Transmit, drain
from zerogo.errors import ParseError
from zerogo.ids import SocketAddress
from zerogo.portmap import natpmp, pcp
from zerogo.portmap.datagrams import DatagramClient, NatPmpClient, PcpClient
from zerogo.portmap.http import HttpAnswer
from zerogo.portmap.lease import (
    LIFETIME_LIMIT_SECONDS,
    SILENT,
    Declined,
    Forgotten,
    Granted,
    MappingProtocol,
    Outcome,
    Present,
    Site,
    Withdrawn,
    is_useful_outer,
)
from zerogo.portmap.upnp import HttpCall, IgdClient

CHOICE_SECONDS = 0.25
CHECK_SECONDS = 60.0
RETRY_SECONDS = 600.0
AGAIN_GAP_SECONDS = 5.0
RENEW_AFTER_LEAST_SECONDS = 30.0
CLOSE_SECONDS = 1.0
JITTER_SHARE = 0.1
NONCE_KEY_BYTES = 32
LOW_PORTS = 1024
"""Inner ports below are what gateways do not allow, as a rule. By PCP and NAT-PMP it is the gateway that finds an outer
port, and miniupnpd looks at all before it says no, and answers nobody meanwhile; by UPnP it says no at once."""


@frozen
class MappingFound:
    """Whoever sends or connects to `outer` reaches our port; a further one replaces the one before."""

    protocol: MappingProtocol
    outer: SocketAddress


@frozen
class MappingLost:
    """There is no mapping any more, for this reason."""

    reason: str


@frozen
class Closed:
    """All that was mapped is removed, or the gateway had its time for it."""


MapperEvent = MappingFound | MappingLost | HttpCall | Closed


class Standing(enum.Enum):
    """How a gateway stands to a protocol."""

    ASKED = enum.auto()
    PRESENT = enum.auto()
    ABSENT = enum.auto()
    DECLINED = enum.auto()


@frozen
class ProtocolStatus:
    """What is known of a protocol at the gateway."""

    standing: Standing
    reason: str = ""
    """Why it does not do it."""


@frozen(kw_only=True)
class MapperStatus:
    """For people."""

    gateway: str | None
    protocols: dict[MappingProtocol, ProtocolStatus]
    used: MappingProtocol | None
    outer: SocketAddress | None
    seconds_left: float | None
    """Of the lease."""


class _Timer(enum.StrEnum):
    CHOOSE = "choose a protocol"
    RENEW = "renew the mapping"
    EXPIRE = "end of the mapping"
    CHECK = "read the epoch"
    RETRY = "try all again"
    CLOSE = "end"


_Client = DatagramClient | IgdClient


@define(eq=False)
class _Lease:
    outer: SocketAddress
    expires_at: float


class PortMapper:
    """The core; one per port. Verbs take monotonic seconds last."""

    def __init__(
        self,
        rng: RandomBytes,
        protocols: Sequence[MappingProtocol] = tuple(MappingProtocol),
        nonce_key: bytes | None = None,
    ) -> None:
        """`protocols` are those to try.

        :param nonce_key: 32 secret bytes that are the same at the next start. PCP lets a mapping be changed by its
            nonce alone, and one that was left behind by a crash would be in our way; drawn where None.
        """
        self._rng = rng
        self._nonce_key = rng(NONCE_KEY_BYTES) if nonce_key is None else nonce_key
        self._protocols = tuple(protocols)
        self._site: Site | None = None
        self._clients: dict[MappingProtocol, _Client] = {}
        self._standing: dict[MappingProtocol, ProtocolStatus] = {}
        self._used: MappingProtocol | None = None
        self._lease: _Lease | None = None
        self._asked_at = float("-inf")
        self._is_closing = False
        self._timers: TimerTable[_Timer] = TimerTable()
        self._transmits: deque[Transmit] = deque(maxlen=64)
        self._events: deque[MapperEvent] = deque(maxlen=64)

    def set_site(self, site: Site | None, now: float) -> None:
        """Where we are; None without a gateway. The same place again means that something changed: read the epoch."""
        if self._is_closing:
            return
        if site is not None and site == self._site:
            self._check(now)
        else:
            self._forget("the network is another one")
            self._site = site
            self._begin(now)
        self._settle(now)

    def receive_datagram(self, data: bytes, source: SocketAddress, now: float) -> None:
        """What came to one of the sockets for the gateway. Never raises."""
        if self._site is None or source.host != self._site.gateway:
            return
        try:
            if data[:5] == b"HTTP/":
                self._pass_to(MappingProtocol.UPNP, data, now)
            elif source.port == natpmp.PORT:
                self._receive_answer(data, now)
        except ParseError:
            return
        finally:
            self._settle(now)

    def receive_http(self, number: int, answer: HttpAnswer | None, now: float) -> None:
        """What the HTTP call of that number came to."""
        client = self._clients.get(MappingProtocol.UPNP)
        if isinstance(client, IgdClient):
            client.receive_http(number, answer, now)
            self._settle(now)

    def close(self, now: float) -> None:
        """Remove the mapping; `Closed` follows, within a second."""
        if self._is_closing:
            return
        self._is_closing = True
        used, self._timers = self._used, TimerTable()
        if used is None:
            self._events.append(Closed())
            return
        self._timers.set(_Timer.CLOSE, now + CLOSE_SECONDS)
        self._clients = {used: self._clients[used]}
        self._clients[used].unmap(now)
        self._settle(now)

    def handle_timer(self, now: float) -> None:
        """Do what is due."""
        for timer in self._timers.take_due(now):
            match timer:
                case _Timer.CHOOSE:
                    self._choose(now)
                case _Timer.RENEW if self._used is not None:
                    self._ask_used(now)
                case _Timer.EXPIRE:
                    self._give_up_used("the gateway did not renew the mapping", now)
                case _Timer.CHECK:
                    self._check(now)
                case _Timer.RETRY:
                    self._begin(now)
                case _Timer.CLOSE:
                    self._closed()
        for client in list(self._clients.values()):
            client.handle_timer(now)
        self._settle(now)

    def next_timer(self) -> Deadline | None:
        """The earliest deadline."""
        times = [(at, str(name)) for name, client in self._clients.items() if (at := client.next_at()) is not None]
        own = self._timers.next()
        if own is not None:
            times.append((own.at, own.reason))
        return Deadline(*min(times)) if times else None

    def transmits(self) -> Iterator[Transmit]:
        """Drain the datagrams to send: to the gateway, and searches to SSDP's group."""
        return drain(self._transmits)

    def events(self) -> Iterator[MapperEvent]:
        """Drain what happened, and the HTTP calls to make."""
        return drain(self._events)

    def status(self, now: float) -> MapperStatus:
        """What is known."""
        lease = self._lease
        return MapperStatus(
            gateway=None if self._site is None else self._site.gateway,
            protocols=dict(self._standing),
            used=None if lease is None else self._used,
            outer=None if lease is None else lease.outer,
            seconds_left=None if lease is None else max(0.0, lease.expires_at - now),
        )

    @property
    def is_settled(self) -> bool:
        """Whether nothing more is to be heard of any protocol before something changes."""
        is_asking = any(status.standing is Standing.ASKED for status in self._standing.values())
        return not is_asking and (self._used is None or self._lease is not None)

    # The course of things

    def _begin(self, now: float) -> None:
        self._timers = TimerTable()
        self._clients.clear()
        self._standing.clear()
        self._used = None
        if self._site is None:
            return
        is_low = self._site.inner.port < LOW_PORTS
        for protocol in [each for each in self._protocols if each is MappingProtocol.UPNP or not is_low]:
            client = self._client(protocol, self._site)
            self._clients[protocol] = client
            self._standing[protocol] = ProtocolStatus(Standing.ASKED)
            client.probe(now)
        self._timers.set(_Timer.CHOOSE, now + CHOICE_SECONDS)

    def _client(self, protocol: MappingProtocol, site: Site) -> _Client:
        match protocol:
            case MappingProtocol.PCP:
                place = f"{site.gateway} {site.inner} {site.transport}".encode("ascii")
                nonce = hashlib.blake2s(
                    place, key=self._nonce_key, digest_size=pcp.NONCE_BYTES, person=b"zg-pcp"
                ).digest()
                return PcpClient(site, nonce=nonce)
            case MappingProtocol.NAT_PMP:
                return NatPmpClient(site)
            case MappingProtocol.UPNP:
                return IgdClient(site, self._rng)

    def _receive_answer(self, data: bytes, now: float) -> None:
        if data[:1] == bytes([pcp.VERSION]):
            result, protocol, other = pcp.parse_response(data).result, MappingProtocol.PCP, MappingProtocol.NAT_PMP
        else:
            result, protocol, other = natpmp.parse_response(data).result, MappingProtocol.NAT_PMP, MappingProtocol.PCP
        if result != pcp.UNSUPPORTED_VERSION:
            self._pass_to(protocol, data, now)
            return
        # The gateway speaks this version, and says so of the other one that we asked in.
        client = self._clients.get(other)
        if isinstance(client, DatagramClient):
            client.absent(pcp.result_reason(pcp.UNSUPPORTED_VERSION))

    def _pass_to(self, protocol: MappingProtocol, data: bytes, now: float) -> None:
        client = self._clients.get(protocol)
        if client is not None:
            client.receive(data, now)

    def _settle(self, now: float) -> None:
        for protocol, client in list(self._clients.items()):
            for outcome in client.outcomes():
                self._take(protocol, outcome, now)
        for client in self._clients.values():
            self._transmits.extend(client.transmits())
            if isinstance(client, IgdClient):
                self._events.extend(client.calls())

    def _take(self, protocol: MappingProtocol, outcome: Outcome, now: float) -> None:
        if self._is_closing:
            if isinstance(outcome, Withdrawn):
                self._closed()
            return
        match outcome:
            case Present():
                self._standing[protocol] = ProtocolStatus(Standing.PRESENT)
                self._choose(now)
            case Granted() if protocol is self._used:
                self._granted(protocol, outcome, now)
            case Declined(reason, is_absent):
                self._declined(protocol, reason, is_absent, now)
            case Forgotten() if protocol is self._used and self._lease is not None:
                at = max(now + self._fraction(), self._asked_at + AGAIN_GAP_SECONDS)
                self._timers.set(_Timer.RENEW, at)
            case _:
                pass

    def _choose(self, now: float) -> None:
        """Have the best protocol map; wait for a better one while there is time."""
        if self._used is not None:
            return
        for protocol, status in self._standing.items():
            if status.standing is Standing.PRESENT:
                self._used = protocol
                self._ask_used(now)
                return
            if status.standing is Standing.ASKED and self._timers.is_set(_Timer.CHOOSE):
                return
        if all(status.standing is not Standing.ASKED for status in self._standing.values()):
            self._timers.set(_Timer.RETRY, now + self._jittered(RETRY_SECONDS))

    def _ask_used(self, now: float) -> None:
        assert self._used is not None
        self._asked_at = now
        self._clients[self._used].map(now)

    def _granted(self, protocol: MappingProtocol, granted: Granted, now: float) -> None:
        if not is_useful_outer(granted.outer) or granted.lifetime <= 0:
            self._declined(protocol, "it gave an address of no use", False, now)
            return
        lifetime = min(float(granted.lifetime), LIFETIME_LIMIT_SECONDS)
        before = self._lease
        self._lease = _Lease(granted.outer, now + lifetime)
        if before is None or before.outer != granted.outer:
            self._events.append(MappingFound(protocol, granted.outer))
        self._timers.set(_Timer.RENEW, now + max(self._jittered(lifetime / 2), RENEW_AFTER_LEAST_SECONDS))
        self._timers.set(_Timer.EXPIRE, now + max(lifetime, RENEW_AFTER_LEAST_SECONDS + AGAIN_GAP_SECONDS))
        if protocol is not MappingProtocol.UPNP:
            self._timers.set(_Timer.CHECK, now + self._jittered(CHECK_SECONDS))

    def _declined(self, protocol: MappingProtocol, reason: str, is_absent: bool, now: float) -> None:
        if protocol is self._used and self._lease is not None and reason == SILENT:
            # A check or a renewal that was lost; the lease goes on.
            if not self._timers.is_set(_Timer.RENEW):
                left = self._lease.expires_at - now
                self._timers.set(_Timer.RENEW, now + max(left / 4, RENEW_AFTER_LEAST_SECONDS))
            return
        standing = Standing.ABSENT if is_absent else Standing.DECLINED
        self._standing[protocol] = ProtocolStatus(standing, reason)
        if protocol is self._used:
            self._give_up_used(reason, now)
        else:
            self._choose(now)

    def _give_up_used(self, reason: str, now: float) -> None:
        if self._used is not None:
            self._standing[self._used] = ProtocolStatus(Standing.DECLINED, reason)
        self._used = None
        for timer in (_Timer.RENEW, _Timer.EXPIRE, _Timer.CHECK):
            self._timers.cancel(timer)
        self._forget(reason)
        self._choose(now)

    def _forget(self, reason: str) -> None:
        if self._lease is not None:
            self._lease = None
            self._events.append(MappingLost(reason))

    def _check(self, now: float) -> None:
        """Read the epoch; without a mapping, try everything again."""
        if self._lease is None or self._used is None:
            if self._timers.is_set(_Timer.RETRY):
                self._begin(now)
            return
        if self._used is not MappingProtocol.UPNP:
            self._clients[self._used].probe(now)
            self._timers.set(_Timer.CHECK, now + self._jittered(CHECK_SECONDS))
        elif now >= self._asked_at + AGAIN_GAP_SECONDS:
            self._ask_used(now)

    def _closed(self) -> None:
        self._timers = TimerTable()
        self._clients.clear()
        self._lease = self._used = None
        self._events.append(Closed())

    def _fraction(self) -> float:
        return int.from_bytes(self._rng(2), "big") / 65536

    def _jittered(self, seconds: float) -> float:
        return seconds * (1 + JITTER_SHARE * (self._fraction() - 0.5))
