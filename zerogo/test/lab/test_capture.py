"""Captures as tcpdump reads them."""

from __future__ import annotations

import struct
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from zerogo.lab import capture
from zerogo.lab.capture import PcapFile


class PcapTests(SynchronousTestCase):
    def test_records_follow_the_header(self) -> None:
        path = Path(self.mktemp())
        pcap = PcapFile(path, 1000.0)
        pcap.write(b"packet", 2.5)
        pcap.close()
        octets = path.read_bytes()
        self.assertEqual(struct.unpack_from("<IHH", octets), (0xA1B2C3D4, 2, 4))
        self.assertEqual(struct.unpack_from("<I", octets, 20), (101,))
        self.assertEqual(struct.unpack_from("<IIII", octets, 24), (1002, 500_000, 6, 6))
        self.assertEqual(octets[40:], b"packet")

    def test_file_stops_growing(self) -> None:
        self.patch(capture, "CAPTURE_LIMIT_BYTES", 100)
        path = Path(self.mktemp())
        pcap = PcapFile(path, 0.0)
        for _ in range(50):
            pcap.write(bytes(50), 0.0)
        pcap.close()
        self.assertLess(path.stat().st_size, 250)
