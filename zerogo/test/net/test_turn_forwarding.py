"""The relay with the native forwarder, on loopback sockets; skipped where the native core was not built."""

from __future__ import annotations

import ipaddress
import os
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred, DeferredList, inlineCallbacks
from twisted.internet.task import deferLater
from twisted.trial.unittest import SkipTest, TestCase

from zerogo.dataplane.native import relay_forwarder
from zerogo.ids import SocketAddress
from zerogo.net.datagram import open_udp_socket
from zerogo.net.turn_forwarding import TALLY, NativeForwarding
from zerogo.net.turn_server import TurnDriver
from zerogo.policy.addresses import AddressRule
from zerogo.stun.limit import SourceLimiter
from zerogo.stun.server import BindingResponder, ResponderCounters
from zerogo.test.net.test_turn_server import CREDENTIAL, HOST, LOOPBACK, Echo
from zerogo.test.net.turn_clients import DatagramDriver, listen
from zerogo.turn import server as turn_server
from zerogo.turn.client import TurnClient
from zerogo.turn.client_events import Allocated, ChannelBound, PeerData
from zerogo.turn.credentials import StaticUsers
from zerogo.turn.gate import PeerGate
from zerogo.turn.quota import Quota
from zerogo.turn.server import ServerSettings, TurnServer

reactor: Any = installed
ROUNDS = 20
BYTES_PER_SECOND = 10_000.0


