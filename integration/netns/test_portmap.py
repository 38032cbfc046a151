"""Port mapping against Debian's miniupnpd, a gateway that was not written by us.

    inside 192.168.7.2 --- lan0 router wan0 --- outside 11.22.33.9
                           192.168.7.1  11.22.33.1, nftables: masquerade, nothing comes in unasked; miniupnpd

The addresses outside are public ones, since miniupnpd maps nothing where its own address is private; they exist in
these namespaces alone.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from zerogo.lab.namespaces import add_namespaces, configure, inside, load_rules, run, set_sysctls

MINIUPNPD = shutil.which("miniupnpd", path="/usr/sbin:/sbin:/usr/local/sbin:" + os.environ.get("PATH", ""))
OUTER, PORT = "11.22.33.1", 9993
PATIENCE_SECONDS = 10.0
EPOCH_SECONDS = 4.0
"""A gateway that counted less before it began anew cannot be told from one that did not."""
FIREWALL = """
table inet filter {
  chain forward {
    type filter hook forward priority 0; policy accept;
    iifname "wan0" ct state established,related accept
    jump miniupnpd
    iifname "wan0" drop
  }
  chain miniupnpd { }
  chain input {
    type filter hook input priority 0; policy accept;
    iifname "wan0" ct state new meta l4proto != icmp drop
  }
  chain prerouting { type nat hook prerouting priority -100; policy accept; jump prerouting_miniupnpd; }
  chain postrouting {
    type nat hook postrouting priority 100; policy accept;
    jump postrouting_miniupnpd
    oifname "wan0" masquerade fully-random
  }
  chain prerouting_miniupnpd { }
  chain postrouting_miniupnpd { }
}
"""


def settings(directory: Path, *, speaks_pcp: bool, speaks_upnp: bool) -> str:
    """A configuration of miniupnpd."""
    return f"""
ext_ifname=wan0
listening_ip=lan0
port=0
enable_natpmp={"yes" if speaks_pcp else "no"}
enable_upnp={"yes" if speaks_upnp else "no"}
secure_mode=yes
system_uptime=no
lease_file={directory}/leases
uuid=00000000-0000-0000-0000-000000000001
allow 1024-65535 192.168.7.0/24 1024-65535
deny 0-65535 0.0.0.0/0 0-65535
"""


class Site:
    """The three namespaces, and the gateway's daemon."""

    def __init__(self) -> None:
        prefix = f"pm{os.getpid()}"
        self.inside, self.router, self.outside = (f"{prefix}{end}" for end in ("i", "r", "o"))
        self.directory = Path(tempfile.mkdtemp(prefix="portmap"))
        self._daemon: subprocess.Popen[bytes] | None = None
        self._link()

    def _link(self) -> None:
        add_namespaces([self.inside, self.router, self.outside])
        for end, inner, outer in ((self.inside, "eth0", "lan0"), (self.outside, "eth0", "wan0")):
            configure(self.router, [f"link add {outer} type veth peer name {inner} netns {end}"])
        configure(self.router, ["addr add 192.168.7.1/24 dev lan0", f"addr add {OUTER}/24 dev wan0"])
        configure(self.router, ["link set lan0 up", "link set wan0 up"])
        configure(
            self.inside, ["addr add 192.168.7.2/24 dev eth0", "link set eth0 up", "route add default via 192.168.7.1"]
        )
        configure(self.outside, ["addr add 11.22.33.9/24 dev eth0", "link set eth0 up"])
        set_sysctls(self.router, {"net/ipv4/ip_forward": "1"})
        load_rules(self.router, FIREWALL)

    def start(self, *, speaks_pcp: bool = True, speaks_upnp: bool = True) -> None:
        """Start the daemon."""
        assert MINIUPNPD is not None
        path = self.directory / "miniupnpd.conf"
        path.write_text(settings(self.directory, speaks_pcp=speaks_pcp, speaks_upnp=speaks_upnp), encoding="ascii")
        with (self.directory / "daemon.log").open("ab") as log, inside(self.router):
            self._daemon = subprocess.Popen(
                [MINIUPNPD, "-d", "-f", str(path), "-P", str(self.directory / "pid")], stdout=log, stderr=log
            )
        time.sleep(0.5)

    def reboot(self) -> None:
        """Begin anew, without any mapping."""
        self.stop()
        (self.directory / "leases").unlink(missing_ok=True)
        load_rules(self.router, "flush ruleset\n" + FIREWALL)
        self.start()

    def stop(self) -> None:
        """End the daemon; it leaves its rules."""
        if self._daemon is not None:
            self._daemon.kill()
            self._daemon.wait(5)
            self._daemon = None

    def client(self, *protocols: str) -> Client:
        """Our side."""
        command = [sys.executable, "-m", "integration.netns.portmap_client", str(PORT), *protocols]
        with inside(self.inside):
            return Client(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))

    def mapped_ports(self) -> list[int]:
        """Outer ports in the router's rules."""
        with inside(self.router):
            rules = run(["nft", "list", "chain", "inet", "filter", "prerouting_miniupnpd"])
        return [int(port) for port in re.findall(r"th dport (\d+)", rules)]

    def echoed(self, outer: str) -> bytes:
        """What comes back to a stranger outside who sends to `outer`; empty where nothing does."""
        host, _, port = outer.rpartition(":")
        with inside(self.outside), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.settimeout(1.0)
            stranger.sendto(b"knock", (host, int(port)))
            with contextlib.suppress(TimeoutError):
                return stranger.recv(100)
        return b""

    def close(self) -> None:
        """Leave nothing behind."""
        self.stop()
        for name in (self.inside, self.router, self.outside):
            run(["ip", "netns", "del", name])
        shutil.rmtree(self.directory)


