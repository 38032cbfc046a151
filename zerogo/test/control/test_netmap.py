from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import msgpack
from twisted.trial.unittest import SynchronousTestCase

from zerogo.control.netmap import (
    ForgedMap,
    MemberRecord,
    NetworkMap,
    SignedMap,
    StaleMap,
    check_name,
    emit_record,
    parse_record,
)
from zerogo.errors import ParseError
from zerogo.ids import NetworkId
from zerogo.noise.identity import Identity
from zerogo.test.control.pair import CONTROLLER, KEY_HASH, NETWORK, record_of, seeded

PEOPLE = [Identity.generate(seeded(f"person {number}")) for number in range(6)]
RECORDS = [record_of(identity, f"person-{number}", number + 1) for number, identity in enumerate(PEOPLE)]


def make_map(revision: int, members: list[MemberRecord]) -> NetworkMap:
    ordered = tuple(sorted(members, key=lambda one: one.node_id))
    return NetworkMap(
        network=NETWORK,
        name="home",
        revision=revision,
        prefixes=("10.1.0.0/24", "fd00::/64"),
        stun_servers=(":3478", "stun.example.org:3478"),
        members=ordered,
    )


class SignedMapTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.signed = SignedMap.sign(make_map(5, RECORDS[:3]), CONTROLLER)

    def test_a_decoded_map_is_equal_and_verifies(self) -> None:
        again = SignedMap.decode(self.signed.encode())
        again.verify(KEY_HASH, NETWORK)
        self.assertEqual(again.network_map, make_map(5, RECORDS[:3]))
        self.assertEqual(again.encode(), self.signed.encode())

    def test_members_in_any_order_give_the_same_bytes(self) -> None:
        shuffled = evolve(self.signed.network_map, members=tuple(reversed(self.signed.network_map.members)))
        self.assertEqual(SignedMap.sign(shuffled, CONTROLLER).header, self.signed.header)
        self.assertEqual(list(SignedMap.sign(shuffled, CONTROLLER).records), list(self.signed.records))

    def test_no_bit_can_be_changed(self) -> None:
        blob = self.signed.encode()
        for place in range(0, len(blob), 7):
            changed = blob[:place] + bytes([blob[place] ^ 0x10]) + blob[place + 1 :]
            with self.assertRaises((ParseError, ForgedMap)):
                SignedMap.decode(changed).verify(KEY_HASH, NETWORK)

    def test_another_controller_or_network_is_refused(self) -> None:
        stranger = SignedMap.sign(self.signed.network_map, PEOPLE[5])
        self.assertRaises(ForgedMap, stranger.verify, KEY_HASH, NETWORK)
        self.assertRaises(ForgedMap, self.signed.verify, KEY_HASH, NetworkId(bytes(5)))

    @settings(deadline=None, max_examples=150)
    @given(st.binary(max_size=300))
    def test_garbage_raises_parse_error_only(self, blob: bytes) -> None:
        self.assertRaises(ParseError, SignedMap.decode, blob)

    def test_two_members_with_one_address_are_refused(self) -> None:
        thief = evolve(RECORDS[1], addresses=RECORDS[0].addresses)
        blob = SignedMap.sign(make_map(5, [RECORDS[0], thief]), CONTROLLER).encode()
        self.assertIn("to two members", str(self.assertRaises(ParseError, SignedMap.decode, blob)))

    def test_fields_of_a_later_release_are_kept_and_verify(self) -> None:
        fields = msgpack.decode(emit_record(RECORDS[0]))
        later = msgpack.encode(fields | {"zzz": [1, 2]})
        self.assertEqual(parse_record(later, NETWORK), RECORDS[0])
        records = {RECORDS[0].node_id: later}
        signed = SignedMap.of_records(make_map(5, [RECORDS[0]]), records, CONTROLLER)
        again = SignedMap.decode(signed.encode())
        again.verify(KEY_HASH, NETWORK)
        self.assertEqual(again.encode(), signed.encode())

    def test_node_id_and_mac_follow_from_the_key(self) -> None:
        record = parse_record(emit_record(RECORDS[0]), NETWORK)
        self.assertEqual((record.node_id, record.mac), (PEOPLE[0].node_id, RECORDS[0].mac))

    def test_a_name_that_could_harm_a_terminal_is_refused(self) -> None:
        for name in ("", "a b", "a\x1b[2J", "-rf", ".hidden", "a/b", "x" * 64, "a\u202eb"):
            self.assertRaises(ParseError, check_name, name)
            self.assertRaises(ParseError, parse_record, emit_record(evolve(RECORDS[0], name=name)), NETWORK)
        check_name("küche-2.local")

    def test_stun_servers_without_a_host_are_the_controllers(self) -> None:
        near = self.signed.network_map.stun_servers_near(["192.0.2.1", "2001:db8::1"])
        self.assertEqual(near, ("192.0.2.1:3478", "[2001:db8::1]:3478", "stun.example.org:3478"))


class DeltaTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.before = SignedMap.sign(make_map(5, RECORDS[:4]), CONTROLLER)
        renamed = evolve(RECORDS[0], name="renamed")
        self.after = SignedMap.sign(make_map(7, [renamed, *RECORDS[2:5]]), CONTROLLER)
        changed = [RECORDS[0].node_id, RECORDS[4].node_id]
        self.delta = self.after.delta_from(5, changed, [RECORDS[1].node_id])

    def test_a_delta_gives_the_map_that_was_signed(self) -> None:
        result = self.before.apply(self.delta)
        self.assertEqual(result.encode(), self.after.encode())
        self.assertEqual(self.before.network_map.revision, 5)

    def test_a_delta_from_another_revision_is_stale(self) -> None:
        self.assertRaises(StaleMap, self.after.apply, self.delta)

    def test_a_delta_to_an_older_revision_is_stale(self) -> None:
        old = SignedMap.sign(make_map(3, RECORDS[:4]), CONTROLLER).delta_from(5, [], [])
        self.assertRaises(StaleMap, self.before.apply, old)

    def test_a_delta_that_leaves_something_out_is_forged(self) -> None:
        short = self.after.delta_from(5, [RECORDS[0].node_id], [RECORDS[1].node_id])
        self.assertRaises(ForgedMap, self.before.apply, short)

    @settings(deadline=None, max_examples=60)
    @given(st.sets(st.integers(0, 5), min_size=1), st.sets(st.integers(0, 5), min_size=1), st.sets(st.integers(0, 5)))
    def test_delta_and_whole_map_never_differ(self, first: set[int], second: set[int], renamed: set[int]) -> None:
        before = SignedMap.sign(make_map(1, [RECORDS[index] for index in sorted(first)]), CONTROLLER)
        members = [evolve(RECORDS[i], name="new") if i in renamed else RECORDS[i] for i in sorted(second)]
        after = SignedMap.sign(make_map(2, members), CONTROLLER)
        changed = [RECORDS[i].node_id for i in sorted(second) if i not in first or i in renamed]
        removed = [RECORDS[i].node_id for i in sorted(first - second)]
        self.assertEqual(before.apply(after.delta_from(1, changed, removed)).encode(), after.encode())
