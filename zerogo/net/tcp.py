# -*- test-case-name: zerogo.test.net.test_tcp -*-
"""What connections ask of the kernel's TCP (tcp(7)), where it can."""

from __future__ import annotations

import contextlib
import socket

UNSENT_BYTES = 256 * 1024
_TCP_THIN_LINEAR_TIMEOUTS = 16
_TCP_NOTSENT_LOWAT = 25


def repeat_soon(transport: object) -> None:
    """Have lost segments repeated at even intervals while only a few are under way (Linux; elsewhere nothing happens).

    Otherwise the interval doubles each time, and on a lossy line a control message of 100 bytes takes seconds.
    """
    get_handle = getattr(transport, "getHandle", None)
    if get_handle is not None:
        # Other kernels lack the option, and a connection that is closing its socket.
        with contextlib.suppress(OSError, AttributeError):
            get_handle().setsockopt(socket.IPPROTO_TCP, _TCP_THIN_LINEAR_TIMEOUTS, 1)


def keep_queue_short(transport: object) -> None:
    """Have the kernel take more only while less than `UNSENT_BYTES` are not yet under way (Linux; elsewhere nothing
    happens): what waits, waits where turns are taken."""
    get_handle = getattr(transport, "getHandle", None)
    if get_handle is not None:
        with contextlib.suppress(OSError, AttributeError):
            get_handle().setsockopt(socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, UNSENT_BYTES)
