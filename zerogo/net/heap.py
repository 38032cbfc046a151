# -*- test-case-name: zerogo.test.net.test_heap -*-
"""What happens to memory that is free: by the C library's heap, and by Python's collector of cycles.

By glibc's defaults (mallopt(3)) a process that takes and frees pieces of 256 KiB all the time gets each from the kernel
anew, zeroed page by page, and gives it back: for a gateway that was more than sending and receiving them.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc

KEEP_BYTES = 16 * 1024 * 1024
"""Free memory at the heap's end that is kept."""
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3


YOUNG_OBJECTS = 20_000
"""So many more containers than before start a collection; Python's own number is 700."""


def collect_seldom() -> None:
    """Look for cycles less often, and never among what is there already. Each connection leaves some objects and few
    cycles; a full collection at a gateway looks at everything that it knows of every edge, and takes its time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 20, 20)


def keep_freed() -> bool:
    """Keep what was freed for the next piece; whether the C library does."""
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        return bool(mallopt(_M_TRIM_THRESHOLD, KEEP_BYTES)) and bool(mallopt(_M_MMAP_THRESHOLD, KEEP_BYTES))
    return False
