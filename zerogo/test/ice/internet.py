"""A very small internet in virtual time: two agents, each open or behind a NAT, and what lies between them.

Deterministic for a seed. NATs are as RFC 4787 classifies them: a mapping that depends on the destination or not, and a
filter by nothing, by address, or by address and port of who was sent to.
"""

from __future__ import annotations

import enum
import heapq
import math
import random
from collections.abc import Callable

from attrs import define, field, frozen

from zerogo.ice.agent import IceAgent
from zerogo.ice.binding import addressed_ufrag
from zerogo.ice.candidate import Candidate
from zerogo.ice.credentials import Credentials
from zerogo.ice.events import IceEvent
from zerogo.ids import SocketAddress
from zerogo.stun.message import MessageClass, parse

STUN_SERVER = SocketAddress("198.51.100.1", 3478)
DELAY_SECONDS = 0.02
DATA_PORT = 9993


class Filtering(enum.Enum):
    NONE = "endpoint-independent"
    ADDRESS = "address-dependent"
    ADDRESS_AND_PORT = "address and port-dependent"


@frozen
class NatType:
    filtering: Filtering
    is_symmetric: bool = False


OPEN = None
FULL_CONE = NatType(Filtering.NONE)
ADDRESS_RESTRICTED = NatType(Filtering.ADDRESS)
PORT_RESTRICTED = NatType(Filtering.ADDRESS_AND_PORT)
SYMMETRIC = NatType(Filtering.ADDRESS_AND_PORT, is_symmetric=True)


@define(eq=False)
class Nat:
    kind: NatType
    public_host: str
    rng: random.Random
    mapped: dict[tuple[SocketAddress, SocketAddress | None], SocketAddress] = field(factory=dict)
    inside: dict[SocketAddress, SocketAddress] = field(factory=dict)
    sent_to: dict[SocketAddress, list[SocketAddress]] = field(factory=dict)

    def outbound(self, source: SocketAddress, destination: SocketAddress) -> SocketAddress:
        key = (source, destination if self.kind.is_symmetric else None)
        if key not in self.mapped:
            port = self.rng.randrange(1024, 65536)
            self.mapped[key] = SocketAddress(self.public_host, port)
            self.inside[self.mapped[key]] = source
        mapped = self.mapped[key]
        self.sent_to.setdefault(mapped, []).append(destination)
        return mapped

    def inbound(self, source: SocketAddress, destination: SocketAddress) -> SocketAddress | None:
        known = self.sent_to.get(destination, [])
        match self.kind.filtering:
            case Filtering.NONE:
                passes = True
            case Filtering.ADDRESS:
                passes = any(each.host == source.host for each in known)
            case Filtering.ADDRESS_AND_PORT:
                passes = source in known
        return self.inside.get(destination) if passes else None

    def rebind(self) -> None:
        """Forget everything, as after a reboot."""
        self.mapped.clear()
        self.inside.clear()
        self.sent_to.clear()


@define(eq=False)
class Site:
    name: str
    agent: IceAgent
    address: SocketAddress
    nat: Nat | None
    is_cut: bool = False
    received: list[tuple[float, bytes]] = field(factory=list)
    events: list[tuple[float, IceEvent]] = field(factory=list)

    def candidates(self) -> list[Candidate]:
        found = [Candidate.host(self.address)]
        if self.nat is not None:
            mapped = self.nat.outbound(self.address, STUN_SERVER)
            found.append(Candidate.server_reflexive(mapped, self.address, STUN_SERVER))
        return found

    def of(self, kind: type[IceEvent]) -> list[IceEvent]:
        return [event for _, event in self.events if isinstance(event, kind)]

    def receive(self, payload: bytes, source: SocketAddress, now: float) -> None:
        """As the owner of many agents does: by ufrag or by transaction, never by address."""
        self.received.append((now, payload))
        message = parse(payload)
        if message.message_class is MessageClass.REQUEST:
            is_ours = addressed_ufrag(message) == self.agent.local_ufrag
        else:
            is_ours = self.agent.owns_transaction(message.transaction_id)
        if is_ours:
            self.agent.receive_message(message, payload, source, now)


