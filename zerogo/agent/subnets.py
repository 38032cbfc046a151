# -*- test-case-name: zerogo.test.agent.test_subnets -*-
"""Networks behind members, as this machine takes part: what it announces, which it reaches, and by whom.

What is wanted comes from the configuration and from `zerogo routes` and `zerogo exit-node`, which is kept on disk. All
else follows from that, the map, and which peers are reached: it is worked out anew whenever one of them changes, and
the kernel is told the difference. Routes of others are taken only within the owner's `accept-routes`, never for the
segment's own addresses; what is local to this machine stays so (`zerogo.net.kernel_routes`). An exit is used only where
it was chosen by name.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from attrs import define, evolve, field, frozen
from twisted.logger import Logger

from zerogo.agent.reports import SubnetReport
from zerogo.config.agent import AgentConfig
from zerogo.control.netmap import MemberRecord, NetworkMap
from zerogo.control.subnets import EXITS, IPV6_EXIT, announced_subnets, is_exit
from zerogo.errors import EnvironmentFault
from zerogo.ids import NodeId
from zerogo.mesh.events import PeerState
from zerogo.mesh.status import PeerStatus
from zerogo.net.forwarding import Forwards
from zerogo.net.kernel_routes import MeshRoute
from zerogo.routing.subnets import Offer, choose_gateways

_log = Logger(namespace="zerogo.agent.subnets")


@frozen(kw_only=True)
class Choices:
    """What a person decided with a command; None and empty leave it to the configuration."""

    announced: tuple[str, ...] = ()
    is_exit: bool | None = None
    exit_via: str | None = None
    """A member's name; empty: no exit, whatever the configuration says."""


class Routes(Protocol):
    """`zerogo.net.kernel_routes.KernelRoutes`."""

    def use(self, routes: Sequence[MeshRoute], outside: Iterable[str]) -> list[str]: ...

    def clear(self) -> None: ...

    def shut(self, subnets: Iterable[str]) -> None: ...

    def open_up(self) -> None: ...


class Forwarder(Protocol):
    """`zerogo.net.forwarding.Forwarding`."""

    def forwardable(self, subnets: Sequence[str]) -> tuple[tuple[str, ...], str]: ...

    def filter_complaint(self, device: str) -> str: ...

    def use(self, wanted: Forwards | None) -> None: ...

    def clear(self) -> None: ...


