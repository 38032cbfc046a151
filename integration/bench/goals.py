"""What the data planes are held to, as ratios of one run wherever a rival or a limit ran in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from attrs import frozen

BARE = "bare veth"
VXLAN = "vxlan (clear)"
CHACHA, AES = "zerogo native chacha", "zerogo native aes"
REFERENCE = "zerogo reference chacha"


@frozen
class Goal:
    """One line."""

    title: str
    wanted: str
    found: str
    is_met: bool


def _at_least(title: str, value: float, limit: float, unit: str = "x") -> Goal:
    return Goal(title, f"at least {limit:g} {unit}", f"{value:.2f} {unit}", value >= limit)


def _at_most(title: str, value: float, limit: float, unit: str) -> Goal:
    return Goal(title, f"at most {limit:g} {unit}", f"{value:.2f} {unit}", value <= limit)


def goals_of(results: dict[str, dict[str, Any]]) -> Iterator[Goal]:
    """The goals that this run can tell about."""

    def ratio(name: str, base: str, key: str = "tcp_gbits") -> float | None:
        return results[name][key] / results[base][key] if name in results and base in results else None

    ratios = (
        ("native ChaChaPoly / newest wireguard-go, TCP", ratio(CHACHA, "wireguard-go new"), 3.0),
        ("native AES-GCM / newest wireguard-go, TCP", ratio(AES, "wireguard-go new"), 4.0),
        ("native ChaChaPoly / Debian's wireguard-go, TCP", ratio(CHACHA, "wireguard-go"), 17.0),
        ("native AES-GCM / Debian's wireguard-go, TCP", ratio(AES, "wireguard-go"), 22.0),
        ("native AES-GCM / clear vxlan, TCP", ratio(AES, VXLAN), 0.5),
        ("native AES-GCM / newest Nebula, TCP", ratio(AES, "nebula new aes"), 2.0),
        ("native AES-GCM / clear vxlan, 200-byte datagrams", ratio(AES, VXLAN, "small_packets_per_second"), 0.75),
        ("native ChaChaPoly / clear vxlan, 200-byte datagrams", ratio(CHACHA, VXLAN, "small_packets_per_second"), 0.75),
        ("reference ChaChaPoly / bare veth, TCP", ratio(REFERENCE, BARE), 0.06),
    )
    for title, value, limit in ratios:
        if value is not None:
            yield _at_least(title, value, limit)
    for name in (CHACHA, AES):
        found = results.get(name)
        if found is None:
            continue
        if VXLAN in results:
            added = found["rtt_p50_us"] - results[VXLAN]["rtt_p50_us"]
            yield _at_most(f"{name}: idle RTT p50 over clear vxlan", added, 90, "us")
        yield _at_most(f"{name}: RTT under load p99", found["loaded_rtt_p99_us"] / 1000, 2.5, "ms")
        yield _at_most(f"{name}: CPU of both ends", found["cpu_seconds_per_gb"], 3.0, "s/GB")
