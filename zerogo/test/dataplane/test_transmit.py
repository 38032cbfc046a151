from __future__ import annotations

import errno
import socket

from twisted.trial.unittest import SynchronousTestCase

from zerogo.dataplane.tally import Tally
from zerogo.dataplane.transmit import RETRY_SECONDS, DatagramSender

DESTINATION = ("192.0.2.1", 9993)


class ScriptedSocket:
    """A socket that fails as it is told, and remembers what went out."""

    family = socket.AF_INET

    def __init__(self) -> None:
        self.train_errors: list[int] = []
        self.single_errors: list[int] = []
        self.sent: list[tuple[bytes, int]] = []
        self.options: list[int] = []

    def setsockopt(self, level: int, option: int, value: int) -> None:
        self.options.append(value)

    def sendto(self, data: memoryview, destination: tuple[str, int]) -> int:
        if self.single_errors:
            raise OSError(self.single_errors.pop(0), "scripted")
        self.sent.append((bytes(data), 0))
        return len(data)

    def sendmsg(
        self, buffers: list[memoryview], ancillary: list[tuple[int, int, bytes]], flags: int, to: tuple[str, int]
    ) -> int:
        if self.train_errors:
            raise OSError(self.train_errors.pop(0), "scripted")
        self.sent.append((bytes(buffers[0]), int.from_bytes(ancillary[0][2], "little")))
        return len(buffers[0])


class DatagramSenderTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.socket = ScriptedSocket()
        self.tally = Tally()
        self.sender = DatagramSender([self.socket], self.tally, True)  # type: ignore[list-item]
        self.train = memoryview(bytes(range(250)))

    def test_the_probe_is_taken_back(self) -> None:
        self.assertEqual([1400, 0], self.socket.options)

    def test_a_train_is_one_call(self) -> None:
        self.assertEqual(0, self.sender.send_train(self.train, 100, DESTINATION, 0.0))
        self.assertEqual([(bytes(self.train), 100)], self.socket.sent)
        self.assertEqual((3, 1), (self.tally.udp_datagrams_out, self.tally.udp_trains_out))

    def test_a_single_datagram_is_not_called_a_train(self) -> None:
        self.sender.send_train(self.train[:100], 100, DESTINATION, 0.0)
        self.assertEqual([(bytes(self.train[:100]), 0)], self.socket.sent)

    def test_a_refused_train_is_sent_apart_and_the_next_ones_too_for_a_minute(self) -> None:
        for refusal in (errno.EIO, errno.EINVAL):
            self.setUp()
            self.socket.train_errors = [refusal]
            for now in (0.0, RETRY_SECONDS - 1, RETRY_SECONDS):
                self.assertEqual(0, self.sender.send_train(self.train, 100, DESTINATION, now))
            apart = [(bytes(self.train[at : at + 100]), 0) for at in (0, 100, 200)]
            self.assertEqual([*apart, *apart, (bytes(self.train), 100)], self.socket.sent)
            self.assertEqual(1, self.tally.fallback_udp_gso)
            self.assertEqual(0, self.tally.dropped_udp_send)

    def test_a_path_that_is_too_small_is_told_and_counted(self) -> None:
        self.socket.train_errors = [errno.EMSGSIZE]
        self.socket.single_errors = [errno.EMSGSIZE, errno.EMSGSIZE]
        self.assertEqual(errno.EMSGSIZE, self.sender.send_train(self.train, 100, DESTINATION, 0.0))
        self.assertEqual(2, self.tally.dropped_udp_send)
        self.assertEqual([(bytes(self.train[200:]), 0)], self.socket.sent)
        self.assertTrue(self.sender.segments)

    def test_a_family_without_socket_is_told(self) -> None:
        self.assertEqual(errno.EAFNOSUPPORT, self.sender.send(b"x", ("2001:db8::1", 1)))
        self.assertEqual(errno.EAFNOSUPPORT, self.sender.send_train(self.train, 100, ("2001:db8::1", 1), 0.0))
        self.assertEqual(4, self.tally.dropped_udp_send)

    def test_no_route_is_told(self) -> None:
        self.socket.single_errors = [errno.ENETUNREACH]
        self.assertEqual(errno.ENETUNREACH, self.sender.send(b"x", DESTINATION))
