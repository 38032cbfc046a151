"""The driver between a UDP socket and a core."""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Iterator

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from zerogo.core import Deadline, Transmit, drain
from zerogo.ids import SocketAddress
from zerogo.net.datagram import AddressRefused, DatagramDriver, open_udp_socket

PEER = SocketAddress("192.0.2.1", 7)


class EchoCore:
    """Sends back what comes, and once more a second later."""

    def __init__(self) -> None:
        self.received: list[tuple[bytes, SocketAddress, float]] = []
        self.queue: deque[Transmit] = deque()
        self.again: float | None = None

    def receive_datagram(self, data: bytes, source: SocketAddress, now: float) -> None:
        self.received.append((data, source, now))
        self.queue.append(Transmit(source, data))
        self.again = now + 1

    def handle_timer(self, now: float) -> None:
        self.queue.append(Transmit(PEER, b"again"))
        self.again = None

    def next_timer(self) -> Deadline | None:
        return None if self.again is None else Deadline(self.again, "again")

    def transmits(self) -> Iterator[Transmit]:
        return drain(self.queue)

    def events(self) -> Iterator[object]:
        return iter(())


class WrittenTransport:
    def __init__(self, error: OSError | None = None) -> None:
        self.written: list[tuple[bytes, tuple[str, int]]] = []
        self.error = error

    def write(self, payload: bytes, addr: tuple[str, int]) -> None:
        if self.error is not None:
            raise self.error
        self.written.append((payload, addr))


class DatagramDriverTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.core = EchoCore()
        self.clock = Clock()
        self.transport = WrittenTransport()
        self.driver = DatagramDriver(self.core, self.clock)
        self.driver.transport = self.transport

    def test_core_gets_datagram_source_and_time_and_its_answer_is_sent(self) -> None:
        self.clock.advance(5.0)
        self.driver.datagramReceived(b"hello", ("192.0.2.1", 7))
        self.assertEqual(self.core.received, [(b"hello", PEER, 5.0)])
        self.assertEqual(self.transport.written, [(b"hello", ("192.0.2.1", 7))])

    def test_timer_of_the_core_is_kept(self) -> None:
        self.driver.datagramReceived(b"hello", ("192.0.2.1", 7))
        self.clock.advance(1.0)
        self.assertEqual(self.transport.written[1:], [(b"again", ("192.0.2.1", 7))])

    def test_source_that_no_answer_could_reach_is_counted(self) -> None:
        self.driver.datagramReceived(b"hello", ("fe80::1%eth0", 7))
        self.assertEqual(self.core.received, [])
        self.assertEqual(self.driver.counters.unreadable_sources, 1)

    def test_refusal_of_the_kernel_is_counted(self) -> None:
        self.transport.error = OSError(101, "Network is unreachable")
        self.driver.datagramReceived(b"hello", ("192.0.2.1", 7))
        self.assertEqual(self.driver.counters.unsendable, 1)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_nothing_is_called_after_the_end(self) -> None:
        self.driver.datagramReceived(b"hello", ("192.0.2.1", 7))
        self.driver.stopProtocol()
        self.clock.advance(10.0)
        self.assertEqual(len(self.transport.written), 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class OpenUdpSocketTests(SynchronousTestCase):
    def test_ipv6_socket_leaves_ipv4_free(self) -> None:
        ipv6 = open_udp_socket(SocketAddress("::", 0))
        self.addCleanup(ipv6.close)
        ipv4 = open_udp_socket(SocketAddress("0.0.0.0", ipv6.getsockname()[1]))
        self.addCleanup(ipv4.close)
        self.assertEqual(ipv6.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY), 1)
        self.assertFalse(ipv4.getblocking())

    def test_taken_address_is_named(self) -> None:
        first = open_udp_socket(SocketAddress("127.0.0.1", 0))
        self.addCleanup(first.close)
        port = first.getsockname()[1]
        refused = self.assertRaises(AddressRefused, open_udp_socket, SocketAddress("127.0.0.1", port))
        self.assertIn(f"127.0.0.1:{port}: Address already in use", str(refused))
        self.assertFalse(refused.is_unsupported)

    def test_address_of_another_machine_is_told_apart(self) -> None:
        refused = self.assertRaises(AddressRefused, open_udp_socket, SocketAddress("192.0.2.1", 0))
        self.assertTrue(refused.is_unsupported)
