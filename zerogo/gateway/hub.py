# -*- test-case-name: zerogo.test.gateway.test_hub -*-
"""The edges that are here: taken in, found again after a broken carrier, chosen for streams, sent away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from attrs import define, evolve, field
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from zerogo.core import RandomBytes
from zerogo.exit.budget import PROCESS_BYTES, TUNNEL_BYTES, Budget
from zerogo.exit.choose import Demand, Explanation, Policy, Pool
from zerogo.exit.edges import EdgeProfile, EdgeState
from zerogo.exit.frames import Open
from zerogo.exit.grant import Grant, RouteMode
from zerogo.exit.greeting import TUNNEL_NAME_BYTES, Answer, Join, Refusal, Welcome
from zerogo.exit.mux import Mux
from zerogo.exit.notes import Note, Places, Tally
from zerogo.exit.reason import Reason
from zerogo.exit.sessions import Routes
from zerogo.exit.tally import Compared, TallyBook
from zerogo.exit.tunnel import GRACE_SECONDS, Tunnel
from zerogo.ids import NodeId
from zerogo.net.exit_opening import Opening
from zerogo.net.exit_ports import EdgeDirectory, EdgeRefused
from zerogo.net.exit_tunnel import TunnelDriver

_log = Logger(namespace="zerogo.exit.hub")


@define
class HubCounters:
    """Since the gateway was started."""

    joined: int = 0
    """Edges that were taken in anew."""
    resumed: int = 0
    refused: int = 0
    carriers_lost: int = 0
    tunnels_lost: int = 0
    discrepancies: int = 0
    failures: Counter[Reason] = field(factory=Counter)
    """Streams that could not be opened."""


class GatewayTunnel:
    """One edge's tunnel, as long as it may come back."""

    def __init__(self, hub: Hub, state: EdgeState, name: bytes, budget: Budget, jitter: float) -> None:
        self.state = state
        self.name = name
        self.openings: dict[Opening, None] = {}
        self._tallies = TallyBook()
        self._hub = hub
        mux = Mux(is_opener=True, budget=Budget(TUNNEL_BYTES, budget), streams_limit=state.profile.streams)
        self.driver = TunnelDriver(Tunnel(mux, jitter), hub.clock, self)

    def open_requested(self, number: int, request: Open) -> None:
        """Edges open nothing; the multiplexer has refused it."""

    def going_away(self, reason: Reason) -> None:
        """The edge takes no more streams."""
        self.state.is_draining = True

    def rtt_measured(self, seconds: float) -> None:
        """For the choice."""
        self.state.note_rtt(seconds)

    def silence_changed(self, is_silent: bool) -> None:
        """New streams go elsewhere while the edge does not answer, and so do those that are being opened."""
        self.state.is_silent = is_silent
        if is_silent:
            for opening in list(self.openings):
                opening.edge_silent()

    def told(self, note: Note) -> None:
        """What the edge counted."""
        if isinstance(note, Tally):
            for one in note.streams:
                self._tallies.edge(one.stream, one.up, one.down)
            self._compare()

    def counted(self, number: int, up: int, down: int) -> None:
        """A stream ended well, and carried so much."""
        self._tallies.gateway(number, up, down)

    def _compare(self) -> None:
        found = self._tallies.take()
        if found.is_suspicious:
            self._hub.counters.discrepancies += 1
            edge = self.state.profile.edge
            _log.warn(
                "[DIAG] edge {edge} counted {theirs} bytes in {streams} streams, this gateway {ours}",
                event="edge-discrepancy",
                edge=edge,
                streams=found.streams,
                ours=found.gateway_bytes,
                theirs=found.edge_bytes,
            )
            self._hub.discrepant(edge, found)

    def lost(self, reason: str) -> None:
        """For good."""
        self._hub.tunnel_lost(self, reason)


