# -*- test-case-name: zerogo.test.net.test_descriptors -*-
"""How many files and sockets this process may have open (getrlimit(2))."""

from __future__ import annotations

import resource


def ask_for_descriptors(wanted: int) -> int:
    """Have this process open so many, as far as the limit allows that only root may raise; gives how many it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted if soft == resource.RLIM_INFINITY else soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted
