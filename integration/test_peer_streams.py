"""Streams between two members on loopback: by TCP, by TLS, through a crowd of strangers, and after a loss."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.defer import CancelledError, DeferredSemaphore, inlineCallbacks
from twisted.internet.error import ConnectError
from twisted.internet.protocol import DatagramProtocol, Factory, Protocol
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from zerogo.ids import SocketAddress
from zerogo.mesh.streaming import PeerStream
from zerogo.net.marked import MarkedEndpoint
from zerogo.net.peer_dial import PeerDialler, peer_ways
from zerogo.net.peer_stream import MemberStream, StreamTools
from zerogo.net.peer_streams import PeerStreams
from zerogo.net.tcp_socket import open_tcp_socket
from zerogo.test.net.peer_fakes import ANN, BOB, dial_key, find_for

reactor: Any = installed
HOST = "127.0.0.1"
STRANGERS = (
    b"",
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"\x16\x03\x01\x02\x00",
    os.urandom(3000),
    b"\x00\x2b" + bytes(43),
)
FLOOD = 40


class DataSocket(DatagramProtocol):
    """Stands for a data plane."""

    def __init__(self) -> None:
        self.received: list[tuple[bytes, tuple[str, int]]] = []

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        self.received.append((datagram, addr))


class End:
    """One member."""

    def __init__(self, case: TestCase, find: Callable[..., Any]) -> None:
        self.data = DataSocket()
        self.port = reactor.listenUDP(0, self.data, interface=HOST)
        case.addCleanup(self.port.stopListening)
        self.tools = StreamTools(reactor=reactor, data_ports=lambda: [self.port.getHost().port], rng=os.urandom)
        self.opened: list[PeerStream] = []
        self.closed: list[SocketAddress] = []
        self.streams = PeerStreams(
            self.tools,
            find,
            None,
            opened=lambda peer, stream: self.opened.append(stream),
            closed=lambda peer, address: self.closed.append(address),
        )
        case.addCleanup(self.streams.stop)

    def send(self, datagram: bytes, stream: PeerStream) -> None:
        self.data.transport.write(datagram, (stream.address.host, stream.address.port))


class PeerStreamsTests(TestCase):
    timeout = 60

    def setUp(self) -> None:
        self.ann, self.bob = End(self, find_for(ANN)), End(self, find_for(BOB, ANN))
        listening = open_tcp_socket(SocketAddress(HOST, 0), is_for_narrow_lines=True)
        self.place = SocketAddress(HOST, listening.getsockname()[1])
        self.bob.streams.listen([listening])
        listening.close()

    @inlineCallbacks
    def until(self, condition: Callable[[], object]) -> Any:
        while not condition():
            yield deferLater(reactor, 0.01, lambda: None)

    @inlineCallbacks
    def check_both_ways(self, size: int = 1400) -> Any:
        for sender, receiver in ((self.ann, self.bob), (self.bob, self.ann)):
            datagram = b"\x93" + os.urandom(size)
            sender.send(datagram, sender.opened[-1])
            at = receiver.opened[-1].address
            yield self.until(lambda d=datagram, at=at, r=receiver: (d, (at.host, at.port)) in r.data.received)

    @inlineCallbacks
    def test_members_meet_by_tcp_and_again_after_a_loss(self) -> Any:
        self.ann.streams.dial(dial_key(ANN, BOB), [self.place])
        yield self.until(lambda: self.ann.opened and self.bob.opened)
        self.assertEqual(self.ann.opened[0].far, str(self.place))
        yield self.check_both_ways()
        self.bob.streams.forget(1)
        yield self.until(lambda: self.ann.closed and self.bob.closed)
        yield self.until(lambda: len(self.ann.opened) == 2 and len(self.bob.opened) == 2)
        yield self.check_both_ways()

    @inlineCallbacks
    def test_a_place_where_nobody_listens_fails_and_one_that_is_given_up_leaves_nothing(self) -> Any:
        listening = open_tcp_socket(SocketAddress(HOST, 0))
        place = SocketAddress(HOST, listening.getsockname()[1])
        given_up = MarkedEndpoint(reactor, place).connect(Factory.forProtocol(Protocol))
        given_up.cancel()
        yield self.assertFailure(given_up, CancelledError)
        listening.close()
        yield self.assertFailure(MarkedEndpoint(reactor, place).connect(Factory.forProtocol(Protocol)), ConnectError)

    @inlineCallbacks
    def test_members_meet_by_tls(self) -> Any:
        streams: list[MemberStream] = []
        dialler = PeerDialler(self.ann.tools, DeferredSemaphore(1), opened=streams.append, closed=lambda stream: None)
        self.addCleanup(dialler.stop)
        dialler.dial(dial_key(ANN, BOB), [way for way in peer_ways(reactor, [self.place], None) if way.is_tls])
        yield self.until(lambda: streams and self.bob.opened)
        self.ann.opened.append(streams[0].described())
        yield self.check_both_ways()

    @inlineCallbacks
    def test_a_member_gets_in_among_strangers_who_get_nothing(self) -> Any:
        strangers = [socket.create_connection((self.place.host, self.place.port)) for _ in range(FLOOD)]
        for number, each in enumerate(strangers):
            self.addCleanup(each.close)
            each.setblocking(False)
            each.sendall(STRANGERS[number % len(STRANGERS)])
        yield self.until(lambda: self.bob.tools.counters.refused + self.bob.tools.counters.unproven >= FLOOD // 2)
        self.assertEqual(self.bob.opened, [])
        for each in strangers:
            try:
                self.assertNotEqual(each.recv(1)[:1], b"\x00", "a stranger was answered")
            except OSError:
                continue
        for each in strangers:
            each.close()
        self.ann.streams.dial(dial_key(ANN, BOB), [self.place])
        yield self.until(lambda: self.ann.opened and self.bob.opened)
        yield self.check_both_ways()