class Hub:
    """All edges of a gateway."""

    def __init__(self, directory: EdgeDirectory, policy: Policy, clock: IReactorTime, rng: RandomBytes) -> None:
        self.clock = clock
        self.counters = HubCounters()
        self.pool = Pool(policy, self._chance)
        self.places_for: Callable[[EdgeProfile], Places | None] = lambda profile: None
        """Which gateways an edge should have tunnels to; None: nothing is said about it."""
        self.discrepant: Callable[[str, Compared], object] = lambda edge, found: None
        """Told where an edge counts otherwise than we do."""
        self.is_denied: Callable[[str], bool] = lambda address: False
        """Whether no edge is taken from that address."""
        self.routes = Routes(self.pool)
        self.ask_first: Callable[[Grant, Demand, Callable[[], object]], bool] = lambda grant, demand, then: False
        """Whether a stream waits until `then` is called, since other gateways have a say in which edge it takes."""
        self._directory = directory
        self._rng = rng
        self._budget = Budget(PROCESS_BYTES)
        self._tunnels: dict[str, GatewayTunnel] = {}
        self._by_driver: dict[TunnelDriver, GatewayTunnel] = {}
        self._is_draining = False

    def _chance(self) -> float:
        return int.from_bytes(self._rng(7), "big") / 2**56

    @property
    def is_draining(self) -> bool:
        """Whether it takes no more edges."""
        return self._is_draining

    @property
    def tunnels(self) -> Iterable[GatewayTunnel]:
        """All of them."""
        return self._tunnels.values()

    @property
    def backlog(self) -> int:
        """Bytes of all edges that users have not taken yet."""
        return self._budget.used

    # ----- edges come and go

    def join(self, edge: NodeId, join: Join, address: str) -> Deferred[tuple[Answer, TunnelDriver | None]]:
        """An edge whose key is proven wants to be taken."""
        refused: Deferred[tuple[Answer, TunnelDriver | None]]
        if self._is_draining:
            return succeed((Refusal("this gateway is going away", retry_seconds=5.0), None))
        if self.is_denied(address):
            refused = fail(EdgeRefused("nobody is taken from your address here", retry_seconds=60.0))
            return refused.addErrback(self._refused)
        admitted = self._directory.admit(str(edge), join, address)
        return admitted.addCallbacks(self._admitted, self._refused, callbackArgs=(join,))

    def _refused(self, failure: Failure) -> tuple[Answer, TunnelDriver | None]:
        failure.trap(EdgeRefused)
        error = failure.value
        assert isinstance(error, EdgeRefused)
        self.counters.refused += 1
        _log.info("an edge was refused: {reason}", reason=str(error))
        return Refusal(str(error), is_final=error.is_final, retry_seconds=error.retry_seconds), None

    def _admitted(self, profile: EdgeProfile, join: Join) -> tuple[Answer, TunnelDriver | None]:
        known = self._tunnels.get(profile.edge)
        if known is not None and join.tunnel == known.name and self._can_resume(known, join):
            carrier = known.driver.carrier
            if carrier is not None:
                known.driver.detach(carrier)
                carrier.drop("another connection of the same edge took over")
            known.state.is_away = False
            self.counters.resumed += 1
            _log.info("edge {name} is back", name=profile.name or profile.edge, event="edge-resumed")
            received = known.driver.tunnel.received
            return Welcome(known.name, is_resumed=True, received=received, seen=profile.address), known.driver
        if known is not None:
            known.driver.end("the edge began anew")
        tunnel = self._take_in(profile)
        return Welcome(tunnel.name, seen=profile.address), tunnel.driver

    @staticmethod
    def _can_resume(known: GatewayTunnel, join: Join) -> bool:
        tunnel = known.driver.tunnel
        return tunnel.acknowledged <= join.received <= tunnel.sent

    def _take_in(self, profile: EdgeProfile) -> GatewayTunnel:
        self.counters.joined += 1
        state = self.pool.add(profile)
        tunnel = GatewayTunnel(self, state, self._rng(TUNNEL_NAME_BYTES), self._budget, self._chance())
        self._tunnels[profile.edge] = tunnel
        self._by_driver[tunnel.driver] = tunnel
        self._directory.arrived(profile)
        _log.info("edge {name} is here, from {address}", name=profile.name or profile.edge, address=profile.address)
        return tunnel

    def attached(self, driver: TunnelDriver) -> None:
        """A carrier is there."""
        tunnel = self._by_driver.get(driver)
        if tunnel is not None:
            self._tell_places(tunnel)

    def places_changed(self) -> None:
        """Tell all edges."""
        for tunnel in list(self._tunnels.values()):
            self._tell_places(tunnel)

    def _tell_places(self, tunnel: GatewayTunnel) -> None:
        places = self.places_for(tunnel.state.profile)
        if places is not None:
            tunnel.driver.tell(places)

    def carrier_lost(self, driver: TunnelDriver, carrier: object, grace_seconds: float = GRACE_SECONDS) -> None:
        """The carrier broke. Streams wait so long for it to come back; those that are being opened need not."""
        tunnel = self._by_driver.get(driver)
        if tunnel is None or driver.carrier is not carrier:
            return
        driver.detach(carrier, grace_seconds)
        tunnel.state.is_away = True
        self.counters.carriers_lost += 1
        _log.warn(
            "[NODE_UNSTABLE] the connection of edge {edge} ({name}) broke",
            edge=tunnel.state.profile.edge,
            name=tunnel.state.profile.name,
            event="edge-carrier-lost",
        )
        for opening in list(tunnel.openings):
            opening.carrier_lost()

    def tunnel_lost(self, tunnel: GatewayTunnel, reason: str) -> None:
        """It is gone for good."""
        self.counters.tunnels_lost += 1
        edge = tunnel.state.profile.edge
        self._by_driver.pop(tunnel.driver, None)
        if self._tunnels.get(edge) is tunnel:
            del self._tunnels[edge]
            self.pool.remove(edge)
            self._directory.departed(edge, reason)
            _log.info("edge {name} is gone: {reason}", name=tunnel.state.profile.name or edge, reason=reason)

    def kick(self, edge: str, reason: str) -> bool:
        """Send an edge away, with all its streams; whether it was here."""
        tunnel = self._tunnels.get(edge)
        if tunnel is not None:
            tunnel.driver.end(reason, Reason.DENIED)
        return tunnel is not None

    def kick_denied(self) -> None:
        """Send away edges whose address is denied."""
        for tunnel in list(self._tunnels.values()):
            if self.is_denied(tunnel.state.profile.address):
                tunnel.driver.end("nobody is taken from this edge's address", Reason.DENIED)

    def drain(self) -> None:
        """Take no more edges, and tell those that are here that nothing new comes."""
        self._is_draining = True
        for tunnel in list(self._tunnels.values()):
            tunnel.driver.call(tunnel.driver.tunnel.mux.go_away, Reason.DRAINING)

    def close(self) -> None:
        """End all tunnels."""
        self._is_draining = True
        for tunnel in list(self._tunnels.values()):
            tunnel.driver.end("the gateway was stopped", Reason.DRAINING)

    # ----- streams

    def edge_for(self, grant: Grant, demand: Demand) -> GatewayTunnel | None:
        """The edge that takes a stream; None where none fits."""
        state = self.routes.edge_for(grant, demand, self.clock.seconds())
        return None if state is None else self._tunnels.get(state.profile.edge)

    def opening_failed(self, reason: Reason) -> None:
        """A stream could not be opened."""
        self.counters.failures[reason] += 1

    def explain(self, demand: Demand, grant: Grant | None = None) -> Explanation:
        """What would be weighed, and what came of it; of a user's session or route, the edge that it leads to."""
        now = self.clock.seconds()
        found = self.pool.explain(demand, now)
        if grant is None or not (demand.wish.session or grant.route.mode is not RouteMode.AUTO):
            return found
        state = self.routes.would_take(grant, demand, now)
        return evolve(found, chosen=None if state is None else state.profile.edge)
