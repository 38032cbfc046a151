"""The switches of a plane's offloads."""

from __future__ import annotations

from attrs import frozen


@frozen(kw_only=True)
class Offloads:
    """Switches, all on by default; the plane finds out what the kernel can do and uses what is both on and possible."""

    tap_tso: bool = True
    """Read TCP super-frames from the TAP (TUN_F_TSO4/6)."""
    tap_uso: bool = True
    """Read UDP super-frames from the TAP (TUN_F_USO4/6)."""
    tap_gso_write: bool = True
    """Write merged super-frames to the TAP."""
    udp_gso: bool = True
    """Send trains with UDP_SEGMENT."""
    udp_gro: bool = True
    """Receive trains with UDP_GRO."""
    checksum_elision: bool = True
    """Leave inner TCP and UDP checksums partial from end to end."""
