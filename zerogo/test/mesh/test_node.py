"""A node as its driver sees it: the table of peers, bounds, and input of any kind."""

from __future__ import annotations

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.ids import NodeId, SocketAddress
from zerogo.mesh import Node, NodeSettings, PeerState, Refusal
from zerogo.mesh.events import (
    ControlToSend,
    PathSelected,
    PeerAdded,
    PeerChanged,
    PeerRemoved,
    SessionReady,
    SessionRetired,
)
from zerogo.mesh.turns import SEARCHES_LIMIT
from zerogo.noise.identity import Identity
from zerogo.test.mesh.parts import ANN, BOB, EVE, NETWORK, PSK, spec
from zerogo.testing.clock import seeded_bytes
from zerogo.testing.mesh import Member, VirtualMesh
from zerogo.testing.nat import PORT_RESTRICTED
from zerogo.wire.handshake import Suite

SOURCE = SocketAddress.of("192.0.2.66", 666)


def node(identity: Identity = ANN, **more: frozenset[str]) -> Node:
    """A node without peers."""
    return Node(NodeSettings(identity=identity, network=NETWORK, psk=PSK, **more), seeded_bytes("node"), 1e9)


class TableTests(SynchronousTestCase):
    """Peers come, change and go."""

    def test_numbers_are_never_used_again(self) -> None:
        ann = node()
        ann.update_peers([spec(BOB)], 0.0)
        ann.update_peers([], 1.0)
        ann.update_peers([spec(BOB), spec(EVE)], 2.0)
        numbers = [event.peer for event in ann.events() if isinstance(event, PeerAdded)]
        self.assertEqual(numbers, [1, 2, 3])

    def test_the_same_map_again_is_no_news(self) -> None:
        ann = node()
        ann.update_peers([spec(BOB)], 0.0)
        list(ann.events())
        ann.update_peers([spec(BOB)], 1.0)
        self.assertEqual(list(ann.events()), [])

    def test_a_changed_record_keeps_the_peer(self) -> None:
        ann = node()
        ann.update_peers([spec(BOB)], 0.0)
        list(ann.events())
        renamed = evolve(spec(BOB), name="robert")
        ann.update_peers([renamed], 1.0)
        self.assertEqual(list(ann.events()), [PeerChanged(1, renamed)])
        self.assertEqual([status.name for status in ann.peer_status(1.0)], ["robert"])

    def test_this_node_is_no_peer_of_itself(self) -> None:
        ann = node()
        ann.update_peers([spec(ANN)], 0.0)
        self.assertEqual(ann.peer_status(0.0), [])

    def test_a_key_of_low_order_makes_no_peer(self) -> None:
        ann = node()
        low = bytes(32)
        ann.update_peers([evolve(spec(BOB), static_public=low, node_id=NodeId.from_key(low))], 0.0)
        self.assertEqual(ann.peer_status(0.0), [])
        self.assertEqual(ann.counters().refusals[Refusal.INVALID_PEER], 1)

    def test_suites_follow_the_signed_capabilities_of_both(self) -> None:
        able = frozenset({"aesgcm", "of-a-later-release"})
        for ours, theirs, suite in (
            (able, able, Suite.AESGCM),
            (able, frozenset(), Suite.CHACHAPOLY),
            (frozenset(), able, Suite.CHACHAPOLY),
        ):
            ann = node(capabilities=ours)
            ann.update_peers([evolve(spec(BOB), capabilities=theirs)], 0.0)
            [peer] = ann._directory.peers()
            self.assertIs(peer.keying.suite, suite)

    def test_searches_that_this_node_begins_are_bounded(self) -> None:
        ann = node()
        others = [Identity.generate(seeded_bytes(f"member {number}")) for number in range(SEARCHES_LIMIT + 30)]
        ann.update_peers([spec(each) for each in others], 0.0)
        states = [status.state for status in ann.peer_status(0.0)]
        self.assertEqual(states.count(PeerState.CONNECTING), SEARCHES_LIMIT)
        self.assertEqual(states.count(PeerState.WAITING), 30)
        now = 0.0
        while now < 5.0:
            deadline = ann.next_timer()
            assert deadline is not None
            now = deadline.at
            ann.handle_timer(now)
        states = [status.state for status in ann.peer_status(now)]
        self.assertEqual(states.count(PeerState.WAITING), 0)
        self.assertEqual(states.count(PeerState.UNREACHABLE), SEARCHES_LIMIT)

    def test_verbs_about_peers_that_are_gone_are_ignored(self) -> None:
        ann = node()
        ann.receive_control(9, b"\x01\0\0\0\1", SOURCE, 0.0)
        ann.session_confirmed(9, 1, 0.0)
        ann.rekey_due(9, 0.0)
        ann.peer_roamed(9, SOURCE, 0.0)
        ann.path_refused(9, 90, 0.0)
        ann.punch(BOB.node_id, 0.0, 0.0)
        ann.receive_signal(BOB.node_id, b"x", 0.0)
        self.assertEqual((list(ann.events()), list(ann.transmits())), ([], []))
        self.assertEqual(ann.counters().refusals[Refusal.UNKNOWN_SIGNAL_SENDER], 1)


