# -*- test-case-name: zerogo.test.mesh.test_surroundings -*-
"""What this node knows of its place in the network: its addresses, where STUN servers see it, what its NAT does.

The outcome is one `Offer`, the same for all peers. It is complete when every server has answered that is of a family of
which this machine has an address, or `GATHER_SECONDS` after they were asked, whatever came.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from attrs import define, field

from zerogo.ice.candidate import Candidate
from zerogo.ice.gather import AddressFamily, Gatherer, MappingChanged, MappingObserved, ReflexiveFound
from zerogo.ids import SocketAddress
from zerogo.mesh.candidates import LocalCandidates
from zerogo.mesh.context import NodeContext
from zerogo.mesh.directory import GATHERER, Directory
from zerogo.mesh.signal import Offer, Relayed
from zerogo.stun.message import Message

GATHER_SECONDS = 0.5
OTHERS_SECONDS = 0.1
"""So long the answers of further servers are waited for when one has answered."""
MOVED_GAP_SECONDS = 2.0
"""A NAT that changes its mapping more often is followed at this pace."""


@define(eq=False)
class Surroundings:
    """One node's."""

    _context: NodeContext
    _directory: Directory
    offer: Offer = field(factory=Offer, init=False)
    _gatherer: Gatherer = field(init=False)
    _candidates: LocalCandidates = field(factory=LocalCandidates, init=False)
    _servers: tuple[SocketAddress, ...] = field(default=(), init=False)
    _patient_until: float | None = field(default=None, init=False)
    _heard: dict[SocketAddress, None] = field(factory=dict, init=False)
    """Servers that answered since all were asked."""
    _asked_at: float = field(default=-math.inf, init=False)
    _has_moved: bool = field(default=False, init=False)
    _moved_at: float = field(default=-math.inf, init=False)
    _relayed: tuple[Relayed, ...] = field(default=(), init=False)
    _streams: tuple[Candidate, ...] = field(default=(), init=False)

    def __attrs_post_init__(self) -> None:
        """One gatherer for all peers."""
        self._gatherer = Gatherer(self._context.rng)

    def set_hosts(self, addresses: Iterable[SocketAddress], now: float) -> bool:
        """The host's addresses; True where they are others than before."""
        return self._candidates.set_hosts(addresses)

    def set_relayed(self, relayed: tuple[Relayed, ...]) -> None:
        """What relays lend us."""
        self._relayed = relayed

    def set_streams(self, streams: Iterable[Candidate]) -> None:
        """Where this machine takes TCP connections."""
        self._streams = tuple(streams)

    def set_port_mapped(self, outer: SocketAddress | None) -> None:
        """What the gateway maps to our data socket; None where it maps nothing."""
        self._candidates.set_port_mapped(outer)

    def network_changed(self, now: float) -> None:
        """What servers saw before is void; ask them anew."""
        self._candidates.forget_reflexive()
        self._moved_at = now
        self._ask_anew(now)
        self.offer = self._current_offer()

    def doubt(self, gap: float, now: float) -> bool:
        """Perhaps our NAT maps us anew: ask the servers, unless that was done in the last `gap` seconds."""
        if now - self._asked_at < gap:
            return False
        self._ask_anew(now)
        return True

    def take_moved(self) -> bool:
        """Whether our NAT turned out to map us anew since this was asked last."""
        has_moved, self._has_moved = self._has_moved, False
        return has_moved

    def set_servers(self, servers: Sequence[SocketAddress], now: float) -> None:
        """The STUN servers to ask."""
        wanted = tuple(dict.fromkeys(servers))
        if wanted == self._servers:
            return
        self._servers, self._asked_at = wanted, now
        self._heard.clear()
        self._candidates.forget_servers(wanted)
        self._gatherer.set_servers(wanted, now)
        self._patient_until = now + GATHER_SECONDS if wanted else None

    def owns(self, transaction_id: bytes) -> bool:
        """Whether a response is for the gatherer."""
        return self._gatherer.owns_transaction(transaction_id)

    def receive_message(self, message: Message, raw: bytes, source: SocketAddress, now: float) -> None:
        """A STUN server's answer, to a transaction that `owns` said yes to."""
        self._heard[source] = None
        if self._patient_until is not None:
            self._patient_until = min(self._patient_until, now + OTHERS_SECONDS)
        self._gatherer.receive_message(message, raw, source, now)

    def handle_timer(self, now: float) -> None:
        """Do what is due."""
        if self._patient_until is not None and self._patient_until <= now:
            self._patient_until = None
        deadline = self._gatherer.next_timer()
        if deadline is not None and deadline.at <= now:
            self._gatherer.handle_timer(now)

    def next_at(self) -> float | None:
        """When `handle_timer` is wanted."""
        deadline = self._gatherer.next_timer()
        times = [self._patient_until, None if deadline is None else deadline.at]
        return min((at for at in times if at is not None), default=None)

    def settle(self, now: float) -> bool:
        """Send what the gatherer wants, take what it found; True where the offer is another than before."""
        for transmit in self._gatherer.transmits():
            self._directory.note_request(transmit.payload, GATHERER)
            self._context.outbox.send(transmit.destination, transmit.payload)
        for event in self._gatherer.events():
            match event:
                case ReflexiveFound(server, mapped):
                    self._candidates.reflexive_found(server, mapped)
                case MappingObserved(family, is_independent):
                    is_ipv6 = family is AddressFamily.IPV6
                    self._candidates.mapping_observed(is_ipv6=is_ipv6, is_endpoint_independent=is_independent)
                case MappingChanged() if now - self._moved_at >= MOVED_GAP_SECONDS:
                    self._has_moved, self._moved_at = True, now
        if all(server in self._heard for server in self._servers if self._candidates.has_family_of(server)):
            self._patient_until = None
        offer = self._current_offer()
        is_news, self.offer = offer != self.offer, offer
        return is_news

    def _ask_anew(self, now: float) -> None:
        self._asked_at = now
        self._heard.clear()
        self._gatherer.refresh(now)
        self._patient_until = now + GATHER_SECONDS if self._servers else None

    def _current_offer(self) -> Offer:
        is_p2p = self._context.policy.p2p_enabled
        return Offer(
            candidates=self._candidates.candidates() if is_p2p else (),
            streams=self._streams if is_p2p else (),
            nat=self._candidates.nat,
            relayed=self._relayed,
            carriers=self._context.policy.carriers_limit,
            is_complete=self._patient_until is None,
        )
