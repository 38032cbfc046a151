# -*- test-case-name: zerogo.test.agent.test_twistd -*-
"""`twistd -n zerogo-agent`: options, the real machine and the service; the only place of this role that knows the
reactor.
"""

from __future__ import annotations

import atexit
import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from twisted.application.service import IService
from twisted.python.usage import UsageError

from zerogo.agent.host import Commands, Host, Mapping, MappingWish, Watch
from zerogo.agent.names import NameServices
from zerogo.agent.own_edge import MakeEdge, OwnEdge, RunningEdge, edge_wants_tls
from zerogo.agent.relays import Bridge, MakeBridge, Told
from zerogo.agent.service import AgentService
from zerogo.agent.streams import MakeStreams, StreamDriver, StreamsWish
from zerogo.config.agent import AgentConfig
from zerogo.config.edge import EdgeConfig
from zerogo.config.options import RoleOptions
from zerogo.control.policy_sheet import CAPABILITY as POLICY_CAPABILITY
from zerogo.control.relays import RelayPlace
from zerogo.control.token import JoinToken
from zerogo.errors import ParseError
from zerogo.mesh.node import AESGCM_CAPABILITY
from zerogo.net.clock import use_steady_clock
from zerogo.net.dial import TorPlaces
from zerogo.net.instructions import has_aes
from zerogo.net.proxy import Proxy, proxy_of
from zerogo.observe.service import LoggedService


class Options(RoleOptions[AgentConfig]):
    """Where the configuration is, and the few keys that are handy on a command line."""

    role = "agent"
    config_class = AgentConfig
    optParameters = [  # noqa: RUF012 - Twisted reads it from the class
        ["controller", None, None, "The controller's URL, to reach it by another address than the join token's."],
        ["token", None, None, "The join token, or file:PATH; needed once."],
        ["name", None, None, "This machine's name in the network."],
        ["tap-device", None, None, "The name of the Ethernet device."],
        ["port", None, None, "The UDP port of the data sockets; 0 takes a random one."],
        ["state-dir", None, None, "Where the node's key and its membership are kept."],
        ["socket", None, None, "The socket for the zerogo command."],
        ["p2p", None, None, "true or false: send straight to other members."],
        ["p2p-port", None, None, "The UDP port for other members; 0 takes the one of --port."],
        ["mesh-routing", None, None, "true or false: let other members carry what we send."],
        ["max-hops", None, None, "Links of a way through other members, at most: 1 to 3."],
        ["route-update", None, None, "Seconds between renewals of what is known of such ways."],
    ]
    nested = {  # noqa: RUF012 - read from the class
        "p2p": "routing.p2p-enabled",
        "p2p-port": "routing.p2p-port",
        "mesh-routing": "routing.enable-mesh-routing",
        "max-hops": "routing.max-hops",
        "route-update": "routing.route-update-interval",
    }
    token: JoinToken | None
    proxy: Proxy | None

    def postOptions(self) -> None:
        """Read the token and the proxy too, so that what is wrong with them is said before anything starts."""
        super().postOptions()
        secret = self.config.token
        try:
            self.token = None if secret is None else JoinToken.parse(secret.reveal())
            wish = self.config.proxy
            self.proxy = proxy_of(os.environ) if wish is None else Proxy.parse(wish.reveal())
        except ParseError as error:
            raise UsageError(str(error)) from error


def leave_tls_out() -> None:
    """Keep Twisted from importing its TLS library, which an agent without a `https` controller never uses.

    Twisted treats a missing pyOpenSSL as "no TLS here"; it costs 11 MB of the memory of an idle agent.
    """
    if "OpenSSL" not in sys.modules and "twisted.internet.reactor" not in sys.modules:
        sys.modules["OpenSSL"] = None  # type: ignore[assignment]


def _end_process(reactor: Any) -> Callable[[int], None]:
    def end(status: int) -> None:
        if status:
            # twistd knows no exit status: leave with ours when everything else, the pid file too, was put away.
            atexit.register(_leave, status)
        if reactor.running:
            reactor.callLater(0, reactor.stop)

    return end


