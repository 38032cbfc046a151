# -*- test-case-name: zerogo.test.dataplane.test_tapwriter -*-
"""Writing frames into the TAP: one system call is one frame, or one super-frame.

Some kernels refuse super-frames that are in order (6.6.44 and neighbours: EINVAL). The plane finds out with a frame
nobody listens to when it starts, and again whenever a write is refused; frames are then written one by one.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence

from zerogo.dataplane.checksum import write_ipv4_header_sum
from zerogo.dataplane.tally import Tally
from zerogo.dataplane.vnet import GSO_TCPV4, NEEDS_CHECKSUM, VNET, VNET_BYTES

_PROBE_PAYLOAD = 1400


class TapWriter:
    """Writes to one descriptor; `merges` and `merges_udp` say which super-frames may be written."""

    def __init__(self, descriptor: int, tally: Tally, may_merge: bool, knows_uso: bool = True) -> None:
        """`knows_uso`: whether the kernel knows UDP super-frames (Linux 6.2)."""
        self._descriptor = descriptor
        self._tally = tally
        self.merges = may_merge and self._probe()
        self.merges_udp = self.merges and knows_uso

    def _probe(self) -> bool:
        """Write a super-frame of two segments from and to nobody, time to live 0; only EINVAL says no."""
        frame = bytearray(VNET_BYTES + 54 + _PROBE_PAYLOAD + 1)
        view = memoryview(frame)[VNET_BYTES:]
        view[:14] = b"\x02zerog\x02ogrez\x08\x00"
        view[14:34] = b"\x45\0" + (40 + _PROBE_PAYLOAD + 1).to_bytes(2, "big") + b"\0\0\x40\0\0\x06\0\0" + bytes(8)
        view[46:48] = b"\x50\x10"
        write_ipv4_header_sum(view, 14)
        VNET.pack_into(frame, 0, NEEDS_CHECKSUM, GSO_TCPV4, 54, _PROBE_PAYLOAD, 34, 16)
        try:
            os.write(self._descriptor, frame)
        except OSError as error:
            return error.errno != errno.EINVAL
        return True

    def write(self, frame: bytes | bytearray | memoryview) -> None:
        """Write one frame with its virtio header."""
        try:
            os.write(self._descriptor, frame)
        except OSError:
            self._tally.dropped_tap_write += 1
            return
        self._tally.tap_frames_out += 1

    def write_super(self, pieces: Sequence[memoryview | bytearray], count: int) -> bool:
        """Write a super-frame of `count` segments; False where the kernel will not have it and it is to be split."""
        try:
            os.writev(self._descriptor, pieces)
        except OSError as error:
            if error.errno in (errno.EINVAL, errno.EMSGSIZE):
                self._tally.fallback_tap_gso_write += 1
                self.merges = self.merges_udp = False
                return False
            self._tally.dropped_tap_write += count
            return True
        self._tally.tap_frames_out += count
        self._tally.tap_super_frames_out += 1
        return True
