"""Pairs with an open TCP port at one end, in the simulated internet: with and without UDP, and with a relay."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.ice.candidate import Candidate, CandidateKind
from zerogo.ids import SocketAddress
from zerogo.mesh.events import PathKind, PeerStreamWanted
from zerogo.mesh.streaming import LINGER_SECONDS
from zerogo.routing.policy import RoutingPolicy
from zerogo.testing.mesh import Member, VirtualMesh
from zerogo.testing.nat import PORT_RESTRICTED


def blocked(to: SocketAddress) -> bool:
    """What a network does that lets no UDP out; streams are at loopback addresses."""
    return not to.host.startswith("127.")


def kinds(one: Member, other: Member) -> tuple[PathKind | None, PathKind | None]:
    paths = one.paths.get(other.name), other.paths.get(one.name)
    first, second = (None if path is None or path.destination is None else path.kind for path in paths)
    return first, second


TCP = (PathKind.TCP, PathKind.TCP)
DIRECT = (PathKind.DIRECT, PathKind.DIRECT)


class PeerStreamTests(SynchronousTestCase):
    def mesh(self, *, has_udp: bool, relay: bool = False) -> VirtualMesh:
        mesh = VirtualMesh(1)
        if relay:
            mesh.add_relay("near")
        self.ann = mesh.add_member("ann", PORT_RESTRICTED)
        self.bob = mesh.add_member("bob")
        self.bob.is_open = True
        if not has_udp:
            self.ann.firewall = blocked
        return mesh

    def check_frames(self, mesh: VirtualMesh) -> None:
        for sender, receiver in ((self.ann, self.bob), (self.bob, self.ann)):
            before = len(receiver.received(sender))
            sender.send(receiver, b"hello")
            mesh.run_for(0.2)
            self.assertEqual(len(receiver.received(sender)), before + 1)

    def test_pair_without_udp_and_without_a_relay_meets_by_tcp_within_a_second(self) -> None:
        mesh = self.mesh(has_udp=False)
        mesh.start()
        self.assertTrue(mesh.run_until_connected(1.0))
        self.assertEqual(kinds(self.ann, self.bob), TCP)
        self.check_frames(mesh)
        path = self.ann.status(self.bob).path
        assert path is not None
        self.assertEqual((path.local_candidate, path.remote_candidate), ("active", "passive"))
        self.assertEqual(path.far, "198.51.100.9:443")

    def test_without_a_controller_what_was_told_of_the_port_is_enough(self) -> None:
        for restarted in ((True, False), (False, True), (True, True)):
            mesh = self.mesh(has_udp=False)
            mesh.start()
            self.assertTrue(mesh.run_until_connected(1.0))
            ends = [member for member, is_one in zip((self.ann, self.bob), restarted, strict=True) if is_one]
            self.ann.knows_streams = self.ann.status(self.bob).theirs.streams
            mesh.switchboard.is_down = True
            for member in ends:
                member.shut_down()
            mesh.run_for(1.0)
            for member in ends:
                member.start()
            for member in ends:
                member.update_peers()
            self.assertTrue(mesh.run_until_connected(10.0), restarted)
            self.assertEqual(kinds(self.ann, self.bob), TCP)
            self.check_frames(mesh)

    def test_a_port_that_the_router_maps_later_is_told_to_who_is_direct_as_well(self) -> None:
        mesh = self.mesh(has_udp=True)
        mesh.start()
        self.assertTrue(mesh.run_until_connected(2.0))
        mesh.run_for(3.0)
        self.assertEqual(kinds(self.ann, self.bob), DIRECT)
        mapped = Candidate.passive(SocketAddress("203.0.113.7", 50443), CandidateKind.MAPPED)
        self.bob.driven.call(self.bob.node.set_streams, [mapped])
        mesh.run_for(0.5)
        self.assertEqual(self.ann.status(self.bob).theirs.streams, (mapped,))

    def test_what_a_peer_tells_replaces_what_was_remembered(self) -> None:
        mesh = self.mesh(has_udp=False)
        self.ann.knows_streams = tuple(mesh.peer_streams.candidates(self.bob))
        self.bob.is_open = False
        mesh.start()
        mesh.run_for(2.0)
        wanted = [event.places for _, event in self.ann.log if isinstance(event, PeerStreamWanted)]
        self.assertLessEqual(len(wanted), 1)
        self.assertEqual(mesh.peer_streams.dialled, 0)
        self.assertEqual(mesh.peer_streams.wanted, 0)

    def test_it_is_taken_before_the_relay(self) -> None:
        mesh = self.mesh(has_udp=False, relay=True)
        mesh.start()
        mesh.run_for(8.0)
        self.assertEqual(kinds(self.ann, self.bob), TCP)
        self.assertIn(PathKind.RELAY, [path.kind for path in self.ann.status(self.bob).paths])

    def test_relay_takes_over_at_once_when_it_is_lost_and_gives_way_when_it_is_back(self) -> None:
        mesh = self.mesh(has_udp=False, relay=True)
        mesh.start()
        mesh.run_for(8.0)
        mesh.peer_streams.cut()
        self.assertEqual(kinds(self.ann, self.bob), (PathKind.RELAY, PathKind.RELAY))
        self.check_frames(mesh)
        mesh.run_for(20.0)
        self.assertEqual(kinds(self.ann, self.bob), TCP)

    def test_without_anything_else_it_is_back_after_the_next_try_and_the_session_lives(self) -> None:
        mesh = self.mesh(has_udp=False)
        mesh.start()
        mesh.run_for(5.0)
        age = self.ann.status(self.bob).handshake_age
        mesh.peer_streams.cut()
        self.assertEqual(kinds(self.ann, self.bob), (None, None))
        mesh.run_for(2.0)
        self.assertEqual(kinds(self.ann, self.bob), TCP)
        self.check_frames(mesh)
        now = self.ann.status(self.bob).handshake_age
        assert age is not None and now is not None
        self.assertGreater(now, age + 2.0)

    def test_one_that_only_swallows_what_is_sent_is_given_up_and_dialled_again(self) -> None:
        mesh = self.mesh(has_udp=False)
        mesh.start()
        mesh.run_for(5.0)
        mesh.peer_streams.swallow()
        mesh.run_for(10.0)
        self.assertEqual(kinds(self.ann, self.bob), TCP)
        self.assertEqual((mesh.peer_streams.count, mesh.peer_streams.dialled), (1, 2))
        self.check_frames(mesh)

    def test_direct_udp_is_taken_before_it_and_ends_it(self) -> None:
        mesh = self.mesh(has_udp=True)
        mesh.start()
        mesh.run_for(5.0)
        self.assertEqual(kinds(self.ann, self.bob), DIRECT)
        mesh.run_for(LINGER_SECONDS)
        self.assertEqual(mesh.peer_streams.count, 0)
        self.assertLessEqual(mesh.peer_streams.dialled, 1)

    def test_udp_that_comes_back_takes_over_and_udp_that_goes_is_replaced(self) -> None:
        mesh = self.mesh(has_udp=False)
        mesh.start()
        mesh.run_for(5.0)
        self.ann.firewall = None
        mesh.run_for(400.0)
        self.assertEqual(kinds(self.ann, self.bob), DIRECT)
        self.ann.firewall = blocked
        mesh.run_for(10.0)
        self.assertEqual(kinds(self.ann, self.bob), TCP)
        self.check_frames(mesh)

    def test_who_wants_no_direct_paths_has_none_by_tcp(self) -> None:
        mesh = self.mesh(has_udp=True, relay=True)
        self.ann.policy = RoutingPolicy(p2p_enabled=False)
        mesh.start()
        mesh.run_for(10.0)
        self.assertEqual(mesh.peer_streams.dialled, 0)
        self.assertEqual(kinds(self.ann, self.bob)[0], PathKind.RELAY)

    def test_a_member_that_is_removed_is_not_dialled_any_more(self) -> None:
        mesh = self.mesh(has_udp=False)
        mesh.start()
        mesh.run_for(5.0)
        self.ann.driven.call(self.ann.node.update_peers, [])
        self.assertEqual(mesh.peer_streams.count, 0)
        self.assertIsNone(self.ann.node.stream_key(b"fragment9"))