def _leave(status: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def edge_maker(reactor: Any) -> MakeEdge:
    """Makes edges in this process. What they need is imported when there is one: 4 MB of an agent's memory."""

    def make(config: EdgeConfig) -> RunningEdge:
        from zerogo.edge.service import EdgeService
        from zerogo.edge.twistd import real_surroundings
        from zerogo.net.dial import stream_endpoint

        around = real_surroundings(reactor)
        return EdgeService(config, around, lambda address: stream_endpoint(reactor, address), os.urandom)

    return make


def bridge_maker(reactor: Any, proxy: Proxy | None) -> MakeBridge:
    """Makes streams to relays."""
    from zerogo.net.relay_bridge import RelayBridge
    from zerogo.net.relay_dial import stream_ways

    def make(
        places: tuple[RelayPlace, ...], data_ports: Callable[[], Sequence[int]], opened: Told, closed: Told
    ) -> Bridge:
        return RelayBridge(reactor, stream_ways(reactor, places, proxy), data_ports, opened=opened, closed=closed)

    return make


def streams_maker(reactor: Any, proxy: Proxy | None) -> MakeStreams:
    """Makes what takes and dials streams of members."""
    from zerogo.net.peer_stream import StreamTools
    from zerogo.net.peer_streams import PeerStreams

    def make(wish: StreamsWish) -> StreamDriver:
        tools = StreamTools(reactor=reactor, data_ports=wish.data_ports, rng=os.urandom)
        return PeerStreams(tools, wish.find, proxy, opened=wish.opened, closed=wish.closed)

    return make


def real_host(reactor: Any, proxy: Proxy | None, tor: TorPlaces, commands: Commands) -> Host:
    """This machine."""
    from zerogo.agent.devices import OpenedDevices
    from zerogo.dataplane.choice import make_plane
    from zerogo.net.addresses import AddressWatch
    from zerogo.net.dial import stream_endpoint
    from zerogo.net.forwarding import Forwarding
    from zerogo.net.kernel_routes import KernelRoutes
    from zerogo.net.name_server import NameServer
    from zerogo.net.portmap import PortMapping
    from zerogo.net.resolve import resolve_places
    from zerogo.net.resolver_setup import HostsFile, ResolvedLink, has_resolved
    from zerogo.portmap.mapper import PortMapper

    def watch(on_change: Callable[[list[str]], object], ignored: Sequence[str]) -> Watch:
        return AddressWatch(reactor, reactor, on_change, ignored=ignored)

    def name_services(wish: str) -> NameServices | None:
        if wish == "off":
            return None
        return NameServices(
            make_server=lambda zone: NameServer(reactor, zone),
            link=ResolvedLink() if has_resolved() else None,
            hosts=HostsFile() if wish == "hosts" else None,
        )

    def map_port(wish: MappingWish) -> Mapping:
        return PortMapping(
            reactor,
            PortMapper(os.urandom, nonce_key=wish.nonce_key),
            inner_of=wish.inner_of,
            on_change=wish.on_change,
            transport=wish.transport,
            ignored=wish.ignored,
        )

    return Host(
        reactor=reactor,
        open_devices=OpenedDevices.open,
        make_plane=make_plane,
        endpoint_of=lambda address: stream_endpoint(reactor, address, proxy, tor),
        proxy=None if proxy is None else (proxy.host, proxy.port),
        proxy_leads_to=(lambda host, port: False) if proxy is None else proxy.leads_to,
        resolve=lambda places: resolve_places(reactor, places),
        watch_addresses=watch,
        make_bridge=bridge_maker(reactor, proxy),
        make_streams=streams_maker(reactor, proxy),
        map_port=map_port,
        make_routes=KernelRoutes,
        name_services=name_services,
        forwarder=Forwarding(),
        capabilities=(POLICY_CAPABILITY, *((AESGCM_CAPABILITY,) if has_aes() else ())),
        rng=os.urandom,
        unix_time=time.time,
        end_process=_end_process(reactor),
        commands=commands,
    )


def makeService(options: Options, reactor: Any = None) -> IService:
    """The service of the role."""
    config = options.config
    if reactor is None:
        if not (config.controller or "").startswith(("https", "wss")) and not edge_wants_tls(config):
            leave_tls_out()
        from twisted.internet import reactor as installed

        reactor = installed
    use_steady_clock(reactor)
    role = LoggedService(config.log_level, config.log_format, options.parent)
    tor = TorPlaces(config.tor_socks, config.tor_control)
    own_edge = OwnEdge(config, edge_maker(reactor), time.time)
    host = real_host(reactor, options.proxy, tor, {"edge": own_edge.command})
    AgentService(config, host, options.token).setServiceParent(role)  # type: ignore[no-untyped-call]
    own_edge.setServiceParent(role)  # type: ignore[no-untyped-call]
    return role
