# -*- test-case-name: zerogo.test.net.test_clock -*-
"""A clock for the reactor that nobody can set.

Twisted's reactors count in wall-clock time. When NTP or a person sets the clock back by an hour, all delayed calls are
an hour late: no rekey, no probe, no keepalive. `use_steady_clock` makes a reactor count in seconds since boot, time
asleep included (CLOCK_BOOTTIME), so that a laptop that wakes up finds its deadlines passed.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime

boot_seconds: Callable[[], float] = functools.partial(time.clock_gettime, time.CLOCK_BOOTTIME)
"""Seconds since this machine started, time asleep included. A partial function needs no frame of the interpreter, and
a gateway asks thirty times for each connection."""


def use_steady_clock(reactor: IReactorTime) -> None:
    """Make `reactor` count by `boot_seconds`; to be called before anything was scheduled on it."""
    reactor.seconds = boot_seconds  # type: ignore[method-assign]
