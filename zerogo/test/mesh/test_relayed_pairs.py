"""Pairs that meet at relays, in the simulated internet: before they are direct, instead of it, and after it."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from zerogo.ids import ChannelAddress, SocketAddress
from zerogo.mesh.events import PathKind, PeerState, PeerStateChanged
from zerogo.mesh.signal import Offer, emit_relayed_signal
from zerogo.mesh.status import Refusal
from zerogo.routing.policy import RoutingPolicy
from zerogo.testing.internet import LinkQuality
from zerogo.testing.mesh import Member, VirtualMesh
from zerogo.testing.nat import FULL_CONE, PORT_RESTRICTED, SYMMETRIC_RANDOM


def everything(to: SocketAddress) -> bool:
    return True


def kind(member: Member, other: Member) -> PathKind | None:
    path = member.status(other).path
    return None if path is None else path.kind


class RelayedPairTests(SynchronousTestCase):
    def mesh(self, ann: object = SYMMETRIC_RANDOM, bob: object = SYMMETRIC_RANDOM, seed: int = 1) -> VirtualMesh:
        mesh = VirtualMesh(seed)
        mesh.add_relay("near")
        self.ann = mesh.add_member("ann", ann)  # type: ignore[arg-type]
        self.bob = mesh.add_member("bob", bob)  # type: ignore[arg-type]
        return mesh

    def test_hopeless_pair_is_connected_within_a_second(self) -> None:
        mesh = self.mesh()
        mesh.start()
        self.assertTrue(mesh.run_until_connected(1.0))
        self.assertEqual((kind(self.ann, self.bob), kind(self.bob, self.ann)), (PathKind.RELAY, PathKind.RELAY))
        self.ann.send(self.bob, b"hello")
        mesh.run_for(0.2)
        self.assertEqual(self.bob.received(self.ann), [b"hello"])

    def test_relayed_pair_says_which_relay_and_why(self) -> None:
        mesh = self.mesh()
        mesh.start()
        mesh.run_for(10.0)
        status = self.ann.status(self.bob)
        assert status.path is not None
        self.assertEqual(status.path.relay, "near")
        self.assertIsInstance(status.path.destination, ChannelAddress)
        self.assertIn("symmetric NAT", status.reason)
        self.assertIsNone(status.seconds_to_direct)
        told = [event.sentence for _, event in self.ann.log if isinstance(event, PeerStateChanged)]
        self.assertEqual(told[-1], f"bob is connected by the relay near, not directly: {status.reason}")

    def test_what_the_log_says_of_a_peer(self) -> None:
        changed = PeerStateChanged(peer=1, name="bob", state=PeerState.CONNECTED)
        lost = evolve(changed, state=PeerState.UNREACHABLE, reason="no answer")
        for event, sentence in (
            (changed, "bob is connected"),
            (lost, "bob is unreachable: no answer"),
            (evolve(changed, kind=PathKind.DIRECT), "bob is connected"),
            (evolve(changed, kind=PathKind.RELAY, relay="fra"), "bob is connected by the relay fra"),
            (evolve(changed, kind=PathKind.TCP), "bob is connected by TCP"),
            (
                evolve(changed, kind=PathKind.PEER, reason="no answer"),
                "bob is connected by other members, not directly: no answer",
            ),
        ):
            self.assertEqual(event.sentence, sentence)

    def test_who_does_not_want_relays_says_so_and_nobody_reaches_him_by_one(self) -> None:
        unwanted = {"relay disabled": RoutingPolicy(disable_relay=True)}
        unwanted["relay fallback is off"] = RoutingPolicy(relay_fallback=False)
        for reason, policy in unwanted.items():
            mesh = self.mesh()
            self.ann.policy = policy
            mesh.start()
            mesh.run_for(10.0)
            self.bob.send(self.ann, b"hello")
            mesh.run_for(1.0)
            self.assertEqual(self.ann.status(self.bob).reason, f"unreachable: {reason}")
            self.assertEqual([kind(self.ann, self.bob), kind(self.bob, self.ann), self.ann.inbox], [None, None, []])
            self.assertEqual(self.ann.node.offer().relayed, ())

    def test_relay_stays_warm_beside_a_direct_path(self) -> None:
        mesh = self.mesh(PORT_RESTRICTED, FULL_CONE)
        mesh.start()
        mesh.run_for(30.0)
        self.assertEqual(kind(self.ann, self.bob), PathKind.DIRECT)
        relayed = [path for path in self.ann.status(self.bob).paths if path.kind is PathKind.RELAY]
        self.assertEqual([(path.is_alive, path.rtt is not None) for path in relayed], [(True, True)])

    def test_relay_that_is_restarted_is_back_within_seconds_and_the_session_lives(self) -> None:
        mesh = self.mesh()
        mesh.start()
        mesh.run_for(5.0)
        relay = mesh.relays["near"]
        sessions = self.ann.plane.session_count
        relay.stop()
        mesh.run_for(0.1)
        relay.start()
        mesh.run_for(3.0)
        self.ann.send(self.bob, b"after")
        mesh.run_for(0.2)
        self.assertEqual(self.bob.received(self.ann), [b"after"])
        self.assertEqual(self.ann.plane.session_count, sessions)

    def test_a_signal_that_comes_in_a_channel_is_taken_and_only_from_one_of_ours(self) -> None:
        mesh = self.mesh()
        mesh.start()
        mesh.run_for(3.0)
        ann, bob = self.ann.identity.node_id, self.bob.identity.node_id
        path = self.ann.status(self.bob).path
        assert path is not None and isinstance(path.destination, ChannelAddress)
        told = self.bob.node._directory.of_node(ann.raw).search.signalling  # type: ignore[union-attr]
        signaller = self.ann.node._directory.of_node(bob.raw)
        assert signaller is not None and told.remote is not None
        before = told.remote.sequence
        signal = emit_relayed_signal(ann, signaller.search.signalling.compose(Offer()))
        self.ann.plane.send_datagram(path.destination, signal)
        mesh.run_for(0.2)
        self.assertGreater(told.remote.sequence, before)
        relay = path.destination.relay
        for foreign, refusal in (
            (ChannelAddress(relay, 0x4FFF), Refusal.UNKNOWN_DATAGRAM),
            (ChannelAddress(SocketAddress("192.0.2.77", 9), 0x4000), Refusal.FOREIGN_CHANNEL),
        ):
            refused = self.bob.node.counters().refusals[refusal]
            self.bob.node.receive_datagram(signal, foreign, mesh.clock.now + self.bob.clock_ahead)
            self.assertEqual(self.bob.node.counters().refusals[refusal], refused + 1)

    def test_peer_that_the_relay_had_no_room_for_is_tried_again(self) -> None:
        mesh = self.mesh()
        books = mesh.relays["near"].server._ledger.books
        books.quota = evolve(books.quota, channels=0)
        mesh.start()
        mesh.run_for(3.0)
        self.assertFalse(mesh.is_connected())
        books.quota = evolve(books.quota, channels=10)
        mesh.run_for(30.0)
        self.assertTrue(mesh.is_connected())

    def test_direct_path_that_dies_right_after_a_test_of_the_relay_is_noticed_as_soon_as_any_other(self) -> None:
        mesh = self.mesh(PORT_RESTRICTED, PORT_RESTRICTED)
        mesh.start()
        mesh.run_for(4.0)
        for seconds in (30.0, 0.0):
            for member, peer in ((self.ann, self.bob), (self.bob, self.ann)):
                member.node.test_relay(peer.identity.node_id, seconds, mesh.clock.now + member.clock_ahead)
            mesh.run_for(1.5)
        self.assertEqual(kind(self.ann, self.bob), PathKind.DIRECT)
        relay = mesh.relays["near"].host.addresses[0]
        self.ann.firewall = self.bob.firewall = lambda to: to.host != relay
        mesh.run_for(1.5)
        self.assertEqual(kind(self.ann, self.bob), PathKind.RELAY)

    def test_direct_path_that_dies_is_replaced_by_the_relay(self) -> None:
        mesh = self.mesh(PORT_RESTRICTED, PORT_RESTRICTED)
        mesh.start()
        mesh.run_for(5.0)
        self.assertEqual(kind(self.ann, self.bob), PathKind.DIRECT)
        relay = mesh.relays["near"].host.addresses[0]
        self.ann.firewall = self.bob.firewall = lambda to: to.host != relay
        mesh.run_for(5.0)
        self.assertEqual(kind(self.ann, self.bob), PathKind.RELAY)
        self.ann.send(self.bob, b"after")
        mesh.run_for(0.2)
        self.assertEqual(self.bob.received(self.ann), [b"after"])


class HomeTests(SynchronousTestCase):
    def homes(self, udp_is_blocked: bool = False) -> tuple[VirtualMesh, Member, Member]:
        """Two relays; each member is near another one."""
        mesh = VirtualMesh(3)
        mesh.add_relay("east")
        mesh.add_relay("west")
        ann = mesh.add_member("ann", SYMMETRIC_RANDOM)
        bob = mesh.add_member("bob", SYMMETRIC_RANDOM)
        bob.firewall = everything if udp_is_blocked else None
        return mesh, ann, bob

    def test_pair_meets_where_only_one_of_them_is_at_home(self) -> None:
        mesh, ann, bob = self.homes()
        east, west = mesh.relays["east"], mesh.relays["west"]
        ann.firewall = lambda to: to == east.address and mesh.clock.now < 1000.05
        bob.firewall = lambda to: to == west.address and mesh.clock.now < 1000.05
        mesh.start()
        self.assertTrue(mesh.run_until_connected(2.0))
        leader = ann if ann.identity.static_public < bob.identity.static_public else bob
        path = leader.status(bob if leader is ann else ann).path
        assert path is not None
        self.assertEqual(path.relay, "west" if leader is ann else "east")

    def test_member_without_udp_is_connected_by_a_stream(self) -> None:
        mesh, ann, bob = self.homes(udp_is_blocked=True)
        mesh.start()
        self.assertTrue(mesh.run_until_connected(1.0))
        ann.send(bob, b"hello")
        mesh.run_for(0.2)
        self.assertEqual(bob.received(ann), [b"hello"])

    def test_first_ping_over_a_stream_is_answered_within_half_a_second_of_the_start(self) -> None:
        for is_blocked in ((True, False), (False, True), (True, True)):
            mesh, ann, bob = self.homes(udp_is_blocked=False)
            for member, blocked in zip((ann, bob), is_blocked, strict=True):
                member.firewall = everything if blocked else None
            mesh.start()
            began = mesh.clock.now
            while not bob.inbox and mesh.clock.now < began + 1.0:
                ann.send(bob, b"ping")
                mesh.run_for(0.01)
            bob.send(ann, b"pong")
            while not ann.inbox and mesh.clock.now < began + 1.0:
                mesh.run_for(0.01)
            self.assertTrue(ann.inbox)
            self.assertLess(mesh.clock.now - began, 0.5)

    def test_ping_to_one_who_joins_without_udp_is_answered_within_five_round_trips_and_a_half(self) -> None:
        """TCP, an address of the relay, what tells the peer of it, the ping: all at 80 ms from site to site and back,
        whichever end leads."""
        leads = []
        for seed in (0, 2):
            mesh = VirtualMesh(seed, LinkQuality(delay=0.020))
            mesh.stream_delay = mesh.switchboard.delay = 0.040
            mesh.add_relay("near")
            ann = mesh.add_member("ann", PORT_RESTRICTED)
            mesh.start()
            mesh.run_for(5.0)
            bob = mesh.add_member("bob")
            bob.firewall = everything
            leads.append(ann.identity.static_public < bob.identity.static_public)
            bob.start()
            ann.update_peers()
            began = mesh.clock.now
            while not bob.inbox and mesh.clock.now < began + 1.0:
                ann.send(bob, b"ping")
                mesh.run_for(0.01)
            bob.send(ann, b"pong")
            mesh.run_for(0.085)
            self.assertTrue(ann.inbox)
            self.assertLess(mesh.clock.now - began, 5.5 * 0.080)
        self.assertEqual(sorted(leads), [False, True])

    def test_relay_knows_a_channel_before_anything_goes_into_it(self) -> None:
        """Also where the session is older than the channel, so that there is something to send at once."""
        mesh = VirtualMesh(1)
        mesh.switchboard.delay = 0.001
        relay = mesh.add_relay("near")
        for name in ("ann", "bob"):
            mesh.add_member(name, SYMMETRIC_RANDOM).firewall = everything
        mesh.start()
        self.assertTrue(mesh.run_until_connected(1.0))
        mesh.run_for(0.2)
        self.assertEqual(relay.server.counters.unpermitted, 0)

    def test_stream_is_given_up_when_the_relay_is_heard_by_udp_before_it_is_there(self) -> None:
        mesh, ann, bob = self.homes(udp_is_blocked=False)
        mesh.stream_delay = 0.06
        mesh.start()
        mesh.run_for(2.0)
        for member in (ann, bob):
            self.assertTrue(member.streams)
            relays = list(member.node._relays._relays.values())
            self.assertEqual([way.is_stream for relay in relays for way in relay._ways.values()], [False])

    def test_stream_that_has_fallen_silent_is_replaced_by_another(self) -> None:
        mesh, ann, bob = self.homes(udp_is_blocked=True)
        del mesh.relays["west"]
        mesh.start()
        self.assertTrue(mesh.run_until_connected(1.0))
        for bridge in bob.streams:
            bob.streams[bridge] = lambda data: None
        mesh.run_for(60.0)
        ann.send(bob, b"hello")
        mesh.run_for(0.2)
        self.assertEqual(bob.received(ann), [b"hello"])

    def test_udp_takes_over_when_it_works_again(self) -> None:
        mesh, ann, bob = self.homes(udp_is_blocked=True)
        mesh.start()
        mesh.run_for(2.0)
        bob.firewall = None
        mesh.run_for(60.0)
        path = bob.status(ann).path
        assert path is not None and isinstance(path.destination, ChannelAddress)
        self.assertNotEqual(path.destination.relay.host, "127.0.0.1")

    def test_members_without_a_relay_are_as_they_were(self) -> None:
        mesh = VirtualMesh(4)
        ann, bob = mesh.add_member("ann", PORT_RESTRICTED), mesh.add_member("bob", FULL_CONE)
        mesh.start()
        self.assertTrue(mesh.run_until_connected(3.0))
        self.assertEqual(kind(ann, bob), PathKind.DIRECT)
