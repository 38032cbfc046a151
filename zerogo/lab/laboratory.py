# -*- test-case-name: integration.netns.test_lab -*-
"""A scenario's internet, standing: built when entered, changed by verbs, gone when left.

    with Lab(load_scenario("cone")) as lab:
        lab.run("alice", ["ping", "-c", "1", lab.host("bob").addresses[0]])
        lab.cut("alices-site")

    host namespace            router namespace                              the emulator's process
    eth0 ---- veth ---- p0 -+ lan0 (bridge) -- forwarding, nft -- wan0 TUN === Internet core === other sites' TUNs
    eth0 ---- veth ---- p1 -+                                     | or, behind another site:
                                                                  wan0 ---- veth ---- w1 - lan0 of that site

Processes of the roles are not known here; see `zerogo.lab.roles`.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from attrs import evolve

from zerogo.lab import emulator as orders
from zerogo.lab.errors import LabFault, LabMisuse
from zerogo.lab.internet import Counters
from zerogo.lab.namespaces import add_namespaces, configure, inside, load_rules, open_tun, run, set_sysctls
from zerogo.lab.nat import conntrack_timeouts, ruleset
from zerogo.lab.scenario import Link, Scenario, Site
from zerogo.lab.topology import HostPlan, SitePlan, addressed, plan, plan_host
from zerogo.lab.watchdog import Watchdog

_ROUTER_SYSCTLS = {
    "net/ipv4/ip_forward": "1",
    "net/ipv6/conf/all/forwarding": "1",
    "net/ipv6/conf/default/accept_dad": "0",
    "net/ipv4/conf/all/rp_filter": "0",
    "net/ipv4/conf/default/rp_filter": "0",
}
_BRIDGE_SYSCTLS = ("net/bridge/bridge-nf-call-iptables", "net/bridge/bridge-nf-call-ip6tables")
"""Frames between hosts of a site must not pass the router's NAT."""
_HOST_SYSCTLS = {
    "net/ipv4/conf/all/rp_filter": "0",
    "net/ipv4/conf/default/rp_filter": "0",
    "net/ipv6/conf/all/accept_ra": "0",
    "net/ipv6/conf/default/accept_ra": "0",
    "net/ipv6/conf/default/accept_dad": "0",
}


