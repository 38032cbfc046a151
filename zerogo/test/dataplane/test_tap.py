"""What can be told without root; the kernel's part is in `integration/netns/test_dataplane.py`."""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from zerogo.dataplane import link
from zerogo.dataplane.errors import TapNotOpened
from zerogo.dataplane.tap import open_tap
from zerogo.dataplane.tapdevice import TUN_F_CSUM, set_offloads
from zerogo.errors import EnvironmentFault


class OpenTests(SynchronousTestCase):
    def refusal(self, **patches: object) -> str:
        with mock.patch.multiple(os, **patches):
            error = self.assertRaises(TapNotOpened, open_tap, "zg0")
        self.assertIsInstance(error, EnvironmentFault)
        return str(error)

    def test_each_reason_has_a_sentence(self) -> None:
        def failing(number: int) -> mock.Mock:
            return mock.Mock(side_effect=OSError(number, os.strerror(number)))

        self.assertIn("run as root", self.refusal(open=failing(errno.EACCES)))
        self.assertIn("kernel module `tun`", self.refusal(open=failing(errno.ENOENT)))
        self.assertIn("Input/output error", self.refusal(open=failing(errno.EIO)))

    def test_each_refusal_of_the_interface_has_a_sentence_and_leaks_nothing(self) -> None:
        for number, word in (
            (errno.EPERM, "CAP_NET_ADMIN"),
            (errno.EBUSY, "in use"),
            (errno.EINVAL, "another name"),
            (errno.EIO, "Input/output"),
        ):
            closed = mock.Mock()
            with mock.patch.object(fcntl, "ioctl", side_effect=OSError(number, os.strerror(number))):
                self.assertIn(word, self.refusal(open=mock.Mock(return_value=77), close=closed))
            closed.assert_called_once_with(77)

    def test_a_name_that_cannot_be_is_refused(self) -> None:
        for name in ("", "x" * 16):
            self.assertRaises(TapNotOpened, open_tap, name)


class OffloadTests(SynchronousTestCase):
    def granted(self, refused: int, tso: bool = True, uso: bool = True) -> tuple[bool, bool, int]:
        """What is granted by a kernel that does not know some bits, and the mask it is left with."""
        masks: list[int] = []

        def ioctl(descriptor: int, request: int, mask: int) -> int:
            if mask & refused:
                raise OSError(errno.EINVAL, "scripted")
            masks.append(mask)
            return 0

        with mock.patch.object(fcntl, "ioctl", ioctl):
            with_tso, with_uso = set_offloads(5, tso, uso)
        return with_tso, with_uso, masks[-1] if masks else -1

    def test_the_ladder(self) -> None:
        self.assertEqual((True, True, 0x6F), self.granted(0))
        self.assertEqual((True, False, 0x0F), self.granted(0x60))
        self.assertEqual((False, False, TUN_F_CSUM), self.granted(0x6E))
        self.assertEqual((False, False, 0), self.granted(0x6F))
        self.assertEqual((False, False, TUN_F_CSUM), self.granted(0, tso=False, uso=False))
        self.assertEqual((False, True, 0x61), self.granted(0, tso=False))


class LinkTests(SynchronousTestCase):
    def requests(self, call: object, *arguments: object, error: int = 0, **named: object) -> list[bytes]:
        sent: list[bytes] = []

        class Netlink:
            def __enter__(self) -> Netlink:
                return self

            def __exit__(self, *_: object) -> None:
                return None

            def bind(self, address: tuple[int, int]) -> None:
                return None

            def send(self, message: bytes) -> None:
                sent.append(message)

            def recv(self, size: int) -> bytes:
                return struct.pack("=IHHII", 36, 2, 0, 1, 0) + struct.pack("=i", -error) + sent[-1][:16]

        with mock.patch.object(link.socket, "socket", lambda *_: Netlink()):
            call(*arguments, **named)  # type: ignore[operator]
        return sent

    def test_attributes_are_aligned_and_lengths_true(self) -> None:
        for message in (
            self.requests(
                link.set_link, 7, mac=bytes.fromhex("027a00000001"), mtu=1500, queue_frames=128, gso_bytes=58000
            )
            + self.requests(link.add_address, 7, "10.1.2.3/24")
            + self.requests(link.add_address, 7, "fd00::1/64")
        ):
            length, _, flags, _, _ = struct.unpack_from("=IHHII", message)
            self.assertEqual(len(message), length)
            self.assertEqual(5, flags & 5)
            self.assertEqual(0, len(message) % 4)

    def test_an_address_has_its_prefix_and_both_attributes(self) -> None:
        (message,) = self.requests(link.add_address, 7, "10.1.2.3/24")
        self.assertEqual(struct.pack("=BBBBi", 2, 24, 0, 0, 7), message[16:24])
        self.assertEqual(2, message.count(bytes([10, 1, 2, 3])))

    def test_the_kernels_no_is_a_sentence(self) -> None:
        error = self.assertRaises(TapNotOpened, self.requests, link.add_address, 7, "10.1.2.3/24", error=errno.EPERM)
        self.assertIn("root", str(error))
        error = self.assertRaises(TapNotOpened, self.requests, link.add_address, 7, "10.1.2.3/24", error=errno.ENODEV)
        self.assertIn("10.1.2.3/24", str(error))