class ConnectedTests(SynchronousTestCase):
    """A member that is connected is removed, or shuts down."""

    def setUp(self) -> None:
        self.mesh = VirtualMesh(1)
        self.ann, self.bob = self.mesh.add_member("ann"), self.mesh.add_member("bob")
        self.mesh.start()
        self.assertTrue(self.mesh.run_until_connected(5.0))
        self.mesh.run_for(1.0)

    def test_a_removed_member_leaves_nothing_and_is_not_let_in_again(self) -> None:
        self.ann.driven.call(self.ann.node.update_peers, [])
        self.assertEqual(self.ann.plane.session_count, 0)
        self.assertEqual(len(self.ann.node._context.indexes), 0)
        self.assertEqual(self.ann.node.peer_status(0.0), [])
        self.bob.send(self.ann, b"let me in")
        self.mesh.run_for(60.0)
        self.assertEqual(self.ann.inbox, [])
        self.assertIs(self.bob.status(self.ann).state, PeerState.UNREACHABLE)

    def test_the_goodbye_comes_before_the_end_of_its_session(self) -> None:
        self.ann.node.shutdown(self.ann.driven.now)
        kinds = [type(event) for event in self.ann.node.events()]
        self.assertEqual(kinds, [ControlToSend, SessionRetired, PathSelected])

    def test_a_session_comes_before_the_probe_that_confirms_it(self) -> None:
        seen: list[type] = []
        self.bob.kill()
        self.mesh.run_for(5.0)
        original = self.ann.driven._on_event

        def note(event: object) -> None:
            seen.append(type(event))
            original(event)  # type: ignore[arg-type]

        self.ann.driven._on_event = note
        self.bob.start()
        self.assertTrue(self.mesh.run_until_connected(5.0))
        self.mesh.run_for(0.2)
        after = seen[seen.index(SessionReady) :]
        self.assertIn(ControlToSend, after)
        self.assertNotIn(PeerRemoved, seen)


