# -*- test-case-name: integration.test_exit_accounts -*-
"""An edge's tunnels to all its gateways: the one of its token first, then those that any gateway tells of.

A gateway says how many tunnels there should be and to which gateways, best first. Tunnels to gateways of that list
stay; where some are missing, the next of the list are dialled; those that are not in it any more end when they have no
streams, or after `LEAVE_SECONDS`. The list is kept on disk, so that an edge finds its way back when the gateway of its
token is gone.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from zerogo.config.edge import EdgeConfig
from zerogo.control.edge_token import DEFAULT_PORT, EdgeToken
from zerogo.control.token import split_host_port
from zerogo.core import RandomBytes
from zerogo.edge.owner import EdgeOwner, Surroundings
from zerogo.edge.state_dir import EdgeState
from zerogo.edge.tunnel import EdgeCondition, EdgeTunnel
from zerogo.errors import EnvironmentFault, ParseError
from zerogo.exit.notes import Place, Places
from zerogo.exit.reason import Reason
from zerogo.net.dial import ControllerAddress
from zerogo.net.exit_client import GatewayClient, GatewayPlace
from zerogo.net.exit_places import EDGE_PATH

TICK_SECONDS = 1.0
KEEP_SECONDS = 60.0
"""Between two writes of what the month has carried."""
LEAVE_SECONDS = 60.0
"""A tunnel that should not be any more ends after so long, streams or not."""

_log = Logger(namespace="zerogo.edge")


@define(eq=False)
class _Member:
    tunnel: EdgeTunnel
    client: GatewayClient
    leave_at: float | None = None


class EdgeFleet:
    """All tunnels of an edge."""

    def __init__(
        self,
        config: EdgeConfig,
        token: EdgeToken,
        owner: EdgeOwner,
        state: EdgeState,
        surroundings: Surroundings,
        *,
        endpoint_of: Callable[[ControllerAddress], IStreamClientEndpoint],
        rng: RandomBytes,
    ) -> None:
        self.owner = owner
        self._config = config
        self._token = token
        self._state = state
        self._around = surroundings
        self._endpoint_of = endpoint_of
        self._rng = rng
        self._identity = state.identity()
        self._consent_at = state.consent_at()
        self._members: dict[bytes, _Member] = {}
        self._places: dict[bytes, Place] = {}
        self._kept_at = surroundings.reactor.seconds()
        self._was_closed = ""
        self._tick = LoopingCall(self.tick)
        self._tick.clock = surroundings.reactor
        owner.streams = lambda: self.streams

    def start(self) -> None:
        """Dial the gateway of the token, and those that were known."""
        own = Place(list(self._token.addresses), self._token.key_hash, self._token.is_tls)
        self._begin(own)
        known = self._state.places()
        if known is not None:
            self.places_told(known)
        self._tick.start(TICK_SECONDS, now=False)

    def stop(self) -> None:
        """Close all."""
        if self._tick.running:
            self._tick.stop()
        self.owner.keep()
        for member in self._members.values():
            member.client.stop_soon()
            member.tunnel.end("the edge was stopped", Reason.DRAINING)
            member.client.stop()
        self.owner.settings.dialler.stop()

    @property
    def tunnels(self) -> list[EdgeTunnel]:
        """To each gateway one."""
        return [member.tunnel for member in self._members.values()]

    @property
    def clients(self) -> list[GatewayClient]:
        """Their connections, in the same order."""
        return [member.client for member in self._members.values()]

    @property
    def streams(self) -> int:
        """Of all tunnels."""
        return sum(tunnel.streams for tunnel in self.tunnels)

    @property
    def condition(self) -> EdgeCondition:
        """The best of all."""
        found = [tunnel.condition for tunnel in self.tunnels]
        order = (EdgeCondition.READY, EdgeCondition.DIALLING, EdgeCondition.REFUSED)
        return next((condition for condition in order if condition in found), EdgeCondition.DIALLING)

    @property
    def reason(self) -> str:
        """Why there is no tunnel, where there is none."""
        return next((tunnel.reason for tunnel in self.tunnels if tunnel.condition is self.condition), "")

    @property
    def standing(self) -> tuple[str, str]:
        """Its condition, or that it is paused; and why it takes no streams, where it takes none."""
        state = "paused" if self.owner.is_paused else str(self.condition)
        return state, self.owner.closed_reason() or self.reason

    def pause(self, is_paused: bool) -> None:
        """The owner wants no streams (or wants them again): those that are there end at once."""
        self.owner.is_paused = is_paused
        if is_paused:
            self._end_streams("the owner paused this edge")

    def tick(self) -> None:
        """Once a second."""
        closed = self.owner.closed_reason()
        if closed and not self._was_closed and not self.owner.is_paused:
            _log.info("this edge takes no streams: {reason}", reason=closed)
            self._end_streams(closed)
        self._was_closed = closed
        now = self._around.reactor.seconds()
        for tunnel in self.tunnels:
            tunnel.send_tally()
        for key_hash, member in list(self._members.items()):
            if member.leave_at is not None and (not member.tunnel.streams or now >= member.leave_at):
                self._leave(key_hash, member)
        if now - self._kept_at >= KEEP_SECONDS:
            self._kept_at = now
            self.owner.keep()

    def places_told(self, told: Places) -> None:
        """A gateway says which gateways there are."""
        self._places = {place.key_hash: place for place in told.places}
        if not self._places:
            return
        try:
            self._state.save_places(told)
        except EnvironmentFault as error:
            _log.warn("the gateways are not kept on disk: {reason}", reason=str(error))
        now = self._around.reactor.seconds()
        for key_hash, member in self._members.items():
            if key_hash in self._places:
                member.leave_at = None
            elif member.leave_at is None:
                member.leave_at = now + LEAVE_SECONDS
        staying = sum(key_hash in self._members for key_hash in self._places)
        for key_hash, place in self._places.items():
            if staying < told.wanted and key_hash not in self._members:
                self._begin(place)
                staying += 1

    def _begin(self, place: Place) -> None:
        try:
            addresses = [_address(text, place.is_tls) for text in place.addresses]
        except ParseError as error:
            _log.warn("a gateway cannot be dialled: {reason}", reason=str(error))
            return
        tunnel = EdgeTunnel(
            self._config, self._token.secret, self.owner, self._around, self.places_told, self._consent_at
        )
        client = GatewayClient(
            tunnel,
            GatewayPlace(addresses=addresses, key_hash=place.key_hash),
            self._identity,
            clock=self._around.reactor,
            endpoint_of=self._endpoint_of,
            rng=self._rng,
        )
        self._members[place.key_hash] = _Member(tunnel, client)
        client.start()

    def _leave(self, key_hash: bytes, member: _Member) -> None:
        others = [one for one in self._members.values() if one is not member]
        if not any(one.tunnel.condition is EdgeCondition.READY for one in others):
            return
        del self._members[key_hash]
        member.client.stop_soon()
        member.tunnel.end("this edge goes to other gateways", Reason.DRAINING)
        member.client.stop()

    def _end_streams(self, sentence: str) -> None:
        for tunnel in self.tunnels:
            tunnel.end(sentence, Reason.OWNER)


def _address(text: str, is_tls: bool) -> ControllerAddress:
    host, port = split_host_port(text, DEFAULT_PORT)
    return ControllerAddress(host, port, is_tls, EDGE_PATH)