class Client:
    """The process that keeps itself mapped."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def line(self, seconds: float = PATIENCE_SECONDS) -> str:
        """The next line it prints; empty where none comes in time."""
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], seconds)[0]:
            return ""
        return self._process.stdout.readline().strip()

    def outer(self) -> str:
        """The outer address that it got."""
        word, _, address = self.line().partition(" ")
        return address if word == "outer" else ""

    def end(self) -> None:
        """Have it end, and wait for that."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(10)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def kill(self) -> None:
        """If it is there yet."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(5)
        assert self._process.stdout is not None
        self._process.stdout.close()


class MiniupnpdTests(SynchronousTestCase):
    if os.geteuid() != 0:
        skip = "network namespaces need root"
    elif MINIUPNPD is None:
        skip = "miniupnpd is not installed"

    def setUp(self) -> None:
        self.site = Site()
        self.addCleanup(self.site.close)

    @contextlib.contextmanager
    def running(self, *protocols: str) -> Iterator[Client]:
        client = self.site.client(*protocols)
        try:
            yield client
        finally:
            client.kill()

    def check(self, *protocols: str) -> None:
        """A stranger reaches us through the mapping while we run, and not afterwards."""
        with self.running(*protocols) as client:
            self.assertEqual(self.site.echoed(f"{OUTER}:{PORT}"), b"")
            outer = client.outer()
            self.assertTrue(outer.startswith(f"{OUTER}:"), outer)
            self.assertEqual(self.site.mapped_ports(), [int(outer.rpartition(":")[2])])
            self.assertEqual(self.site.echoed(outer), b"KNOCK")
            client.end()
        self.assertEqual(self.site.mapped_ports(), [])
        self.assertEqual(self.site.echoed(outer), b"")

    def test_pcp_maps_and_unmaps(self) -> None:
        self.site.start()
        self.check("PCP")

    def test_nat_pmp_maps_and_unmaps(self) -> None:
        self.site.start()
        self.check("NAT-PMP")

    def test_upnp_maps_and_unmaps(self) -> None:
        self.site.start(speaks_pcp=False)
        self.check("UPnP")

    def test_all_together_make_one_mapping(self) -> None:
        self.site.start()
        self.check()

    def test_gateway_that_began_anew_is_asked_again(self) -> None:
        self.site.start()
        with self.running() as client:
            outer = client.outer()
            time.sleep(EPOCH_SECONDS)
            self.site.reboot()
            self.assertTrue(_await(lambda: bool(self.site.mapped_ports())), "the gateway announced itself in vain")
            self.assertEqual(self.site.echoed(outer), b"KNOCK")
            client.end()
        self.assertEqual(self.site.mapped_ports(), [])


def _await(condition: Callable[[], bool]) -> bool:
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.1)
    return False