class HostileInputTests(SynchronousTestCase):
    """Whatever arrives, a node counts it, and nothing else."""

    def setUp(self) -> None:
        self.mesh = VirtualMesh(11)
        self.ann = self.mesh.add_member("ann", PORT_RESTRICTED)
        self.bob = self.mesh.add_member("bob", PORT_RESTRICTED)
        self.recorded: list[bytes] = []
        self.blobs: list[bytes] = []
        self.mesh.internet.on_datagram = lambda source, destination, payload: self.recorded.append(payload)
        self.mesh.switchboard.on_signal = self.blobs.append
        self.mesh.start()
        assert self.mesh.run_until_connected(5.0)
        self.mesh.run_for(10.0)
        self.recorded = [payload for payload in self.recorded if payload[0] != 0x93]

    def fingerprint(self, member: Member) -> object:
        """All of a node that input could have moved."""
        core = member.node
        return (
            core.peer_status(member.driven.now),
            core.next_timer(),
            len(core._context.indexes),
            core._directory.transaction_count,
            [(len(peer.paths), peer.search.signalling.remote) for peer in core._directory.peers()],
            list(core.transmits()),
            list(core.events()),
        )

    @given(st.binary(max_size=200), st.sampled_from([b"", b"\x90\1\1\0", b"\x91\1\1\0", b"\x92\1\0\0", b"\0\1\0\0"]))
    @settings(deadline=None, max_examples=200)
    def test_garbage_datagrams_change_nothing(self, tail: bytes, head: bytes) -> None:
        before = self.fingerprint(self.ann)
        self.ann.node.receive_datagram(head + tail, SOURCE, self.ann.driven.now)
        self.assertEqual(self.fingerprint(self.ann), before)

    @given(st.data())
    @settings(deadline=None, max_examples=200)
    def test_damaged_datagrams_change_nothing(self, data: st.DataObject) -> None:
        """Real ones of this very pair, cut or with one bit flipped, given to both ends."""
        payload = data.draw(st.sampled_from(self.recorded))
        position = data.draw(st.integers(0, len(payload) * 8 - 1))
        flipped = bytearray(payload)
        flipped[position // 8] ^= 1 << position % 8
        damaged = bytes(flipped) if data.draw(st.booleans()) else payload[: position // 8]
        for member in (self.ann, self.bob):
            before = self.fingerprint(member)
            member.node.receive_datagram(damaged, SOURCE, member.driven.now)
            self.assertEqual(self.fingerprint(member), before)

    @given(st.binary(max_size=100), st.integers(3, 255))
    @settings(deadline=None, max_examples=100)
    def test_control_messages_of_no_meaning_change_nothing(self, body: bytes, kind: int) -> None:
        if kind == 3:
            body = b""
        path = self.ann.status(self.bob).path
        assert path is not None
        before = self.fingerprint(self.ann)
        self.ann.node.receive_control(1, bytes([kind]) + body, path.destination, self.ann.driven.now)
        self.assertEqual(self.fingerprint(self.ann), before)

    @given(st.binary(max_size=100))
    @settings(deadline=None, max_examples=100)
    def test_control_messages_never_raise(self, payload: bytes) -> None:
        if payload[:1] != b"\x03":
            self.ann.node.receive_control(1, payload, SOURCE, self.ann.driven.now)
            list(self.ann.node.events())
            self.assertLessEqual(len(self.ann.node._directory.peers()[0].paths), 8)

    @given(st.data())
    @settings(deadline=None, max_examples=100)
    def test_damaged_and_repeated_signals_change_nothing(self, data: st.DataObject) -> None:
        blob = data.draw(st.one_of(st.binary(max_size=100), st.sampled_from(self.blobs)))
        if blob in self.blobs:
            position = data.draw(st.integers(0, len(blob) * 8 - 1))
            flipped = bytearray(blob)
            flipped[position // 8] ^= 1 << position % 8
            blob = bytes(flipped)
        before = self.fingerprint(self.ann)
        self.ann.node.receive_signal(self.bob.identity.node_id, blob, self.ann.driven.now)
        self.assertEqual(self.fingerprint(self.ann), before)

    def test_twenty_thousand_strangers_leave_no_trace(self) -> None:
        rng = seeded_bytes("flood")
        before = self.fingerprint(self.bob)
        heads = (b"\x90\1\1\0", b"\x91\1\1\0", b"\x92\1\0\0", b"\0\1\0\0\x21\x12\xa4\x42", b"\xff")
        for number in range(20_000):
            source = SocketAddress(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", 1 + number % 60_000)
            self.bob.node.receive_datagram(heads[number % 5] + rng(150), source, self.bob.driven.now)
        self.assertEqual(self.fingerprint(self.bob), before)
        self.assertGreaterEqual(sum(self.bob.node.counters().refusals.values()), 20_000)
