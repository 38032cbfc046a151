# -*- test-case-name: zerogo.test.config.test_roles -*-
"""The keys of `zerogo-agent`: a machine that is a member of a network."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen

from zerogo.config.routing import RoutingConfig
from zerogo.config.schema import option, section
from zerogo.config.tor_values import TOR_CONTROL
from zerogo.config.values import (
    ACCEPTANCE,
    DEVICE_GLOB,
    DEVICE_NAME,
    HOST_PORT,
    LOG_FORMAT,
    LOG_LEVELS,
    NODE_NAME,
    PATH,
    PORT,
    SUBNET,
    SWITCH,
    URL,
    integer,
    many,
    one_of,
    secret,
)
from zerogo.secret import Secret

_UNENCRYPTED = "ZeroGo always encrypts, from end to end"


@frozen(kw_only=True)
class OffloadsConfig:
    """The switches of `zerogo.dataplane.interface.Offloads`."""

    tap_tso: bool = option(SWITCH, True)
    """Take TCP super-frames from the kernel."""
    tap_uso: bool = option(SWITCH, True)
    """Take UDP super-frames from the kernel."""
    tap_gso_write: bool = option(SWITCH, True)
    """Merge what arrives into super-frames before the kernel gets it."""
    udp_gso: bool = option(SWITCH, True)
    """Send several datagrams with one call."""
    udp_gro: bool = option(SWITCH, True)
    """Receive several datagrams with one call."""
    checksum_elision: bool = option(SWITCH, True)
    """Spare the checksums inside the tunnel, whose contents are authenticated anyway."""


@frozen(kw_only=True)
class AgentConfig:
    """Keys and defaults of an agent."""

    controller: str | None = option(URL, None, "https://controller.example.net")
    """The controller's URL. The join token holds its addresses; set this to reach it by another one."""
    proxy: Secret | None = option(
        secret(8, "write http://HOST:PORT or http://USER:PASSWORD@HOST:PORT"), None, "http://proxy.example.net:3128"
    )
    """An HTTP proxy that takes CONNECT, or file:PATH of a file (mode 0600) that holds its URL. The controller and
    relays are dialled through it too, beside the straight way. Without this key, the proxy of the environment variable
    https_proxy is taken, if that is set."""
    tor_socks: str = option(HOST_PORT, "127.0.0.1:9050")
    """The SOCKS port of this machine's Tor, by which a controller that is an onion service is reached."""
    tor_control: str = option(TOR_CONTROL, "/run/tor/control")
    """The control port of that Tor, the path of its socket or HOST:PORT: it is told the key that comes with the join
    token. The agent must be allowed to read Tor's cookie file."""
    token: Secret | None = option(
        secret(16, "paste the token that `zerogo invite` prints on the controller"), None, "file:/etc/zerogo/token"
    )
    """The join token that `zerogo invite` prints, or file:PATH of a file (mode 0600) that holds it. Needed once: after
    joining, the membership is in the state directory."""
    name: str | None = option(NODE_NAME, None, "living-room")
    """This machine's name in the network; without it, the host name."""
    tap_device: str = option(DEVICE_NAME, "zerogo0")
    """The name of the Ethernet device that the network appears on."""
    mtu: int | None = option(integer(1280, 9000, "bytes"), None, "1400")
    """The device's MTU; without it, the network's own."""
    port: int = option(PORT, 9993)
    """The UDP port of the data sockets; 0 takes a random one."""
    port_mapping: bool = option(SWITCH, True)
    """Ask the router to let members in at our UDP port, and at that of `listen-tcp`, by PCP, NAT-PMP or UPnP."""
    listen_tcp: int | None = option(integer(1, 65535), None, "443")
    """A TCP port for members whose network lets no UDP through: at this machine's own addresses, plain and TLS at once.
    It answers nobody else. Members try it beside UDP, and use it while UDP does not get through. Behind a router that
    maps ports it should be 1024 or more: many routers map no others."""
    tcp_addresses: tuple[str, ...] = option(many(HOST_PORT), (), "[home.example.net:443]")
    """Where that port is reached from outside, if a router forwards it by hand; its own addresses need not be named."""
    ignore_interfaces: tuple[str, ...] = option(
        many(DEVICE_GLOB), ("docker*", "br-????????????", "virbr*", "cni*", "flannel*", "zerogo*")
    )
    """Interfaces whose addresses are not offered to peers; * and ? stand for any characters, any one."""
    encryption_level: str = option(
        one_of(("high", "medium"), {"low": _UNENCRYPTED, "none": _UNENCRYPTED, "hmac-only": _UNENCRYPTED}), "high"
    )
    """Known from earlier configurations. high and medium mean the same: Noise with ChaCha20-Poly1305 or AES-256-GCM."""
    data_plane: str = option(one_of(("auto", "native", "reference")), "auto")
    """Which plane moves the frames: native is in Rust, reference in Python; auto takes native where it was built."""
    offloads: OffloadsConfig = section(OffloadsConfig)
    """What the kernel may do for us. All on; what it cannot do is found out and left off."""
    announce: tuple[str, ...] = option(many(SUBNET), (), "[192.168.7.0/24]")
    """Networks behind this machine that members are to reach through it, once the network's owner has approved them
    with `zerogo members approve-route`. This machine must forward: `sysctl -w net.ipv4.ip_forward=1`."""
    masquerade: bool = option(SWITCH, True)
    """Let what members send to networks behind this machine leave with this machine's address; if false, those networks
    need a route back."""
    accept_routes: bool | tuple[str, ...] = option(ACCEPTANCE, True)
    """Reach networks behind other members: true, false, or a list of networks within which they may be."""
    exit_node: bool = option(SWITCH, False)
    """Offer this machine as the way to the internet for members that choose it, once the network's owner has approved
    it with `zerogo members approve-exit`. This machine must forward, as for `announce`."""
    exit_via: str | None = option(NODE_NAME, None, "frankfurt")
    """The member through which this machine reaches the internet; without it, it does so by itself."""
    exit_fail_closed: bool = option(SWITCH, False)
    """While the exit is out of reach, reach nothing instead of going around it; also when the agent was killed."""
    edge: Path | None = option(PATH, None, "/etc/zerogo/edge.yaml")
    """Be an exit for users of gateways as well, in this process and under this machine's key; this is the file of what
    its owner allows, which names the gateway's token. `zerogo edge join TOKEN --as-agent` does it without this key."""
    routing: RoutingConfig = section(RoutingConfig)
    """Which ways to other members are used, and what we carry for them."""
    names: str = option(one_of(("auto", "hosts", "off")), "auto")
    """Names of members, such as printer.home.zg. auto answers them at this machine's own address in the network, port
    53, and has systemd-resolved ask there where it runs; hosts writes them into /etc/hosts too; off does neither."""
    state_dir: Path = option(PATH, Path("/var/lib/zerogo/agent"))
    """Where the node's key and its membership are kept (mode 0700)."""
    socket: Path = option(PATH, Path("/run/zerogo/agent.sock"))
    """The socket that the `zerogo` command speaks to."""
    log_level: str = option(LOG_LEVELS, "info")
    """debug, info, warn, error or critical; levels of single subsystems may follow, as in info,ice=debug."""
    log_format: str = option(LOG_FORMAT, "text")
    """text for people, json for programs (one object a line)."""