class Lab:
    """Namespaces, routers and the emulated internet of one scenario."""

    def __init__(self, scenario: Scenario, *, seed: int | None = None, keep_directory: bool = False) -> None:
        self.scenario = scenario
        self.seed = scenario.seed if seed is None else seed
        self.keep_directory = keep_directory
        self.directory = Path("/nonexistent")
        self.prefix = ""
        self._stack = contextlib.ExitStack()
        self._sites: dict[str, SitePlan] = {}
        self._hosts: dict[str, HostPlan] = {}
        self._ports: dict[str, int] = {}
        self._rebinds: dict[str, int] = {}
        self._slots: dict[str, int] = {}
        self._internet: orders.InternetProcess | None = None

    def __enter__(self) -> Lab:
        require_root()
        self.directory = Path(tempfile.mkdtemp(prefix="zerogo-lab-"))
        self.directory.chmod(0o755)
        watchdog = Watchdog(self.directory)
        self.prefix = watchdog.prefix
        self._stack.callback(lambda: watchdog.close(keep_directory=self.keep_directory))
        try:
            self._build()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    # ----- what is there

    def host(self, name: str) -> HostPlan:
        """A host as it stands, with its addresses; raises `LabMisuse`."""
        if name not in self._hosts:
            raise LabMisuse(f"{name!r} is no host of {self.scenario.name}")
        return self._hosts[name]

    def site(self, name: str) -> SitePlan:
        """A site as it stands; raises `LabMisuse`."""
        if name not in self._sites:
            raise LabMisuse(f"{name!r} is no site of {self.scenario.name}")
        return self._sites[name]

    def counters(self) -> Counters:
        """What became of the packets of the internet so far."""
        return self._emulator.counters()

    # ----- running things inside

    def argv(self, host: str, argv: Sequence[str]) -> list[str]:
        """The command that runs `argv` on a host; takes the name of a site for its router, too."""
        return ["ip", "netns", "exec", self._namespace(host), *argv]

    def run(self, host: str, argv: Sequence[str], text: str | None = None) -> str:
        """Run a program on a host to its end; its output. Raises `LabFault`."""
        return run(self.argv(host, argv), text)

    def popen(self, host: str, argv: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
        """Start a program on a host; `options` are those of `subprocess.Popen`."""
        return subprocess.Popen(self.argv(host, argv), **options)

    def socket(self, host: str, family: int, kind: int, protocol: int = 0) -> socket.socket:
        """A socket of this process on the network of a host, or of a site's router."""
        with inside(self._namespace(host)):
            return socket.socket(family, kind, protocol)

    def _namespace(self, name: str) -> str:
        return self._hosts[name].namespace if name in self._hosts else self.site(name).namespace

    # ----- changing the network

    def cut(self, a: str, b: str | None = None) -> None:
        """Take a site off the internet, two sites from each other, or a host off its local network."""
        if a in self._hosts:
            self._plug(self._hosts[a], "down")
        else:
            self._emulator.order(orders.Cut(self._port(a), None if b is None else self._port(b)))

    def heal(self, a: str, b: str | None = None) -> None:
        """Undo a cut."""
        if a in self._hosts:
            self._plug(self._hosts[a], "up")
        else:
            self._emulator.order(orders.Heal(self._port(a), None if b is None else self._port(b)))

    def set_link(self, a: str, link: Link, b: str | None = None) -> None:
        """Give a site's link other properties, both directions, or the way between two sites."""
        self._emulator.order(orders.SetLink(self._port(a), link, None if b is None else self._port(b)))

    def rebind(self, name: str) -> None:
        """The router forgets all mappings, as after a restart; new ones get other ports."""
        self._rebinds[name] = self._rebinds.get(name, 0) + 1
        self._load_rules(self.site(name))

    def change_address(self, name: str) -> None:
        """The provider gives a site other addresses, or a host gets others from its router."""
        if name in self._hosts:
            host = self._hosts[name]
            site = self._sites[host.site]
            fresh = plan_host(host.host, site, host.slot, host.number, self.prefix, host.generation + 1)
            self._readdress(fresh)
            return
        site = self.site(name)
        for route in site.routes:
            self._emulator.order(orders.SetRoute(route, None))
        self._sites[name] = fresh_site = addressed(
            evolve(site, generation=site.generation + 1), self.scenario, self._sites
        )
        self._configure_router(fresh_site)
        self._load_rules(fresh_site)
        self._announce(fresh_site)
        for host in [host for host in self._hosts.values() if host.site == name]:
            generation = host.generation + (1 if fresh_site.site.nat.value == "open" else 0)
            fresh = plan_host(host.host, fresh_site, host.slot, host.number, self.prefix, generation)
            if (fresh.ipv4, fresh.ipv6) != (host.ipv4, host.ipv6):
                self._readdress(fresh)
            else:
                # Behind a NAT nothing shows it: the host's own network stays as it is.
                self._hosts[host.host.name] = fresh

    def move(self, name: str, to: str) -> None:
        """A host leaves its site and joins another, as a laptop does."""
        host, site = self.host(name), self.site(to)
        configure(self._sites[host.site].namespace, [f"link del p{host.number}"])
        slot = self._slots.get(to, len(site.site.hosts))
        self._slots[to] = slot + 1
        fresh = self._hosts[name] = plan_host(host.host, site, slot, host.number, self.prefix)
        # Before the host is there: loading forgets mappings, and the first it asks for would lose their answers.
        self._load_rules(site)
        self._attach(fresh)

    # ----- watching the internet

    def watch(self, pattern: bytes) -> int:
        """Count packets on the internet that contain `pattern`; how many there were since it was first watched."""
        return self._emulator.order(orders.Watch(pattern)).value

    def record(self, path: Path | None) -> None:
        """Write every packet that enters the internet to a pcap file, or stop that."""
        self._emulator.order(orders.Record(str(path) if path else ""))

    # ----- building

    @property
    def _emulator(self) -> orders.InternetProcess:
        if self._internet is None:
            raise LabMisuse("the lab is not built; use it in a `with` statement")
        return self._internet

    def _build(self) -> None:
        planned = plan(self.scenario, self.prefix)
        self._sites = {site.site.name: site for site in planned.sites}
        self._internet = orders.InternetProcess(self.seed, self.directory / "internet.log")
        self._stack.callback(self._internet.close)
        add_namespaces([site.namespace for site in planned.sites] + [host.namespace for host in planned.hosts])
        for site in planned.sites:
            self._build_router(site)
        for host in planned.hosts:
            set_sysctls(host.namespace, _HOST_SYSCTLS)
            self._attach(host)
        for site in planned.sites:
            self._load_rules(site)
        for path in self.scenario.paths:
            self.set_link(path.between[0], path.link, path.between[1])

    def _build_router(self, site: SitePlan) -> None:
        set_sysctls(site.namespace, _ROUTER_SYSCTLS)
        configure(site.namespace, ["link add lan0 type bridge", "link set lan0 up"])
        bridge = {name: "0" for name in _BRIDGE_SYSCTLS if Path("/proc/sys", name).exists()}
        set_sysctls(site.namespace, {**bridge, **conntrack_timeouts(site.router((), 0))})
        mtu = max(1500, site.site.up.mtu, site.site.down.mtu)
        if site.site.behind is None:
            descriptor = open_tun(site.namespace, "wan0")
            try:
                port = self._emulator.order(orders.AddPort(site.site.up, site.site.down), descriptor).value
            finally:
                os.close(descriptor)
            self._ports[site.site.name] = port
        else:
            outer = self._sites[site.site.behind].namespace
            cable = f"w{site.number}"
            configure(outer, [f"link add {cable} type veth peer name wan0 netns {site.namespace}"])
            configure(outer, [f"link set {cable} master lan0 up"])
        configure(site.namespace, [f"link set wan0 mtu {mtu} up"])
        self._configure_router(site)
        self._announce(site)

    def _configure_router(self, site: SitePlan) -> None:
        commands = ["addr flush dev wan0 scope global", "addr flush dev lan0 scope global"]
        outer = self._sites[site.site.behind] if site.site.behind else None
        length4, length6 = (24, 64) if outer else (32, 128)
        if site.lan4 is not None:
            commands += [f"addr add {site.gateway4}/24 dev lan0", f"addr add {site.wan4}/{length4} dev wan0"]
            via = f"via {outer.gateway4} " if outer else ""
            commands.append(f"route replace default {via}dev wan0 src {site.wan4}")
        if site.lan6 is not None:
            commands += [
                f"addr add {site.gateway6}/64 dev lan0 nodad",
                f"addr add {site.wan6}/{length6} dev wan0 nodad",
            ]
            via = f"via {outer.gateway6} " if outer else ""
            commands.append(f"-6 route replace default {via}dev wan0")
        configure(site.namespace, [command for command in commands if not command.startswith("-6")])
        if site.lan6 is not None:
            run(["ip", "-6", "-n", site.namespace, *commands[-1].split()[1:]])

    def _announce(self, site: SitePlan) -> None:
        """Tell the internet, or the router in front, where this site is."""
        if site.site.behind is None:
            for route in site.routes:
                self._emulator.order(orders.SetRoute(route, self._ports[site.site.name]))
            return
        outer: SitePlan | None = self._sites[site.site.behind]
        if site.lan6 is None:
            return
        next_hop = site.wan6
        while outer is not None:
            run(["ip", "-6", "-n", outer.namespace, "route", "replace", str(site.lan6), "via", str(next_hop)])
            if outer.site.behind is None:
                prefix = site.lan6.network_address.packed[:8]
                self._emulator.order(orders.SetRoute(prefix, self._ports[outer.site.name]))
                return
            next_hop, outer = outer.wan6, self._sites[outer.site.behind]

    def _load_rules(self, site: SitePlan) -> None:
        """Load a router's rules and forget its mappings."""
        insides = [str(host.ipv4.ip) for host in self._hosts.values() if host.site == site.site.name and host.ipv4]
        insides += [other.wan4 for other in self._sites.values() if other.site.behind == site.site.name and other.wan4]
        load_rules(site.namespace, ruleset(site.router(insides, self._rebinds.get(site.site.name, 0))))
        with inside(site.namespace):
            _flush_conntrack()

    def _attach(self, host: HostPlan) -> None:
        """Connect a host to its site's network."""
        site, cable = self._sites[host.site], f"p{host.number}"
        mtu = max(1500, site.site.up.mtu, site.site.down.mtu)
        configure(site.namespace, [f"link add {cable} mtu {mtu} type veth peer name eth0 netns {host.namespace}"])
        configure(site.namespace, [f"link set {cable} master lan0 up"])
        configure(host.namespace, [f"link set eth0 mtu {mtu} up"])
        self._readdress(host)

    def _readdress(self, host: HostPlan) -> None:
        site = self._sites[host.site]
        configure(host.namespace, ["addr flush dev eth0 scope global"])
        if host.ipv4 is not None:
            commands = [f"addr add {host.ipv4} dev eth0", f"route replace default via {site.gateway4} dev eth0"]
            configure(host.namespace, commands)
        if host.ipv6 is not None:
            configure(host.namespace, [f"addr add {host.ipv6} dev eth0 nodad"])
            run(["ip", "-6", "-n", host.namespace, "route", "replace", "default", "via", str(site.gateway6)])
        self._hosts[host.host.name] = host

    def _plug(self, host: HostPlan, state: str) -> None:
        configure(self._sites[host.site].namespace, [f"link set p{host.number} {state}"])

    def _port(self, name: str) -> int:
        site: Site = self.site(name).site
        while site.behind is not None:
            site = self.site(site.behind).site
        return self._ports[site.name]


def require_root() -> None:
    """Raises `LabFault` with one sentence unless this process may build networks."""
    if os.geteuid() != 0:
        raise LabFault("the lab builds network namespaces and needs root: run it with sudo")
    if not os.path.exists("/dev/net/tun"):
        raise LabFault("the lab needs /dev/net/tun: load the kernel's module tun")


def _flush_conntrack() -> None:
    """Forget all connections of the current namespace: ctnetlink's delete message without a selector."""
    delete = (1 << 8) | 2
    with contextlib.closing(socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)) as netlink:
        netlink.settimeout(5)
        netlink.send(struct.pack("=IHHIIBBH", 20, delete, 0x1 | 0x4, 1, 0, 0, 0, 0))
        answer = netlink.recv(4096)
    (number,) = struct.unpack_from("=i", answer, 16)
    if number:
        raise LabFault(f"cannot flush a router's mappings: {os.strerror(-number)}")
