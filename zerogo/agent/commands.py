# -*- test-case-name: zerogo.test.agent.test_service -*-
"""The commands that the `zerogo` command may give to a running agent, over its local socket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from zerogo import __version__
from zerogo.agent.reports import (
    ControllerReport,
    NamesReport,
    OfferReport,
    PeerReport,
    StatusReport,
    SubnetReport,
    lock_report,
    offer_report,
    peer_reports,
    plane_report,
)
from zerogo.control.subnets import EXITS, announced_subnets, parse_subnet
from zerogo.errors import EnvironmentFault, LocalError
from zerogo.mesh.events import PeerState
from zerogo.net.local_api import Arguments, Command
from zerogo.noise.fingerprint import fingerprint

if TYPE_CHECKING:
    from zerogo.agent.service import AgentService

FAREWELL_SECONDS = 0.3
"""After leaving, so long is given to the answer and to the controller's connection."""


class ControllerSilent(EnvironmentFault):
    """The controller does not answer, so it cannot be told that this machine leaves."""

    code = "E-LEAVE"


class NotByCommand(LocalError):
    """A command cannot do this."""

    code = "E-COMMAND"


class LocalCommands:
    """The commands of one agent. All answer with structs that are part of `--json` output."""

    def __init__(self, agent: AgentService, further: Mapping[str, Command] | None = None) -> None:
        self._agent = agent
        self._further = further

    def table(self) -> dict[str, Command]:
        """The commands by name."""
        return {
            "status": self.status,
            "peers": self.peers,
            "leave": self.leave,
            "announce": self.announce,
            "exit": self.exit,
            **(self._further or {}),
        }

    def status(self, arguments: Arguments) -> StatusReport:
        """Everything but the peers."""
        agent, presence = self._agent, self._agent.presence
        segment, network_map, place = presence.segment, presence.network_map, presence.place
        peers = [] if segment is None else segment.peers()
        state, sentence = self._state()
        return StatusReport(
            version=__version__,
            state=state,
            sentence=sentence,
            node_id=str(agent.identity.node_id),
            name=agent.membership.name,
            addresses=list(agent.membership.addresses),
            mac="" if place is None else str(place.mac),
            network=str(agent.membership.network),
            network_name="" if network_map is None else network_map.name,
            map_revision=agent.membership.revision,
            members=0 if network_map is None else len(network_map.members),
            connected=sum(peer.state is PeerState.CONNECTED for peer in peers),
            device=presence.device_name,
            mtu=0 if place is None else place.mtu,
            ports=presence.ports,
            controller=self._controller(),
            offer=OfferReport() if segment is None else offer_report(segment.offer()),
            stun_servers=presence.servers,
            port_mapping=agent.mappings.report(),
            tcp_mapping=agent.mappings.tcp_report(),
            subnets=agent.subnets.reports(),
            exit=agent.subnets.exit_name,
            complaint=agent.subnets.complaint,
            lock=lock_report(agent.lock),
            flow_log=network_map is not None and network_map.flow_log,
            fingerprint=fingerprint(agent.identity.public),
            names=NamesReport(agent.names.origin, agent.names.servers, agent.names.complaint),
            plane=None if segment is None else plane_report(segment.plane_name, segment.counters()),
            refusals={} if segment is None else {str(key): count for key, count in segment.refusals().refusals.items()},
        )

    def peers(self, arguments: Arguments) -> list[PeerReport]:
        """All members but us."""
        segment = self._agent.presence.segment
        return (
            []
            if segment is None
            else peer_reports(segment.peers(), segment.counters(), segment.known_for(), segment.filters.of)
        )

    def leave(self, arguments: Arguments) -> bool:
        """Leave the network: tell the controller, forget the membership, stop. With `force` also without a controller.

        True where the controller was told."""
        was_told = self._agent.leave()
        if not was_told and arguments.get("force") is not True:
            reason = self._agent.controller.status().reason
            raise ControllerSilent(
                f"the controller cannot be told ({reason or 'it does not answer'}); --force leaves all the same"
            )
        self._agent.end_later(FAREWELL_SECONDS)
        return was_told

    def announce(self, arguments: Arguments) -> list[SubnetReport]:
        """Announce the network `subnet` behind this machine; with `is_withdrawn`, not any more."""
        subnets, subnet = self._agent.subnets, parse_subnet(str(arguments.get("subnet")))
        held = tuple(each for each in subnets.choices.announced if each != subnet)
        if arguments.get("is_withdrawn") is True:
            if subnet in self._agent.config.announce:
                raise NotByCommand(f"{subnet} is announced by the configuration file: take it out there")
            subnets.choose(announced=held)
        else:
            subnets.choose(announced=announced_subnets((*held, subnet)))
        self._agent.look_at_subnets()
        return subnets.reports()

    def exit(self, arguments: Arguments) -> StatusReport:
        """Offer this machine as an exit (`is_offered` true or false), or reach the internet through the member `via`,
        by itself where that is empty."""
        subnets = self._agent.subnets
        if isinstance(arguments.get("is_offered"), bool):
            subnets.choose(is_exit=arguments["is_offered"])
        via = arguments.get("via")
        if isinstance(via, str):
            if via:
                self._check_exit(via)
            subnets.choose(exit_via=via)
        self._agent.look_at_subnets()
        return self.status(arguments)

    def _check_exit(self, name: str) -> None:
        network_map = self._agent.presence.network_map
        members = () if network_map is None else network_map.members
        others = [one for one in members if one.node_id != self._agent.identity.node_id]
        if not any(name in (one.name, str(one.node_id)) and set(one.subnets) & set(EXITS) for one in others):
            offers = ", ".join(one.name for one in others if set(one.subnets) & set(EXITS))
            raise NotByCommand(f"{name[:63]!r} is no exit; the exits are: {offers or 'none'}")

    def _controller(self) -> ControllerReport:
        found = self._agent.controller.status()
        return ControllerReport(
            state=found.state.value, address=found.address, reason=found.reason, next_try_in_seconds=found.next_try_in
        )

    def _state(self) -> tuple[str, str]:
        agent = self._agent
        connection = agent.controller.status()
        if agent.membership.refusal:
            return "refused", agent.membership.refusal
        if agent.pending:
            return "pending", agent.pending
        if agent.controller.is_member:
            return "member", ""
        state = "offline" if agent.membership.is_joined else "joining"
        return state, connection.reason and f"the controller does not answer: {connection.reason}"