class ForwardingTests(TestCase):
    timeout = 20

    def setUp(self) -> None:
        forwarder = relay_forwarder(TALLY)
        if forwarder is None:
            raise SkipTest("the native core is not built, or not with the forwarder")
        forwarding = NativeForwarding(forwarder)
        rule = AddressRule((ipaddress.ip_network("127.0.0.0/8"),))
        settings = ServerSettings(
            realm="realm",
            authority=StaticUsers({"alice": CREDENTIAL.password}),
            gate=PeerGate(rule=rule, own_hosts=(HOST,), secrets=(), unix_time=lambda: 0.0),
            quota=Quota(bytes_per_second=BYTES_PER_SECOND),
            permits_flows=True,
            make_bandwidth=forwarding.bucket,
        )
        binding = BindingResponder(SourceLimiter(20, 40), ResponderCounters())
        self.server = TurnServer(settings, os.urandom, lambda: 0.0, binding)
        self.driver = TurnDriver(self.server, reactor, (HOST,), (40000, 60000), forwarding)
        self.addCleanup(lambda: DeferredList(self.driver.close()))
        listener = open_udp_socket(LOOPBACK)
        self.address = SocketAddress(*listener.getsockname())
        self.driver.listen_udp(listener)
        echo = reactor.listenUDP(0, Echo(), HOST)
        self.addCleanup(echo.stopListening)
        self.echo = SocketAddress(HOST, echo.getHost().port)

    def client(self) -> tuple[TurnClient, DatagramDriver, dict[type, Deferred[Any]]]:
        """A client, and Deferreds of its next events by their kind."""
        awaited: dict[type, Deferred[Any]] = {}

        def on_event(event: object) -> None:
            waiting = awaited.pop(type(event), None)
            if waiting is not None:
                waiting.callback(event)

        client = TurnClient(self.address, CREDENTIAL, os.urandom)
        driver = DatagramDriver(client, reactor, on_event)
        self.addCleanup(listen(open_udp_socket(LOOPBACK), driver, reactor))
        return client, driver, awaited

    def next(self, awaited: dict[type, Deferred[Any]], kind: type) -> Deferred[Any]:
        awaited[kind] = Deferred()
        return awaited[kind]

    @inlineCallbacks
    def bound(self, peer: SocketAddress | None = None) -> Any:
        client, driver, awaited = self.client()
        allocated = self.next(awaited, Allocated)
        driver.call(client.start)
        yield allocated
        if peer is not None:
            bound = self.next(awaited, ChannelBound)
            driver.call(client.bind, peer, None)
            yield bound
        return client, driver, awaited

    @inlineCallbacks
    def test_after_the_first_datagram_python_is_not_asked(self) -> Any:
        client, driver, awaited = yield self.bound(self.echo)
        for number in range(ROUNDS):
            echoed = self.next(awaited, PeerData)
            driver.call(_sending(client, self.echo, b"%d" % number))
            event = yield echoed
            self.assertEqual((event.peer, event.payload), (self.echo, b"%d" % number))
        self.assertEqual((self.server.counters.to_peers, self.server.counters.to_clients), (1, 1))
        forwarded = self.driver.forwarded
        self.assertEqual((forwarded.to_peers, forwarded.to_clients), (ROUNDS - 1, ROUNDS - 1))
        driver.call(client.close)
        while not self.server.is_idle:
            yield deferLater(reactor, 0.01, lambda: None)

    @inlineCallbacks
    def test_a_flow_in_use_is_decided_again_before_it_ends(self) -> Any:
        self.patch(turn_server, "FLOW_SECONDS", 0.2)
        client, driver, awaited = yield self.bound(self.echo)
        renewed: list[object] = []
        renew = self.server.renew_flow
        self.server.renew_flow = lambda source, now: (renewed.append(source), renew(source, now))  # type: ignore
        while len({type(each) for each in renewed}) < 2:
            echoed = self.next(awaited, PeerData)
            driver.call(_sending(client, self.echo, b"x"))
            yield echoed
            yield deferLater(reactor, 0.01, lambda: None)

    @inlineCallbacks
    def test_two_clients_reach_each_other_by_their_channels(self) -> Any:
        ann, ann_driver, ann_awaits = yield self.bound()
        bob, bob_driver, bob_awaits = yield self.bound(ann.relayed)
        bound = self.next(ann_awaits, ChannelBound)
        ann_driver.call(ann.bind, bob.relayed, None)
        yield bound
        for number in range(ROUNDS):
            received = self.next(bob_awaits, PeerData)
            ann_driver.call(_sending(ann, bob.relayed, b"%d" % number))
            event = yield received
            self.assertEqual((event.peer, event.payload), (ann.relayed, b"%d" % number))
        self.assertEqual(self.server.counters.to_clients, 1)
        self.assertEqual(self.driver.forwarded.to_clients, ROUNDS - 1)
        # Whose allocation has ended is not sent anything: the datagram is for Python again, and its address a peer's.
        address = bob.relayed
        bob_driver.call(bob.close)
        while self.server.allocations > 1:
            yield deferLater(reactor, 0.01, lambda: None)
        ann_driver.call(_sending(ann, address, b"late"))
        while not self.server.counters.to_peers:
            yield deferLater(reactor, 0.01, lambda: None)
        self.assertEqual(self.driver.forwarded.to_clients, ROUNDS - 1)

    @inlineCallbacks
    def test_bandwidth_is_one_for_both_ways_of_forwarding(self) -> Any:
        begun_at = reactor.seconds()
        client, driver, awaited = yield self.bound(self.echo)
        for _ in range(2):
            echoed = self.next(awaited, PeerData)
            driver.call(_sending(client, self.echo, bytes(2000)))
            yield echoed
        while not self.driver.forwarded.over_bandwidth:
            for _ in range(6):
                driver.call(_sending(client, self.echo, bytes(2000)))
            yield deferLater(reactor, 0.01, lambda: None)
        counters, forwarded = self.server.counters, self.driver.forwarded
        carried = sum((counters.bytes_to_peers, counters.bytes_to_clients))
        carried += sum((forwarded.bytes_to_peers, forwarded.bytes_to_clients))
        self.assertLessEqual(carried, BYTES_PER_SECOND * (1.0 + reactor.seconds() - begun_at))


def _sending(client: TurnClient, peer: SocketAddress, data: bytes) -> Any:
    def send(now: float) -> None:
        client.send(peer, data)

    return send
