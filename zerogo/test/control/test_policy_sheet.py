"""Sheets of filters: what is signed, who is sent which, and when."""

from __future__ import annotations

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.control.member import ChannelFailed, MapUpdated
from zerogo.control.messages import Filters, emit_message
from zerogo.control.netmap import ForgedMap
from zerogo.control.policy_sheet import FilterSheet, HeldFilters, content_digest, emit_content, filters_in_force
from zerogo.control.publication import MapView
from zerogo.errors import ParseError
from zerogo.ids import NetworkId, NodeId
from zerogo.noise.errors import NotAuthentic
from zerogo.noise.identity import Identity
from zerogo.policy.compile import CLOSED, ClassFilters
from zerogo.policy.filter import OPEN_RULE, PeerFilter, PolicyRule
from zerogo.test.control.pair import CONTROLLER, KEY_HASH, NETWORK, Pair, Wire, seeded
from zerogo.test.control.policed import with_policy

SOME = ClassFilters(
    {
        b"": None,
        b"one     ": PeerFilter((OPEN_RULE,), (PolicyRule(6, (1, 2), ("10.0.0.0/8",), False),)),
        b"two     ": PeerFilter((OPEN_RULE,), (PolicyRule(6, (1, 2), ("10.0.0.0/8",), False),)),
        b"closed  ": CLOSED,
    }
)


class PolicyPair(Pair):
    """A network with a policy; the class of an agent follows from its name."""

    def __init__(self) -> None:
        super().__init__()
        self.text = "rules: [{from: ann, to: bob, ports: 22}]"
        self.number = 1

    def view(self) -> MapView:
        return with_policy(super().view(), self.text if self.number else "", self.number)

    def put(self, text: str) -> None:
        """Another policy is in force."""
        self.text, self.number, self.revision = text, self.number + 1, self.revision + 1
        self.changed_at = dict.fromkeys(self.changed_at, self.revision)
        self.coordinator.network_changed(NETWORK, self.now)
        self.run()
        self.advance(0.5)


class SheetTests(SynchronousTestCase):
    def sheet(self, revision: int = 7) -> FilterSheet:
        return FilterSheet.sign(NETWORK, revision, emit_content(b"us", SOME), CONTROLLER)

    def test_what_was_emitted_parses_back_and_verifies(self) -> None:
        sheet = FilterSheet.decode(self.sheet().encode())
        sheet.verify(KEY_HASH, NETWORK)
        self.assertEqual((7, b"us"), (sheet.revision, sheet.of_class))
        for peer_class, peer_filter in SOME.peers.items():
            self.assertEqual(peer_filter, sheet.filters.of(peer_class))
        self.assertEqual(CLOSED, sheet.filters.of(b"unknown "))

    def test_a_sheet_of_somebody_else_or_another_network_is_refused(self) -> None:
        stranger = Identity.generate(seeded("stranger"))
        foreign = FilterSheet.sign(NETWORK, 7, emit_content(b"", SOME), stranger)
        self.assertRaises(ForgedMap, foreign.verify, KEY_HASH, NETWORK)
        self.assertRaises(ForgedMap, self.sheet().verify, KEY_HASH, NetworkId(bytes(5)))
        later = evolve(self.sheet(), revision=8)
        self.assertRaises(NotAuthentic, later.verify, KEY_HASH, NETWORK)

    def test_a_sheet_that_was_made_earlier_may_be_right_again(self) -> None:
        """A controller that was not asked meanwhile has it still, signed as it was."""
        held = HeldFilters()
        older = self.sheet(6)
        held.take(self.sheet(7))
        held.at(7)
        held.take(older)
        self.assertIs(older, held.at(8))

    def test_a_sheet_holds_from_its_map_on(self) -> None:
        held = HeldFilters()
        old, new = self.sheet(5), self.sheet(7)
        held.take(old)
        self.assertIs(old, held.at(5))
        held.take(new)
        self.assertIs(old, held.at(6))
        self.assertIs(new, held.at(7))

    def test_the_digest_is_that_of_what_is_said(self) -> None:
        self.assertEqual(self.sheet(1).digest, self.sheet(2).digest)
        self.assertNotEqual(content_digest(emit_content(b"a", SOME)), content_digest(emit_content(b"b", SOME)))

    @settings(deadline=None, max_examples=80)
    @given(st.data())
    def test_damage_is_a_parse_error_or_does_not_verify(self, data: st.DataObject) -> None:
        blob = bytearray(self.sheet().encode())
        at = data.draw(st.integers(0, len(blob) - 1))
        blob[at] ^= data.draw(st.integers(1, 255))
        try:
            FilterSheet.decode(bytes(blob)).verify(KEY_HASH, NETWORK)
        except (ParseError, ForgedMap, NotAuthentic):
            return
        self.fail("a changed sheet was believed")

    @settings(deadline=None, max_examples=60)
    @given(st.binary(max_size=200))
    def test_garbage_is_a_parse_error(self, blob: bytes) -> None:
        self.assertRaises(ParseError, FilterSheet.decode, blob)


class DeliveryTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.pair = PolicyPair()

    def joined(self, *names: str) -> list[Wire]:
        wires = [self.pair.agent(name) for name in names]
        for wire in wires:
            self.pair.connect(wire)
        self.pair.advance(1.0)
        return wires

    def node(self, wire: Wire) -> NodeId:
        return wire.member._identity.node_id

    def newest(self, wire: Wire) -> MapUpdated:
        return [event for event in wire.events if isinstance(event, MapUpdated)][-1]

    def sheets(self, wire: Wire) -> list[FilterSheet]:
        """The different ones that an agent was told of."""
        found = [event.sheet for event in wire.events if isinstance(event, MapUpdated) and event.sheet]
        return list({id(sheet): sheet for sheet in found}.values())

    def held(self, wire: Wire, peer: Wire) -> PeerFilter | None:
        told = self.newest(wire)
        record = told.network_map.member(self.node(peer))
        assert record is not None
        in_force = filters_in_force(told.network_map, told.sheet, self.node(wire))
        return None if in_force is None else in_force.of(record.policy_class)

    def test_members_hold_the_filters_of_their_own_pairs(self) -> None:
        ann, bob, cid = self.joined("ann", "bob", "cid")
        ssh = (PolicyRule(None, (22, 22)),)
        self.assertEqual(PeerFilter(ssh, ()), self.held(ann, bob))
        self.assertEqual(PeerFilter((), ssh), self.held(bob, ann))
        self.assertEqual([CLOSED] * 3, [self.held(ann, cid), self.held(cid, ann), self.held(bob, cid)])
        self.assertEqual([], [each for each in self.sheets(cid)[-1].filters.peers.values() if each != CLOSED])

    def test_a_sheet_is_there_before_the_member_that_it_is_about(self) -> None:
        ann, bob = self.joined("ann", "bob")
        for event in ann.events:
            if isinstance(event, MapUpdated) and event.network_map.member(self.node(bob)):
                assert event.sheet is not None
                record = event.network_map.member(self.node(bob))
                assert record is not None
                self.assertIn(record.policy_class, event.sheet.filters.peers)

    def test_only_those_are_told_whose_filters_change(self) -> None:
        ann, bob, cid = self.joined("ann", "bob", "cid")
        before = [len(self.sheets(wire)) for wire in (ann, bob, cid)]
        self.pair.put("rules: [{from: ann, to: bob, ports: 23}]")
        after = [len(self.sheets(wire)) for wire in (ann, bob, cid)]
        self.assertEqual([1, 1, 0], [now - then for now, then in zip(after, before, strict=True)])
        self.assertEqual(PeerFilter((PolicyRule(None, (23, 23)),), ()), self.held(ann, bob))
        self.assertEqual(2, self.newest(cid).network_map.policy)

    def test_who_comes_back_is_sent_its_sheet_only_if_it_is_another_one(self) -> None:
        ann, _ = self.joined("ann", "bob")
        count = len(self.sheets(ann))
        self.pair.disconnect(ann)
        self.pair.connect(ann)
        self.assertEqual(count, len(self.sheets(ann)))
        self.pair.disconnect(ann)
        self.pair.put("rules: [{from: ann, to: bob, ports: 24}]")
        self.pair.connect(ann)
        self.assertEqual(count + 1, len(self.sheets(ann)))

    def test_a_stored_sheet_goes_with_a_stored_map(self) -> None:
        ann, bob = self.joined("ann", "bob")
        told = self.newest(ann)
        assert told.sheet is not None
        again = self.pair.agent("ann")
        again.member.use_stored_map(told.signed_blob, None)
        sheet = again.member.use_stored_filters(told.sheet.encode())
        self.assertEqual(told.sheet.digest, sheet.digest)
        self.pair.disconnect(ann)
        self.pair.wires.remove(ann)
        self.pair.connect(again)
        self.assertEqual([sheet.digest], [each.digest for each in self.sheets(again)])
        self.assertEqual(PeerFilter((PolicyRule(None, (22, 22)),), ()), self.held(again, bob))

    def test_a_network_without_a_policy_sends_none(self) -> None:
        self.pair.number = 0
        ann, bob = self.joined("ann", "bob")
        self.assertEqual([], self.sheets(ann))
        self.assertIsNone(self.held(ann, bob))

    def test_without_its_sheet_a_member_lets_nothing_pass(self) -> None:
        ann, bob = self.joined("ann", "bob")
        told = self.newest(ann)
        record = told.network_map.member(self.node(bob))
        assert record is not None
        for sheet in (None, self.newest(bob).sheet):
            in_force = filters_in_force(told.network_map, sheet, self.node(ann))
            assert in_force is not None
            self.assertEqual(CLOSED, in_force.of(record.policy_class))

    def test_a_forged_sheet_ends_the_connection(self) -> None:
        (ann,) = self.joined("ann")
        stranger = Identity.generate(seeded("stranger"))
        forged = FilterSheet.sign(NETWORK, 99, emit_content(b"", SOME), stranger)
        connection = self.pair.coordinator._connections[ann.number]
        connection.send_encoded(emit_message(Filters(forged.encode())))
        self.pair.coordinator._collect(connection)
        self.pair.run()
        self.assertTrue([event for event in ann.events if isinstance(event, ChannelFailed)])
