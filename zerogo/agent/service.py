# -*- test-case-name: zerogo.test.agent.test_service -*-
"""The life of an agent: from the membership on disk or a join token to frames on an Ethernet device, and back down.

The order matters. `privilegedStartService` takes what needs privileges; `startService` brings up the mesh from the map
on disk, if there is one, and dials the controller whether or not that worked. From then on everything is an event. The
loss of the controller is not one that matters here: only what it says counts, and silence says nothing.

A final refusal (a token that is used up, a member that was removed) ends the process with `REFUSED_STATUS`, so that
whoever supervises it does not start it again; the membership on disk is kept with the reason, and not used until the
controller welcomes us again.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from typing import Any

from attrs import evolve
from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from zerogo.agent.commands import LocalCommands
from zerogo.agent.control import Controller, controller_addresses
from zerogo.agent.flow_reports import FlowReporter
from zerogo.agent.host import Host, Watch
from zerogo.agent.joining import settle_membership
from zerogo.agent.links import Links
from zerogo.agent.mappings import Mappings
from zerogo.agent.names import Names
from zerogo.agent.presence import Presence
from zerogo.agent.record import Membership
from zerogo.agent.relays import Relays
from zerogo.agent.routing_log import routing_lines, routing_stats
from zerogo.agent.state_dir import StateDir, socket_path
from zerogo.agent.subnets import Subnets
from zerogo.config.agent import AgentConfig
from zerogo.control.lock import MemberLock
from zerogo.control.member import (
    ControllersTold,
    MapUpdated,
    MemberEvent,
    Pending,
    PunchAt,
    Refused,
    Registered,
    RelayCredentials,
    RelayTestWanted,
    SignalReceived,
    Watched,
)
from zerogo.control.netmap import NetworkMap, SignedMap
from zerogo.control.policy_sheet import FilterSheet
from zerogo.control.relays import RelayCredential, relays_near
from zerogo.control.token import JoinToken, split_host_port
from zerogo.errors import EnvironmentFault, ParseError, RemoteError
from zerogo.ids import SocketAddress
from zerogo.mesh.wayfinder import FORWARD_CAPABILITY
from zerogo.net.dial import ControllerAddress
from zerogo.net.local_api import LocalApi
from zerogo.noise.identity import Identity

REFUSED_STATUS = 78
"""Exit status after a final refusal (EX_CONFIG of sysexits.h)."""
FAILED_STATUS = 1
HOUSEKEEPING_SECONDS = 10.0
LOOK_SECONDS = 0.05
"""Changes of peers that follow each other faster are looked at once, for the networks behind them."""
SAVE_SECONDS = 0.2
"""Changes of the map that follow each other faster are written once."""

_log = Logger(namespace="zerogo.agent")


class AgentService(Service):
    """One agent. Both start methods raise `EnvironmentFault` or `LocalError` with one sentence where it cannot run."""

    def __init__(self, config: AgentConfig, host: Host, token: JoinToken | None) -> None:
        self.config = config
        self._host = host
        self._token = token
        self._state = StateDir(config.state_dir)
        self._watch: Watch | None = None
        self._api: LocalApi | None = None
        self._housekeeping = LoopingCall(self._keep_house)
        self._housekeeping.clock = host.reactor
        self._routing_log = LoopingCall(self._log_routes)
        self._routing_log.clock = host.reactor
        self._unsaved: bytes | None = None
        self._sheet: FilterSheet | None = None
        self._hosts: list[str] | None = None
        self._is_leaving = False
        self._looking: Any = None
        self.pending = ""
        """Why the controller has us wait; empty where it does not."""

    identity: Identity
    membership: Membership
    controller: Controller
    presence: Presence
    relays: Relays
    mappings: Mappings
    links: Links
    flows: FlowReporter
    subnets: Subnets
    names: Names
    lock: MemberLock

    # Twisted's life cycle

    def privilegedStartService(self) -> None:
        """Read who we are, and take the devices."""
        self._state.prepare()
        self.identity = self._state.identity()
        self.membership = settle_membership(self._state.membership(), self._token)
        self._state.save_membership(self.membership)
        self._make_parts()
        self.presence.open_devices()

    def startService(self) -> None:
        """Bring up what can be, and dial the controller."""
        commands = LocalCommands(self, self._host.commands)
        self._api = LocalApi(self._host.reactor, commands.table())
        try:
            self._api.listen(self._host.reactor, socket_path(self.config))
        except EnvironmentFault:
            self.presence.close()
            raise
        self._start_from_disk()
        self._watch = self._host.watch_addresses(
            self._addresses_changed, (self.presence.device_name, *self.config.ignore_interfaces)
        )
        self._watch.start()
        self.controller.start()
        self._housekeeping.start(HOUSEKEEPING_SECONDS, now=False)
        self._routing_log.start(self.config.routing.route_update_interval, now=False)
        super().startService()  # type: ignore[no-untyped-call]
        self._look_soon()

    def stopService(self) -> Deferred[object]:
        """Say good-bye, write down what is worth it, and close everything."""
        super().stopService()  # type: ignore[no-untyped-call]
        for loop in (self._housekeeping, self._routing_log):
            if loop.running:
                loop.stop()
        if self._watch is not None:
            self._watch.stop()
        self._save_map()
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None
        self.subnets.close()
        self.names.close()
        self.presence.close()
        waiting: list[Deferred[Any]] = [self.controller.stop(), *self.mappings.stop()]
        if self._api is not None:
            waiting.append(self._api.stop())
        return DeferredList(waiting, consumeErrors=True)  # type: ignore[return-value]

    def _controller_addresses(self) -> list[ControllerAddress]:
        return controller_addresses(self.membership, self.config.controller, leads_to=self._host.proxy_leads_to)

    def _make_parts(self) -> None:
        try:
            addresses = self._controller_addresses()
        except ParseError as error:
            raise EnvironmentFault(str(error)) from error
        host = self._host
        self.controller = Controller(
            self.membership,
            self.identity,
            host,
            addresses=addresses,
            wanted_name=self.config.name or socket.gethostname().partition(".")[0],
            on_event=self._controller_said,
        )
        carries = (FORWARD_CAPABILITY,) if self.config.routing.policy().forward_rate else ()
        self.subnets = Subnets(
            config=self.config,
            node_id=self.identity.node_id,
            make_routes=host.make_routes,
            forwarder=host.forwarder,
            publish=lambda announced: self.controller.publish((*host.capabilities, *carries), announced),
            keep=self._state.save_choices,
            choices=self._state.choices(),
        )
        self.controller.publish((*host.capabilities, *carries), self.subnets.announce())
        self.lock = MemberLock(self.membership.lock)
        self.names = Names(host.name_services(self.config.names))
        self.relays = Relays(host.resolve, host.make_bridge, lambda: self.presence.ports)
        self.presence = Presence(
            self.config,
            host,
            self._state,
            self.identity,
            signalling=self.controller,
            relays=self.relays,
            failed=self.fail,
        )
        self.presence.peers_changed = self._peers_changed
        self.mappings = Mappings(self.config, self.identity, self.presence, host.map_port)
        self.links = Links(
            host.reactor,
            self.presence,
            tell=self.controller.report,
            mappings=self.mappings,
            is_streamed=self.relays.is_stream,
        )
        self.flows = FlowReporter(
            host.reactor,
            lambda: self.presence.segment,
            is_member=lambda: self.controller.is_member,
            tell=self.controller.report,
        )

    # The map on disk

    def _start_from_disk(self) -> None:
        if not self.membership.is_joined or self.membership.refusal:
            return
        try:
            found = self._stored_map()
        except (RemoteError, EnvironmentFault) as error:
            _log.error("The network map on disk is not used: {reason}", reason=str(error))
            return
        if found is not None:
            _log.info("Starting from the map on disk, revision {revision}", revision=found.revision)
            self._sheet = self._stored_sheet() if found.policy else None
            self._use_map(found)
            host = self._host
            now = float(host.reactor.seconds())
            self.relays.use_credentials(self._state.relay_credentials(host.unix_time() - now, now))

    def _stored_map(self) -> NetworkMap | None:
        blob = self._state.signed_map()
        if blob is None:
            return None
        revision = SignedMap.decode(blob).network_map.revision
        if revision < self.membership.revision:
            raise EnvironmentFault(
                f"revision {revision} is older than {self.membership.revision}, which was seen before"
            )
        return self.controller.member.use_stored_map(blob, self.membership.psk)

    def _stored_sheet(self) -> FilterSheet | None:
        try:
            blob = self._state.filter_sheet()
            return None if blob is None else self.controller.member.use_stored_filters(blob)
        except (RemoteError, EnvironmentFault) as error:
            _log.error("The filters on disk are not used, nothing may pass: {reason}", reason=str(error))
            return None

    def _save_map(self) -> None:
        blob, self._unsaved = self._unsaved, None
        if blob is None:
            return
        try:
            if self._sheet is not None:
                self._state.save_filter_sheet(self._sheet.encode())
            # The map first: a membership that knows a newer revision than the map on disk would refuse that map.
            self._state.save_signed_map(blob)
            self._state.save_membership(self.membership)
        except EnvironmentFault as error:
            _log.error("The network map was not written: {reason}", reason=str(error))

    def _remember(self, membership: Membership) -> None:
        self.membership = membership
        try:
            self._state.save_membership(membership)
        except EnvironmentFault as error:
            _log.error("The membership was not written: {reason}", reason=str(error))

    def _remember_credentials(self, credentials: Sequence[RelayCredential]) -> None:
        try:
            unix_offset = self._host.unix_time() - float(self._host.reactor.seconds())
            self._state.save_relay_credentials(credentials, unix_offset)
        except EnvironmentFault as error:
            _log.error("How to use the relays was not written: {reason}", reason=str(error))

    # What the controller says

    def _controller_said(self, event: MemberEvent) -> None:
        match event:
            case Registered(name, addresses):
                self._registered(name, addresses)
            case Pending(sentence):
                self.pending = sentence
                _log.warn("Waiting for approval: {sentence}", sentence=sentence)
            case MapUpdated():
                self._map_updated(event)
            case SignalReceived(sender, blob):
                if self.presence.segment is not None:
                    self.presence.segment.receive_signal(sender, blob)
            case PunchAt(peer, delay):
                if self.presence.segment is not None:
                    self.presence.segment.punch(peer, delay)
            case RelayCredentials(credentials):
                self.relays.use_credentials(credentials)
                self._remember_credentials(credentials)
            case Watched():
                self.links.watched(event)
            case RelayTestWanted(peer, seconds):
                if self.presence.segment is not None:
                    self.presence.segment.test_relay(peer, seconds)
            case ControllersTold(places):
                self._controllers_told(places)
            case Refused(_, sentence, is_final):
                self._refused(sentence, is_final)
            case _:
                pass

    def _registered(self, name: str, addresses: tuple[str, ...]) -> None:
        self.pending = ""
        _log.info("We are {name} with {addresses}", name=name, addresses=", ".join(addresses))
        self._remember(evolve(self.membership, name=name, addresses=addresses, secret=None, refusal=""))
        if self.presence.segment is not None:
            self.presence.segment.controller_connected()
        self.links.registered()

    def _controllers_told(self, places: tuple[str, ...]) -> None:
        if places != self.membership.told:
            self._remember(evolve(self.membership, told=places))
            self.controller.use_addresses(self._controller_addresses())

    def _map_updated(self, event: MapUpdated) -> None:
        revision = event.network_map.revision
        # A key that came with the join token is none of the controller's business, also after the token is used up.
        psk = event.psk if self.membership.token_psk is None else self.membership.token_psk
        if revision != self.membership.revision or psk != self.membership.psk:
            if self._unsaved is None:
                self._host.reactor.callLater(SAVE_SECONDS, self._save_map)
            self._unsaved = event.signed_blob
            self.membership = evolve(self.membership, revision=revision, psk=psk)
        self._sheet = event.sheet
        self._use_map(event.network_map)

    def _admitted(self, network_map: NetworkMap) -> NetworkMap:
        """The map without whom the network's lock does not let be a member."""
        held, refused = self.lock.held, self.lock.refused
        admitted = self.lock.admit(network_map, self.identity.node_id)
        if self.lock.held != held:
            # Written together with the map that shows it.
            self.membership = evolve(self.membership, lock=self.lock.held)
            words = "is not locked any more" if self.lock.held is None else "is locked from now on"
            _log.warn("The network {words}", words=words)
        for record in self.lock.refused:
            if record not in refused:
                _log.warn("{name} is no member: the network's lock has not signed it", name=record.name)
        return admitted

    def _use_map(self, network_map: NetworkMap) -> None:
        if self._is_leaving:
            # The last map is without us: nothing is to be begun anew for it.
            return
        network_map = self._admitted(network_map)
        ports = self.presence.ports
        self.presence.use_map(network_map, self.membership.psk, self._sheet)
        # Before what takes time on this machine: answers of servers take longest.
        self._find_servers()
        if ports != self.presence.ports:
            self.mappings.look()
        self.subnets.use_map(network_map, self.presence.device_name)
        own = network_map.member(self.identity.node_id)
        self.names.use_map(network_map, self.presence.device_name, () if own is None else own.addresses)
        self._look_soon()
        self._find_outside()

    def _refused(self, sentence: str, is_final: bool) -> None:
        self.pending = ""
        if self._is_leaving:
            return
        if not is_final:
            _log.warn("The controller turned us away for the moment: {sentence}", sentence=sentence)
            return
        _log.critical("The controller turned us away: {sentence}", sentence=sentence)
        self._remember(evolve(self.membership, refusal=sentence, secret=None))
        self.presence.close()
        self._host.end_process(REFUSED_STATUS)

    # What the machine says

    def fail(self, sentence: str) -> None:
        """The machine cannot carry on."""
        _log.critical("Stopping: {sentence}", sentence=sentence)
        self._host.end_process(FAILED_STATUS)

    def leave(self) -> bool:
        """Leave the network; False if the controller cannot be told, and nothing was done."""
        self._is_leaving = self.controller.leave()
        return self._is_leaving

    def end_later(self, seconds: float) -> None:
        """In a moment, forget the network and stop."""
        self._host.reactor.callLater(seconds, self._end)

    def _end(self) -> None:
        self.presence.close()
        self._unsaved = None
        self._state.forget_network()
        self._host.end_process(0)

    def _addresses_changed(self, hosts: list[str]) -> None:
        _log.info("Addresses of this machine: {hosts}", hosts=", ".join(hosts) or "none")
        before, self._hosts = self._hosts, hosts
        self.presence.use_hosts(hosts)
        self.mappings.look(is_doubtful=before is not None)
        if before is None:
            return
        self.controller.look([host for host in before if host not in hosts])
        if hosts:
            self._find_servers()
            self._find_outside()

    def _find_servers(self) -> None:
        network_map = self.presence.network_map
        if network_map is None:
            return
        self.relays.use_places(relays_near(network_map.relays, self.controller.hosts))
        places = []
        for text in network_map.stun_servers_near(self.controller.hosts):
            try:
                places.append(split_host_port(text))
            except ParseError:
                _log.debug("The map names a STUN server that is none: {text}", text=text)
        self._host.resolve(places).addCallback(self._use_stun_servers)

    def _find_outside(self) -> None:
        network_map = self.presence.network_map
        if network_map is None:
            return
        relays = [(each.host, each.udp or each.tcp or each.tls) for each in network_map.relays if each.host]
        controllers = [(each.host, each.port) for each in self.controller.addresses]
        # Through an exit, the proxy that the exit is reached by would be reached through itself.
        proxy = [] if self._host.proxy is None else [self._host.proxy]
        self._host.resolve([*proxy, *controllers, *relays]).addCallback(self._use_outside)

    def _use_outside(self, places: list[SocketAddress]) -> None:
        self.subnets.use_outside(place.host for place in places if not ipaddress.ip_address(place.host).is_loopback)
        self._look_soon()

    def _peers_changed(self) -> None:
        self.links.changed()
        self._look_soon()

    def _look_soon(self) -> None:
        if self._looking is None and self.running:
            self._looking = self._host.reactor.callLater(LOOK_SECONDS, self.look_at_subnets)

    def look_at_subnets(self) -> None:
        """Have the kernel reach the networks behind members as things are."""
        self._looking = None
        segment = self.presence.segment
        if segment is not None:
            self.subnets.look(segment.peers())

    def _use_stun_servers(self, servers: list[SocketAddress]) -> None:
        # A relay on this very machine sees us at an address that is of no use to others.
        self.presence.use_stun_servers([one for one in servers if not ipaddress.ip_address(one.host).is_loopback])

    def _log_routes(self) -> None:
        segment = self.presence.segment
        if segment is None:
            return
        peers = segment.peers()
        for line in (routing_stats(peers), *routing_lines(peers)):
            _log.info("{line}", line=line)

    def _keep_house(self) -> None:
        self.presence.keep_time()
        segment = self.presence.segment
        if segment is None:
            return
        self._look_soon()
        self.names.look()
        self.links.look()
        self.flows.look(self.identity.node_id)
        try:
            self.presence.remember_endpoints()
        except EnvironmentFault as error:
            _log.error("Where the peers are was not written: {reason}", reason=str(error))
