"""A house with a gateway that maps ports: Debian's miniupnpd, which was not written by us.

    inside 192.168.7.2 --- lan0 router wan0 --- outside 11.22.33.9, .10
                           192.168.7.1  11.22.33.1, nftables: masquerade, nothing comes in unasked; miniupnpd

The addresses outside are public ones, since miniupnpd maps nothing where its own address is private; they exist in
these namespaces alone.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from zerogo.lab.namespaces import add_namespaces, configure, inside, load_rules, run, set_sysctls

MINIUPNPD = shutil.which("miniupnpd", path="/usr/sbin:/sbin:/usr/local/sbin:" + os.environ.get("PATH", ""))
OUTER, PORT = "11.22.33.1", 9993
SERVER, OTHER_SERVER = "11.22.33.9", "11.22.33.10"
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

    def __init__(self, *, is_hard: bool = True) -> None:
        """`is_hard`: the NAT takes another port for each destination, drawn at random."""
        self._rules = FIREWALL if is_hard else FIREWALL.replace(" fully-random", "")
        prefix = f"pm{os.getpid()}"
        self.inside, self.router, self.outside = (f"{prefix}{end}" for end in ("i", "r", "o"))
        self.directory = Path(tempfile.mkdtemp(prefix="portmap"))
        self._daemon: subprocess.Popen[bytes] | None = None
        self._relay: subprocess.Popen[bytes] | None = None
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
        configure(
            self.outside, [*(f"addr add {host}/24 dev eth0" for host in (SERVER, OTHER_SERVER)), "link set eth0 up"]
        )
        set_sysctls(self.router, {"net/ipv4/ip_forward": "1"})
        load_rules(self.router, self._rules)

    def start(self, *, speaks_pcp: bool = True, speaks_upnp: bool = True) -> None:
        """Start the daemon."""
        assert MINIUPNPD is not None
        path = self.directory / "miniupnpd.conf"
        path.write_text(settings(self.directory, speaks_pcp=speaks_pcp, speaks_upnp=speaks_upnp), encoding="ascii")
        with (self.directory / "daemon.log").open("ab") as log, inside(self.router):
            self._daemon = subprocess.Popen(
                [MINIUPNPD, "-d", "-f", str(path), "-P", str(self.directory / "pid")], stdout=log, stderr=log
            )
        ports = [*([":5351 "] if speaks_pcp else []), *([":1900 "] if speaks_upnp else [])]
        until = time.monotonic() + 10
        while time.monotonic() < until:
            bound = run(["ip", "netns", "exec", self.router, "ss", "-Hlun"])
            if all(port in bound for port in ports):
                return
            time.sleep(0.05)
        raise AssertionError("the gateway's daemon does not listen: " + self.log())

    def reboot(self) -> None:
        """Begin anew, without any mapping."""
        self.stop()
        (self.directory / "leases").unlink(missing_ok=True)
        load_rules(self.router, "flush ruleset\n" + self._rules)
        self.start()

    def stop(self) -> None:
        """End the daemon; it leaves its rules."""
        if self._daemon is not None:
            self._daemon.kill()
            self._daemon.wait(5)
            self._daemon = None

    def start_relay(self) -> list[str]:
        """Start a relay of ours outside, which can tell what a NAT does; its addresses."""
        places = [f"{host}:{port}" for host in (SERVER, OTHER_SERVER) for port in (3478, 3479)]
        path = self.directory / "relay.yaml"
        path.write_text(f"listen: [{', '.join(places)}]\n", encoding="ascii")
        command = [str(Path(sys.executable).with_name("twistd")), "-n", "--pidfile=", "zerogo-relay"]
        with (self.directory / "relay.log").open("ab") as log, inside(self.outside):
            self._relay = subprocess.Popen(
                [*command, "--config", str(path)], stdout=log, stderr=log, cwd=self.directory
            )
        until = time.monotonic() + 10
        while "3478" not in run(["ip", "netns", "exec", self.outside, "ss", "-Hlun"]) and time.monotonic() < until:
            time.sleep(0.1)
        return places

    def run_inside(self, *arguments: str) -> tuple[int, str]:
        """Run `zerogo` in the house; its exit status and what it printed."""
        command = [str(Path(sys.executable).with_name("zerogo")), *arguments]
        with inside(self.inside):
            done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        return done.returncode, done.stdout + done.stderr

    def log(self) -> str:
        """What the daemon said."""
        return (self.directory / "daemon.log").read_text(encoding="utf-8", errors="replace")

    def mapped_ports(self) -> list[int]:
        """Outer ports in the router's rules."""
        with inside(self.router):
            rules = run(["nft", "list", "chain", "inet", "filter", "prerouting_miniupnpd"])
        return [int(port) for port in re.findall(r"th dport (\d+)", rules)]

    def echoed(self, outer: str, *, by_tcp: bool = False) -> bytes:
        """What comes back to a stranger outside who sends to `outer`; empty where nothing does."""
        host, _, port = outer.rpartition(":")
        kind = socket.SOCK_STREAM if by_tcp else socket.SOCK_DGRAM
        with inside(self.outside), socket.socket(socket.AF_INET, kind) as stranger:
            stranger.settimeout(10.0 if by_tcp else 1.0)
            with contextlib.suppress(TimeoutError):
                stranger.connect((host, int(port)))
                stranger.sendall(b"knock")
                return stranger.recv(100)
        return b""

    def close(self) -> None:
        """Leave nothing behind."""
        self.stop()
        if self._relay is not None:
            self._relay.kill()
            self._relay.wait(5)
        for name in (self.inside, self.router, self.outside):
            run(["ip", "netns", "del", name])
        shutil.rmtree(self.directory)