@define(kw_only=True, eq=False)
class Subnets:
    """One network's. `publish` is told what to announce, `keep` writes choices down."""

    config: AgentConfig
    node_id: NodeId
    make_routes: Callable[[str], Routes]
    forwarder: Forwarder
    publish: Callable[[tuple[str, ...]], object]
    keep: Callable[[Choices], object]
    choices: Choices = field(factory=Choices)
    complaint: str = field(default="", init=False)
    """Why something wanted is not so; one sentence, empty where there is none."""
    announced: tuple[str, ...] = field(default=(), init=False)
    _device: str = field(default="", init=False)
    _map: NetworkMap | None = field(default=None, init=False)
    _routes: Routes | None = field(default=None, init=False)
    _gateways: dict[str, NodeId] = field(factory=dict, init=False)
    _outside: tuple[str, ...] = field(default=(), init=False)
    _told: str = field(default="", init=False)
    _is_shut: bool = field(default=False, init=False)

    def announce(self) -> tuple[str, ...]:
        """What is wanted and can be had is announced; the rest is told."""
        wants_exit = self.config.exit_node if self.choices.is_exit is None else self.choices.is_exit
        wanted = (*self.config.announce, *self.choices.announced, *(EXITS if wants_exit else ()))
        self.announced, self.complaint = self.forwarder.forwardable(announced_subnets(wanted))
        return self.announced

    def use_outside(self, hosts: Iterable[str]) -> None:
        """These addresses are reached as without a mesh: the proxy's, the controller's and the relays'."""
        self._outside = tuple(dict.fromkeys(hosts))

    def use_map(self, network_map: NetworkMap, device: str) -> None:
        """Take over who has which networks behind it, and the device of the segment."""
        self._map = network_map
        if device != self._device:
            self._device, self._routes, self._is_shut = device, self.make_routes(device), False
            self._routes.clear()

    def look(self, peers: Sequence[PeerStatus]) -> None:
        """Have the kernel do what follows from all that is known."""
        if self._map is None or self._routes is None:
            return
        before = self.announced
        if self.announce() != before:
            self.publish(self.announced)
        complaints = [self.complaint, self._forward(self._map)]
        try:
            complaints += self._route(self._map, self._routes, {peer.node_id: peer for peer in peers})
        except EnvironmentFault as error:
            complaints.append(str(error))
        self.complaint = "; ".join(complaint for complaint in complaints if complaint)
        if self.complaint != self._told:
            self._told = self.complaint
            if self.complaint:
                _log.warn("{complaint}", complaint=self.complaint)

    def close(self) -> None:
        """Leave the machine's routes and rules as they were."""
        if self._routes is not None:
            self._routes.clear()
        self._gateways = {}
        try:
            self.forwarder.clear()
        except EnvironmentFault as error:
            _log.error("The rules of networks behind this machine remain: {reason}", reason=str(error))

    def choose(self, **changes: object) -> None:
        """A person decides otherwise; `look` comes after."""
        self.choices = evolve(self.choices, **changes)  # type: ignore[arg-type]
        self.keep(self.choices)

    def reports(self) -> list[SubnetReport]:
        """What is behind whom, for people."""
        if self._map is None:
            return []
        reports = [
            SubnetReport(subnet=subnet, member=record.name, state=self._state_of(subnet, record))
            for record in self._map.members
            for subnet in record.subnets
        ]
        named = {report.subnet for report in reports if report.state == "ours"}
        ours = self._map.member(self.node_id)
        name = "" if ours is None else ours.name
        waiting = [subnet for subnet in self.announced if subnet not in named]
        return reports + [SubnetReport(subnet=subnet, member=name, state="waits for approval") for subnet in waiting]

    def _state_of(self, subnet: str, record: MemberRecord) -> str:
        if record.node_id == self.node_id:
            return "ours"
        if is_exit(subnet):
            return "used" if self.exit_name in (record.name, str(record.node_id)) else "spare"
        if self._gateways.get(subnet) == record.node_id:
            return "used"
        return "spare" if subnet in self._gateways else "-"

    @property
    def exit_name(self) -> str:
        """The member that was chosen as the way to the internet; empty for none."""
        chosen = self.choices.exit_via
        return (self.config.exit_via or "") if chosen is None else chosen

    # What the kernel is to do

    def _forward(self, network_map: NetworkMap) -> str:
        record = network_map.member(self.node_id)
        allowed = () if record is None else tuple(one for one in record.subnets if one in self.announced)
        wanted = Forwards(
            device=self._device,
            members=network_map.prefixes,
            subnets=allowed,
            masquerade=self.config.masquerade,
        )
        try:
            self.forwarder.use(wanted if allowed else None)
        except EnvironmentFault as error:
            return str(error)
        return ""

    def _route(self, network_map: NetworkMap, routes: Routes, peers: dict[NodeId, PeerStatus]) -> list[str]:
        records = {record.node_id: record for record in network_map.members if record.node_id != self.node_id}
        offers = [
            _offer(subnet, record, peers.get(record.node_id))
            for record in records.values()
            for subnet in record.subnets
            if self._accepts(subnet, network_map)
        ]
        before, self._gateways = self._gateways, choose_gateways(offers, self._gateways)
        wanted, complaints = self._exit_routes(records, peers)
        for subnet, node_id in self._gateways.items():
            gateway = _address(records[node_id], ipaddress.ip_network(subnet).version)
            if gateway is not None:
                wanted.append(MeshRoute(subnet, gateway))
        for subnet, node_id in self._gateways.items():
            if before.get(subnet) != node_id:
                _log.info("{subnet} is reached through {name}", subnet=subnet, name=records[node_id].name)
        self._shut(routes, bool(self.exit_name) and self.config.exit_fail_closed)
        return complaints + routes.use(wanted, self._outside)

    def _shut(self, routes: Routes, is_shut: bool) -> None:
        if is_shut and not self._is_shut:
            routes.shut(EXITS)
        elif self._is_shut and not is_shut:
            routes.open_up()
        self._is_shut = is_shut

    def _accepts(self, subnet: str, network_map: NetworkMap) -> bool:
        if is_exit(subnet) or subnet in self.announced:
            return False
        found = ipaddress.ip_network(subnet)
        if any(_overlap(found, ipaddress.ip_network(prefix)) for prefix in network_map.prefixes):
            return False
        within = self.config.accept_routes
        if isinstance(within, bool):
            return within
        return any(_is_within(found, ipaddress.ip_network(prefix)) for prefix in within)

    def _exit_routes(
        self, records: dict[NodeId, MemberRecord], peers: dict[NodeId, PeerStatus]
    ) -> tuple[list[MeshRoute], list[str]]:
        """Default routes through the exit that was chosen; where it offers one family only, the other one is shut."""
        name, is_closed = self.exit_name, self.config.exit_fail_closed
        if not name:
            return [], []
        shut = [MeshRoute(subnet, None) for subnet in EXITS] if is_closed else []
        record = next((one for one in records.values() if name in (one.name, str(one.node_id))), None)
        if record is None:
            return shut, [f"the exit {name} is not in the network"]
        offered = [subnet for subnet in EXITS if subnet in record.subnets]
        if not offered:
            return shut, [f"{name} is no exit: it does not offer itself, or the network's owner has not approved it"]
        peer = peers.get(record.node_id)
        if not is_closed and (peer is None or peer.state is not PeerState.CONNECTED):
            return [], [f"the exit {name} is out of reach: this machine goes to the internet by itself"]
        gateways = {subnet: _address(record, 6 if subnet == IPV6_EXIT else 4) for subnet in offered}
        return [MeshRoute(subnet, gateways.get(subnet)) for subnet in EXITS], [
            self.forwarder.filter_complaint(self._device)
        ]


def _offer(subnet: str, record: MemberRecord, peer: PeerStatus | None) -> Offer:
    is_reached = peer is not None and peer.state is PeerState.CONNECTED and peer.path is not None
    worth = peer.path.score.points if peer is not None and peer.path is not None else 0.0
    return Offer(subnet=subnet, node_id=record.node_id, is_reached=is_reached, worth=worth)


def _address(record: MemberRecord, version: int) -> str | None:
    return next((one for one in record.addresses if ipaddress.ip_address(one).version == version), None)


_Prefix = ipaddress.IPv4Network | ipaddress.IPv6Network


def _overlap(one: _Prefix, other: _Prefix) -> bool:
    return one.version == other.version and one.overlaps(other)


def _is_within(inner: _Prefix, outer: _Prefix) -> bool:
    return inner.version == outer.version and inner.subnet_of(outer)  # type: ignore[arg-type]
