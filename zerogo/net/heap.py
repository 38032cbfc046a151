# -*- test-case-name: zerogo.test.net.test_heap -*-
"""What the C library's heap does with memory that is free (mallopt(3), glibc; elsewhere nothing happens).

By its defaults a process that takes and frees pieces of 256 KiB all the time gets each from the kernel anew, zeroed
page by page, and gives it back: for a gateway that was more than sending and receiving them.
"""

from __future__ import annotations

import contextlib
import ctypes

KEEP_BYTES = 16 * 1024 * 1024
"""Free memory at the heap's end that is kept."""
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3


def keep_freed() -> bool:
    """Keep what was freed for the next piece; whether the C library does."""
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        return bool(mallopt(_M_TRIM_THRESHOLD, KEEP_BYTES)) and bool(mallopt(_M_MMAP_THRESHOLD, KEEP_BYTES))
    return False
