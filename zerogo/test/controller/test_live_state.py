import msgspec
from twisted.trial.unittest import SynchronousTestCase

from zerogo.controller.live_documents import Change, Kind, Outdated, RelayDocument
from zerogo.controller.live_state import EVENTS_LIMIT, LiveState, Sight

ALL = frozenset(Kind)


def relay(name: str, udp: int = 1) -> RelayDocument:
    return RelayDocument(name, "", udp, 0, 0)


class LiveStateTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.state = LiveState()
        self.state.put(Kind.RELAY, "", "a", relay("a"))
        self.state.take_changes()

    def test_what_is_as_it_was_is_no_change(self) -> None:
        self.state.put(Kind.RELAY, "", "a", relay("a"))
        self.state.drop(Kind.RELAY, "", "b")
        self.assertFalse(self.state.is_changed)

    def test_what_happened_between_two_messages_is_told_as_its_result(self) -> None:
        for udp in (2, 3, 4):
            self.state.put(Kind.RELAY, "", "a", relay("a", udp))
        self.state.put(Kind.RELAY, "", "b", relay("b"))
        self.state.drop(Kind.RELAY, "", "b")
        self.assertEqual(
            self.state.take_changes(),
            [Change(Kind.RELAY, "", "a", relay("a", 4)), Change(Kind.RELAY, "", "b", None)],
        )
        self.assertFalse(self.state.is_changed)
        self.assertEqual(self.state.revision, 2)

    def test_a_network_goes_with_all_in_it(self) -> None:
        self.state.put(Kind.MEMBER, "n", "m", relay("m"))
        self.state.put(Kind.MEMBER, "o", "m", relay("m"))
        self.state.take_changes()
        self.state.drop_network("n")
        self.assertEqual(self.state.take_changes(), [Change(Kind.MEMBER, "n", "m", None)])

    def test_those_that_are_not_named_are_gone(self) -> None:
        for name in "xyz":
            self.state.put(Kind.MEMBER, "n", name, relay(name))
        self.state.take_changes()
        self.state.keep_only(Kind.MEMBER, "n", "xz")
        self.assertEqual([change.id for change in self.state.take_changes()], ["y"])

    def test_a_snapshot_has_what_may_be_seen_and_nothing_else(self) -> None:
        self.state.put(Kind.MEMBER, "n", "m", relay("m"))
        seen = self.state.snapshot(frozenset({Kind.RELAY}))
        self.assertEqual((seen.members, seen.relays), ([], [relay("a")]))
        self.assertEqual(self.state.snapshot(frozenset()).relays, [])
        whole = msgspec.json.decode(msgspec.json.encode(self.state.snapshot(ALL)))
        self.assertEqual(list(whole), ["t", "revision", "networks", "members", "links", "relays"])
        self.assertEqual(whole["t"], "snapshot")

    def test_changes_that_may_not_be_seen_are_left_out(self) -> None:
        self.state.put(Kind.MEMBER, "n", "m", relay("m"))
        changes = self.state.take_changes()
        self.assertIsNone(Sight(frozenset({Kind.RELAY})).of(2, changes, []))
        told = msgspec.json.decode(msgspec.json.encode(Sight(ALL).of(2, changes, [])))
        self.assertEqual((told["t"], told["revision"]), ("changes", 2))
        self.assertEqual(told["changes"][0]["kind"], "member")

    def test_what_is_out_of_date_is_told_once_to_who_may_read_it(self) -> None:
        for _ in range(2):
            self.state.outdate("policy", "n")
        self.assertTrue(self.state.is_changed)
        outdated = self.state.take_outdated()
        self.assertFalse(self.state.is_changed)
        self.assertIsNone(Sight(ALL, frozenset({"users"})).of(2, [], outdated))
        told = Sight(ALL, frozenset({"policy"})).of(2, [], outdated)
        assert told is not None
        self.assertEqual((told.changes, told.outdated), ([], [Outdated("policy", "n")]))

    def test_events_are_told_once_and_have_a_bound(self) -> None:
        for number in range(EVENTS_LIMIT + 5):
            self.state.tell("n", str(number), relay("e"))
        told = self.state.take_changes()
        self.assertEqual((len(told), told[0].id), (EVENTS_LIMIT, "5"))
        self.assertEqual(self.state.take_changes(), [])
