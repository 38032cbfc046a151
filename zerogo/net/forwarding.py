# -*- test-case-name: zerogo.test.net.test_forwarding -*-
"""What a machine needs to lead members to the networks behind it: that its kernel forwards, and a table of nftables.

Whether the kernel forwards is its owner's decision; it is looked at and told, never changed. The table, of our own and
removed at the end, lets members reach what was announced and nothing else, and an exit's users the internet but not the
private networks around it. With `masquerade` packets leave with this machine's address, so that nothing behind it has
to know the way back.
"""

from __future__ import annotations

import ipaddress
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from attrs import frozen

from zerogo.control.subnets import IPV4_EXIT, IPV6_EXIT, is_exit
from zerogo.errors import EnvironmentFault

NFT_SECONDS = 10.0
_SHOWN = 4
"""Interfaces that a sentence names."""
PRIVATE = {
    4: (
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "224.0.0.0/3",
    ),
    6: ("fc00::/7", "fe80::/10", "ff00::/8"),
}
"""What an exit does not lead to; announced networks among them are reached all the same."""
_KNOBS = {4: "net/ipv4/ip_forward", 6: "net/ipv6/conf/all/forwarding"}
_SYSCTLS = {4: "net.ipv4.ip_forward=1", 6: "net.ipv6.conf.all.forwarding=1"}
_WORD = {4: "ip", 6: "ip6"}


class ForwardingRefused(EnvironmentFault):
    """This machine cannot lead members to the networks behind it."""

    code = "E-FORWARDING"


@frozen(kw_only=True)
class Forwards:
    """What is wanted."""

    device: str
    members: tuple[str, ...]
    """The prefixes of the segment."""
    subnets: tuple[str, ...]
    """Announced; the whole internet means an exit."""
    masquerade: bool = True


def table_name(device: str) -> str:
    """Of the table for a device."""
    return "zerogo_" + re.sub(r"[^A-Za-z0-9]", "_", device)


def rules_text(wanted: Forwards) -> str:
    """The table as `nft -f` takes it; in place of one that is there."""
    name = table_name(wanted.device)
    lines = [*_removal(name), f"table inet {name} {{", "  chain from_members {"]
    lines.append("    ct state established,related accept")
    for version in (4, 6):
        word = _WORD[version]
        named = [subnet for subnet in wanted.subnets if _version(subnet) == version and not is_exit(subnet)]
        if named:
            lines.append(f"    {word} daddr {{ {', '.join(named)} }} accept")
        if (IPV4_EXIT if version == 4 else IPV6_EXIT) in wanted.subnets:
            lines.append(f"    {word} daddr {{ {', '.join(PRIVATE[version])} }} drop")
            lines.append(f"    meta nfproto ipv{version} accept")
    lines += ["    drop", "  }", "  chain forward {", "    type filter hook forward priority filter; policy accept;"]
    lines += [f'    iifname "{wanted.device}" oifname != "{wanted.device}" jump from_members', "  }"]
    if wanted.masquerade:
        lines += ["  chain leaving {", "    type nat hook postrouting priority srcnat; policy accept;"]
        for prefix in wanted.members:
            word = _WORD[_version(prefix)]
            lines.append(f'    {word} saddr {prefix} oifname != "{wanted.device}" masquerade')
        lines.append("  }")
    return "\n".join([*lines, "}", ""])


def _removal(name: str) -> list[str]:
    """Adding first makes the deletion right whether the table is there or not."""
    return [f"table inet {name}", f"delete table inet {name}"]


def _version(subnet: str) -> int:
    return ipaddress.ip_network(subnet).version


def _run_nft(text: str) -> None:
    program = shutil.which("nft", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if program is None:
        raise ForwardingRefused(
            "nft is missing, without which members cannot be led behind this machine: install nftables"
        )
    try:
        done = subprocess.run(
            [program, "-f", "-"], input=text, capture_output=True, text=True, timeout=NFT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ForwardingRefused(f"nft cannot be run: {error}") from error
    if done.returncode:
        reason = next(iter(done.stderr.strip().splitlines()), "it gives no reason")
        raise ForwardingRefused(f"nft does not take our rules: {reason}")


class Forwarding:
    """One machine's. `run_nft` takes rules; `knobs` is where the kernel's settings are."""

    def __init__(self, run_nft: Callable[[str], object] = _run_nft, knobs: Path = Path("/proc/sys")) -> None:
        self._run_nft = run_nft
        self._knobs = knobs
        self._held: Forwards | None = None

    def forwardable(self, subnets: Sequence[str]) -> tuple[tuple[str, ...], str]:
        """Those that the kernel forwards to, and one sentence about the others; empty where there are none."""
        versions = [version for version in (4, 6) if self._is_on(version)]
        fine = tuple(subnet for subnet in subnets if _version(subnet) in versions)
        missing = {_version(subnet) for subnet in subnets if subnet not in fine}
        if IPV4_EXIT in fine and {subnet for subnet in subnets if subnet not in fine} == {IPV6_EXIT}:
            return fine, ""  # an exit for IPv4 only is an exit
        if not missing:
            return fine, ""
        knobs = " ".join(_SYSCTLS[version] for version in sorted(missing))
        kept = ", ".join(subnet for subnet in subnets if subnet not in fine)
        return fine, f"{kept} is not announced, since this machine does not forward: allow it with `sysctl -w {knobs}`"

    def filter_complaint(self, device: str) -> str:
        """Why what is sealed may not come in while an exit is in use: the kernel drops what it would not answer by the
        same way (RFC 3704, strict). Empty where it does not."""
        modes = _strictness(self._knobs)
        every = modes.pop("all", 0)
        strict = [
            name for name, mode in modes.items() if max(every, mode) == 1 and name not in ("default", "lo", device)
        ]
        if not strict:
            return ""
        names = ", ".join(strict[:_SHOWN])
        return f"sealed datagrams are dropped by {names}, until `sysctl -w net.ipv4.conf.all.rp_filter=2`"

    def use(self, wanted: Forwards | None) -> None:
        """Have the rules for this, or none; raises `ForwardingRefused`."""
        if wanted == self._held:
            return
        if wanted is None:
            self.clear()
            return
        self._run_nft(rules_text(wanted))
        if self._held is not None and self._held.device != wanted.device:
            self._remove(self._held.device)
        self._held = wanted

    def clear(self) -> None:
        """Remove the table, if there is one of ours."""
        if self._held is not None:
            self._remove(self._held.device)
            self._held = None

    def _remove(self, device: str) -> None:
        self._run_nft("\n".join([*_removal(table_name(device)), ""]))

    def _is_on(self, version: int) -> bool:
        try:
            return (self._knobs / _KNOBS[version]).read_text().strip() not in ("", "0")
        except OSError:
            return False


def _strictness(knobs: Path) -> dict[str, int]:
    """`rp_filter` by interface."""
    found: dict[str, int] = {}
    for path in sorted(knobs.glob("net/ipv4/conf/*/rp_filter")):
        try:
            found[path.parent.name] = int(path.read_text())
        except (OSError, ValueError):
            continue
    return found
