"""How the parts of a peer move each other: seen from one member while the other is played or real."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.ids import SocketAddress
from zerogo.mesh import PeerState
from zerogo.mesh.events import PathSelected, PeerStateChanged
from zerogo.mesh.peer import Peer
from zerogo.mesh.succession import LONGEST_VOUCHED_SECONDS
from zerogo.test.mesh.parts import drained
from zerogo.testing.mesh import Member, VirtualMesh
from zerogo.testing.nat import PORT_RESTRICTED
from zerogo.wire.control import Close, CloseReason, Probe, emit_control, parse_control


def states(member: Member) -> list[PeerState]:
    """The states that a member logged, in order, without repetition."""
    seen: list[PeerState] = []
    for _, event in member.log:
        if isinstance(event, PeerStateChanged) and (not seen or seen[-1] is not event.state):
            seen.append(event.state)
    return seen


class PeerTests(SynchronousTestCase):
    """Two members behind port-restricted NATs, connected."""

    def setUp(self) -> None:
        self.mesh = VirtualMesh(1)
        self.ann = self.mesh.add_member("ann", PORT_RESTRICTED)
        self.bob = self.mesh.add_member("bob", PORT_RESTRICTED)
        self.mesh.start()
        self.assertTrue(self.mesh.run_until_connected(5.0))
        self.mesh.run_for(5.0)

    def peer(self) -> Peer:
        """Bob as Ann's node holds him."""
        [peer] = self.ann.node._directory.peers()
        return peer

    def test_states_come_in_order(self) -> None:
        """The leader has keys before it has a path; the other end waits for it to use them."""
        leader, follower = (self.ann, self.bob) if self.peer().leads else (self.bob, self.ann)
        self.assertEqual(states(leader), [PeerState.CONNECTING, PeerState.CONNECTED])
        self.assertEqual(states(follower), [PeerState.CONNECTING, PeerState.HANDSHAKING, PeerState.CONNECTED])

    def test_a_status_tells_what_a_user_asks(self) -> None:
        status = self.ann.status(self.bob)
        path = status.path
        assert path is not None and path.rtt is not None and path.rtt_min is not None
        self.assertEqual((status.name, status.state, status.reason), ("bob", PeerState.CONNECTED, ""))
        self.assertAlmostEqual(path.rtt, 0.040, places=3)
        self.assertAlmostEqual(path.rtt_min, 0.040, places=3)
        self.assertEqual((path.loss, path.kind, path.is_active), (0.0, "direct", True))
        self.assertEqual((path.local_candidate, path.remote_candidate), ("srflx", "srflx"))
        assert status.seconds_to_direct is not None and status.handshake_age is not None
        self.assertLess(status.seconds_to_direct, 0.3)
        self.assertTrue(4.9 < status.handshake_age < 5.2)
        self.assertIsNone(status.next_try_in)

    def test_a_probe_from_elsewhere_shows_another_path_which_is_probed(self) -> None:
        self.ann.driven._on_event = (events := []).append
        source = self.bob.host.address(1234)
        self.ann.driven.call(self.ann.node.receive_control, 1, emit_control(Probe(77, padding=100)), source)
        [asked] = [event for event in events if getattr(event, "destination", None) == source][:1]
        self.assertIsInstance(parse_control(asked.payload), Probe)

    def test_a_place_that_was_not_proven_in_time_is_left_with_the_next_datagram(self) -> None:
        peer, now = self.peer(), self.ann.driven.now
        before, place = peer.paths.active, SocketAddress.of("203.0.113.9", 9993)
        assert before is not None
        before.silent_since = now
        peer.paths.heard(place, now, is_vouched=True)
        peer.settle(now)
        self.assertEqual([event.destination for event in drained(peer._context, PathSelected)], [place])
        later = now + LONGEST_VOUCHED_SECONDS
        peer.receive_control(emit_control(Probe(1)), before.destination, later)
        peer.settle(later)
        self.assertIs(peer.paths.active, before)
        self.assertEqual([event.destination for event in drained(peer._context, PathSelected)], [before.destination])

    def test_a_close_ends_sessions_and_paths_at_once(self) -> None:
        path = self.ann.status(self.bob).path
        assert path is not None
        payload = emit_control(Close(CloseReason.SHUTDOWN))
        self.ann.driven.call(self.ann.node.receive_control, 1, payload, path.destination)
        self.assertEqual(self.ann.plane.session_count, 0)
        self.assertEqual(self.ann.status(self.bob).paths, ())
        [last] = [event for _, event in self.ann.log if isinstance(event, PathSelected)][-1:]
        self.assertIsNone(last.destination)

    def test_a_malformed_or_unknown_control_message_is_skipped(self) -> None:
        path = self.ann.status(self.bob).path
        assert path is not None
        for payload in (b"", b"\x01", b"\x02\0", b"\x03", b"\xff" + bytes(1000)):
            self.ann.driven.call(self.ann.node.receive_control, 1, payload, path.destination)
        self.assertEqual(self.ann.node.counters().refusals["malformed_control"], 4)
        self.mesh.run_for(5.0)
        self.assertTrue(self.mesh.is_connected())

    def test_the_end_with_the_smaller_key_leads(self) -> None:
        [other] = self.bob.node._directory.peers()
        self.assertNotEqual(self.peer().leads, other.leads)
        self.assertEqual(self.peer().leads, self.ann.identity.static_public < self.bob.identity.static_public)

    def test_a_lost_peer_is_searched_anew_and_told_so(self) -> None:
        epoch, signals = self.peer().search.signalling.epoch, self.mesh.switchboard.signals
        self.bob.kill()
        self.mesh.run_for(3.0)
        self.assertNotEqual(self.peer().search.signalling.epoch, epoch)
        self.assertGreater(self.mesh.switchboard.signals, signals)
        self.assertIsNone(self.ann.status(self.bob).seconds_to_direct)
