from __future__ import annotations

import errno
import os
import socket
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from zerogo.dataplane.tally import Tally
from zerogo.dataplane.tapwriter import TapWriter
from zerogo.dataplane.vnet import GSO_TCPV4, VNET


class TapWriterTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.kernel, self.tap = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.kernel.setblocking(False)
        self.addCleanup(self.kernel.close)
        self.addCleanup(self.tap.close)
        self.tally = Tally()

    def writer(self) -> TapWriter:
        writer = TapWriter(self.tap.fileno(), self.tally, True)
        self.probe = self.kernel.recv(65536)
        return writer

    def test_the_probe_is_a_super_frame_for_nobody(self) -> None:
        self.assertTrue(self.writer().merges)
        self.assertEqual(GSO_TCPV4, VNET.unpack_from(self.probe)[1])
        self.assertEqual(0, self.probe[10 + 14 + 8], "time to live")

    def test_a_kernel_that_refuses_the_probe_gets_frames_one_by_one(self) -> None:
        with mock.patch.object(os, "write", side_effect=OSError(errno.EINVAL, "scripted")):
            self.assertFalse(TapWriter(self.tap.fileno(), self.tally, True).merges)
        with mock.patch.object(os, "write", side_effect=OSError(errno.EIO, "the interface is down")):
            self.assertTrue(TapWriter(self.tap.fileno(), self.tally, True).merges)

    def test_a_super_frame_is_one_write(self) -> None:
        writer = self.writer()
        self.assertTrue(writer.write_super([bytearray(b"head"), memoryview(b"one"), memoryview(b"two")], 2))
        self.assertEqual(b"headonetwo", self.kernel.recv(100))
        self.assertEqual((2, 1), (self.tally.tap_frames_out, self.tally.tap_super_frames_out))

    def test_a_refused_super_frame_is_for_the_caller_to_split(self) -> None:
        writer = self.writer()
        with mock.patch.object(os, "writev", side_effect=OSError(errno.EINVAL, "scripted")):
            self.assertFalse(writer.write_super([bytearray(b"head")], 2))
        self.assertFalse(writer.merges)
        self.assertEqual((1, 0), (self.tally.fallback_tap_gso_write, self.tally.dropped_tap_write))

    def test_other_failures_are_counted(self) -> None:
        writer = self.writer()
        with mock.patch.object(os, "writev", side_effect=OSError(errno.EIO, "scripted")):
            self.assertTrue(writer.write_super([bytearray(b"head")], 3))
        with mock.patch.object(os, "write", side_effect=OSError(errno.EIO, "scripted")):
            writer.write(b"frame")
        self.assertEqual(4, self.tally.dropped_tap_write)
        self.assertTrue(writer.merges)
