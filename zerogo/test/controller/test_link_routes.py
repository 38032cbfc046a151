from zerogo.control.coordinator_events import Presence
from zerogo.control.messages import LinkReport, LinkSample, LinksReport
from zerogo.controller.link_book import pair_of
from zerogo.controller.link_rings import TIERS
from zerogo.ids import NodeId
from zerogo.store import link_history
from zerogo.store.link_history import LinkMean
from zerogo.test.controller.stock import ApiCase

ANN, BOB, EVE = (NodeId(bytes([number]) * 10) for number in (1, 2, 3))
A, B = (str(each) for each in pair_of(ANN, BOB))


class LinkRoutesTests(ApiCase):
    def setUp(self) -> None:
        super().setUp()
        book = self.desk.links.book
        book.observers.append(self.desk.links.events)
        for node_id in (ANN, BOB, EVE):
            book.connected(self.network, node_id)
        self.says(ANN, BOB, "relay", relay="fra", reason="first path")
        self.says(ANN, BOB, "direct", mtu=1400, cipher="AESGCM", reason="a direct path was proven", age=2.0)
        self.says(BOB, ANN, "direct")
        self.says(EVE, ANN, "peer", via=[BOB.raw])

    def says(self, who: NodeId, other: NodeId, path: str, **more: object) -> None:
        link = LinkReport(other.raw, path, **more)  # type: ignore[arg-type]
        sample = LinkSample(other.raw, 5.5, 0.5, 0.0, 100.0, 50.0, 89.5)
        self.desk.links.book.reported(self.network, who, LinksReport(links=[link], samples=[sample]), self.unix_now)

    def links(self, rest: str = "") -> str:
        return f"/networks/{self.network}/links{rest}"

    def test_a_network_has_one_link_a_pair(self) -> None:
        items = self.call("GET", self.links()).json["items"]
        self.assertEqual([(each["a"], each["b"]) for each in items], sorted((each["a"], each["b"]) for each in items))
        by_path = {each["path"]: each for each in items}
        self.assertEqual(by_path["peer"]["via"], [str(BOB)])
        self.assertEqual(len(items), 2)

    def test_they_come_in_pieces(self) -> None:
        first = self.call("GET", self.links("?limit=1")).json
        second = self.call("GET", self.links(f"?limit=1&cursor={first['next_cursor']}")).json
        self.assertNotEqual(first["items"][0], second["items"][0])
        self.assertIsNone(second["next_cursor"])

    def test_a_link_is_found_in_any_order_with_both_ends_words(self) -> None:
        link = self.call("GET", self.links(f"/{A}/{B}")).json
        self.assertEqual(self.call("GET", self.links(f"/{B}/{A}")).json, link)
        self.assertEqual((link["path"], link["rtt_ms"], link["score"]), ("direct", 5.5, 89.5))
        self.assertEqual({link["ends"]["a"]["cipher"], link["ends"]["b"]["cipher"]}, {"AESGCM", ""})
        self.assertEqual(link["reported_at"], "2027-01-15T08:00:00.000Z")
        by_ann = link["ends"]["a" if str(ANN) == A else "b"]
        self.assertEqual(by_ann["since"], "2027-01-15T07:59:58.000Z")

    def test_a_pair_without_a_link_is_not_found(self) -> None:
        self.assertEqual(self.call("GET", self.links(f"/{BOB}/{EVE}")).status, 404)
        self.assertEqual(self.call("GET", self.links(f"/{BOB}/{BOB}")).status, 422)
        self.assertEqual(self.call("GET", self.links("/x/y")).status, 422)
        self.assertEqual(self.call("GET", f"/networks/{'a' * 8}/links").status, 404)

    def test_the_course_is_in_columns(self) -> None:
        now = self.unix_now
        for second in range(5):
            values = [5.0 + second, float("nan"), 0.0, 100.0, 50.0]
            self.desk.links.rings.put(self.network, pair_of(ANN, BOB), now + second, values, TIERS)
        path = self.links(f"/{A}/{B}/history?from={now + 1}&to={now + 3}")
        found = self.call("GET", path).json
        self.assertEqual(found["time"], [now + 1, now + 2, now + 3])
        self.assertEqual((found["rtt_ms"], found["jitter_ms"]), ([6.0, 7.0, 8.0], [None] * 3))
        self.unix_now = now + 10
        self.assertEqual(len(self.call("GET", self.links(f"/{A}/{B}/history")).json["time"]), 5)

    def test_what_was_before_comes_from_the_store(self) -> None:
        now = int(self.unix_now) // 300 * 300
        figures = (9.0, 1.0, 0.0, 10.0, 20.0)
        means = [LinkMean(self.network, A, B, now - 300 * number, figures) for number in range(4)]
        self.database.write(link_history.keep, means, self.unix_now)
        self.desk.links.rings.put(self.network, pair_of(ANN, BOB), now + 10, [5.0] * 5, TIERS)
        path = self.links(f"/{A}/{B}/history?from={now - 600}&to={now + 60}")
        found = self.call("GET", path).json
        self.assertEqual(found["time"], [now - 600, now - 300, now + 10])
        self.assertEqual((found["rtt_ms"], found["sent"]), ([9.0, 9.0, 5.0], [20.0, 20.0, 5.0]))

    def test_a_time_that_is_none_is_refused(self) -> None:
        for bad in ("x", "-1", "1e9", "nan", "9" * 30, "%00", "%D9%A1"):
            reply = self.call("GET", self.links(f"/{A}/{B}/history?from={bad}"))
            self.assertEqual((reply.status, reply.json["code"]), (422, "invalid"), bad)

    def test_a_test_of_the_relay_is_passed_on_where_both_are_here(self) -> None:
        path = self.links(f"/{A}/{B}/relay-test")
        refused = self.call("POST", path, {})
        self.assertEqual((refused.status, refused.json["code"]), (409, "conflict"))
        here = Presence(source="192.0.2.7", connected_seconds=1.0, rtt=None)
        self.told.present = {ANN: here, BOB: here}
        self.assertEqual(self.call("POST", path, {"seconds": 301}).status, 422)
        self.assertEqual(self.call("POST", path, {"seconds": 20}).status, 204)
        ((what, network, pair, seconds),) = self.told.said
        assert isinstance(pair, tuple)
        self.assertEqual((what, network, set(pair), seconds), ("relay test", self.network, {ANN, BOB}, 20.0))
        newest = self.call("GET", "/audit").json["items"][0]
        self.assertEqual((newest["action"], newest["detail"]), ("link.relay-test", "20 s"))

    def test_changes_have_their_reasons_the_newest_first(self) -> None:
        newest, first = self.call("GET", self.links(f"/{A}/{B}/changes")).json["items"]
        self.assertEqual((newest["path"], newest["before"]), ("direct", "relay"))
        self.assertEqual((first["via"], first["reason"], first["reported_by"]), (["fra"], "first path", str(ANN)))

    def test_events_tell_of_paths(self) -> None:
        items = self.call("GET", f"/networks/{self.network}/events?limit=2").json["items"]
        self.assertEqual([each["kind"] for each in items], ["link.path"] * 2)
        self.assertEqual(items[1]["change"]["path"], "direct")
        self.assertEqual(items[1]["nodes"], [A, B])