class Internet:
    """Two sites, a and b; a is controlling unless said otherwise."""

    def __init__(
        self,
        a: NatType | None,
        b: NatType | None,
        *,
        seed: int = 1,
        loss: float = 0.0,
        roles: tuple[bool, bool] = (True, False),
    ) -> None:
        self.now = 1000.0
        self.rng = random.Random(seed)
        self.loss = loss
        self.delay = DELAY_SECONDS
        self.sent = 0
        self._queue: list[tuple[float, int, Site, SocketAddress, SocketAddress, bytes]] = []
        self._actions: list[tuple[float, int, Callable[[], object]]] = []
        self.credentials = [Credentials.generate(self.rng.randbytes) for _ in range(2)]
        self.a = self._site("a", a, 0, roles[0])
        self.b = self._site("b", b, 1, roles[1])
        self.sites = [self.a, self.b]

    def signal(self) -> None:
        """Tell each side the other's candidates."""
        mine, theirs = self.a.candidates(), self.b.candidates()
        for site, own, other in ((self.a, mine, theirs), (self.b, theirs, mine)):
            for candidate in own:
                site.agent.add_local_candidate(candidate, self.now)
            for candidate in other:
                site.agent.add_remote_candidate(candidate, self.now)

    def start(self, skew: float = 0.005) -> None:
        """Signal, and have both begin, b by `skew` seconds later."""
        self.signal()
        self.at(self.now, lambda: self.a.agent.start(self.now))
        self.at(self.now + skew, lambda: self.b.agent.start(self.now))

    def at(self, when: float, action: Callable[[], object]) -> None:
        self.sent += 1
        heapq.heappush(self._actions, (when, self.sent, action))

    def run(self, seconds: float, until: Callable[[], bool] = lambda: False) -> bool:
        """Let time pass; ends early, with True, when `until` holds."""
        end = self.now + seconds
        self._drain()
        while not until():
            times = [self._queue[0][0]] if self._queue else []
            times += [self._actions[0][0]] if self._actions else []
            times += [due.at for site in self.sites if (due := site.agent.next_timer()) is not None]
            following = min(times, default=math.inf)
            if following > end:
                self.now = end
                return until()
            self.now = max(self.now, following)
            self._step()
        return True

    def run_until_selected(self, seconds: float = 5.0) -> bool:
        return self.run(seconds, lambda: self.a.agent.selected is not None and self.b.agent.selected is not None)

    def deliver(self, site: Site, payload: bytes, source: SocketAddress) -> None:
        """Hand a datagram straight to a site, as a forger may."""
        site.receive(payload, source, self.now)
        self._drain()

    def _site(self, name: str, kind: NatType | None, index: int, is_controlling: bool) -> Site:
        agent = IceAgent(
            controlling=is_controlling,
            local=self.credentials[index],
            remote=self.credentials[1 - index],
            tie_breaker=self.rng.getrandbits(64),
            rng=self.rng.randbytes,
        )
        public_host = f"203.0.113.{index + 1}"
        if kind is None:
            return Site(name, agent, SocketAddress(public_host, DATA_PORT), None)
        nat = Nat(kind, public_host, self.rng)
        return Site(name, agent, SocketAddress(f"10.0.{index}.2", DATA_PORT), nat)

    def _step(self) -> None:
        while self._actions and self._actions[0][0] <= self.now:
            heapq.heappop(self._actions)[2]()
            self._drain()
        while self._queue and self._queue[0][0] <= self.now:
            _, _, site, source, destination, payload = heapq.heappop(self._queue)
            self._arrive(site, source, destination, payload)
            self._drain()
        for site in self.sites:
            due = site.agent.next_timer()
            if due is not None and due.at <= self.now:
                site.agent.handle_timer(self.now)
                self._drain()

    def _arrive(self, site: Site, source: SocketAddress, destination: SocketAddress, payload: bytes) -> None:
        inside: SocketAddress | None = destination
        if site.nat is not None:
            inside = site.nat.inbound(source, destination)
        if inside == site.address and not site.is_cut:
            site.receive(payload, source, self.now)

    def _drain(self) -> None:
        for site in self.sites:
            for transmit in site.agent.transmits():
                self._send(site, transmit.destination, transmit.payload)
            site.events.extend((self.now, event) for event in site.agent.events())

    def _send(self, site: Site, destination: SocketAddress, payload: bytes) -> None:
        self.sent += 1
        source = site.address if site.nat is None else site.nat.outbound(site.address, destination)
        if site.is_cut or self.rng.random() < self.loss:
            return
        for other in self.sites:
            public_host = other.address.host if other.nat is None else other.nat.public_host
            if destination.host == public_host:
                entry = (self.now + self.delay, self.sent, other, source, destination, payload)
                heapq.heappush(self._queue, entry)
