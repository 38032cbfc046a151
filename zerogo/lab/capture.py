# -*- test-case-name: zerogo.test.lab.test_capture -*-
"""Packets into a pcap file that tcpdump and tshark read: the classic format, microseconds, raw IP (link type 101)."""

from __future__ import annotations

import struct
from pathlib import Path

CAPTURE_LIMIT_BYTES = 512 * 1024 * 1024
"""A capture stops growing here."""
_LINKTYPE_RAW = 101


class PcapFile:
    """A file that grows by one record per packet."""

    def __init__(self, path: Path, unix_offset: float) -> None:
        """`unix_offset` is what to add to the times given to `write` for seconds since 1970."""
        self._file = path.open("wb")
        self._unix_offset = unix_offset
        self._written = self._file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, _LINKTYPE_RAW))

    def write(self, packet: bytes, at: float) -> None:
        """Append a packet that was seen at `at` (monotonic seconds)."""
        if self._written > CAPTURE_LIMIT_BYTES:
            return
        seconds = at + self._unix_offset
        whole = int(seconds)
        header = struct.pack("<IIII", whole, int((seconds - whole) * 1e6), len(packet), len(packet))
        self._written += self._file.write(header + packet)

    def close(self) -> None:
        """Finish the file."""
        self._file.close()
