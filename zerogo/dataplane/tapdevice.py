# -*- test-case-name: zerogo.test.dataplane.test_tap -*-
"""The few system calls on a TAP descriptor that the worker needs too; opening and setting up is `tap`."""

from __future__ import annotations

import fcntl

TUNSETOFFLOAD = 0x400454D0
TUN_F_CSUM = 0x01
TUN_F_TSO4 = 0x02
TUN_F_TSO6 = 0x04
TUN_F_TSO_ECN = 0x08
TUN_F_USO4 = 0x20
TUN_F_USO6 = 0x40
_TSO = TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN
_USO = TUN_F_USO4 | TUN_F_USO6
"""Kernels take both or neither (Linux 6.2)."""


def set_offloads(descriptor: int, tso: bool, uso: bool) -> tuple[bool, bool]:
    """Tell the kernel which super-frames we want to read; which of the two it grants.

    The mask belongs to the device, so it is set even where nothing is wanted.
    """
    attempts = [(tso, uso, TUN_F_CSUM), (tso, False, TUN_F_CSUM), (False, False, TUN_F_CSUM), (False, False, 0)]
    for with_tso, with_uso, mask in attempts:
        mask |= (_TSO if with_tso else 0) | (_USO if with_uso else 0)
        try:
            fcntl.ioctl(descriptor, TUNSETOFFLOAD, mask)
        except OSError:
            continue
        return with_tso, with_uso
    return False, False
