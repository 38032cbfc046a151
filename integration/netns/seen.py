"""What tests of the lab wait for, and whom a host on the internet sees."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

from zerogo.lab.laboratory import Lab


def until(condition: Callable[[], bool], seconds: float) -> float | None:
    """Seconds until the condition held; None where it did not."""
    begun = time.monotonic()
    while not condition():
        if time.monotonic() - begun > seconds:
            return None
        time.sleep(0.05)
    return time.monotonic() - begun


def seen_by_shop(lab: Lab) -> str:
    """The address that the host `shop` sees when `alice` speaks to it; empty where nothing comes."""
    shop = lab.host("shop").addresses[0]
    with lab.socket("shop", socket.AF_INET, socket.SOCK_DGRAM) as there:
        there.bind((shop, 7777))
        there.settimeout(1.0)
        with lab.socket("alice", socket.AF_INET, socket.SOCK_DGRAM) as here:
            try:
                here.sendto(b"who am I", (shop, 7777))
                return str(there.recvfrom(100)[1][0])
            except OSError:
                return ""
