from zerogo.control.edge_token import EdgeToken, GatewayToken
from zerogo.control.gateway_messages import ClosedStream, EdgeHere, Enter, Usage, UsageRow
from zerogo.ids import NodeId
from zerogo.store import audit, exit_gateways, exit_usage
from zerogo.store.exit_values import KeyKind
from zerogo.store.paging import Paging
from zerogo.test.controller.stock import PASSWORD, ApiCase, Reply
from zerogo.test.store.stock import NOW

GATEWAY = NodeId(b"1" * 10)
EDGE = "e" * 16
CLOSED = ClosedStream("alice", "192.0.2.1", EDGE, "198.51.100.1", "x:443", "connect", NOW, 1.0, 5, 6, "closed")


class ExitRouteTests(ApiCase):
    def make(self, name: str = "alice", **more: object) -> Reply:
        return self.call("POST", "/exits/users", {"name": name, "password": PASSWORD, **more})

    def join(self) -> None:
        _, secret = self.database.write(exit_gateways.create_key, KeyKind.GATEWAY, 60.0, "t", self.rng, NOW)
        said = Enter(signing=bytes(32), boot=bytes(8), name="fra", addresses=["192.0.2.1:9396"], secret=secret)
        self.database.write(exit_gateways.enter, GATEWAY, bytes(32), said, NOW)

    def test_a_user_is_made_shown_changed_and_removed_and_never_with_the_password(self) -> None:
        self.call("POST", "/exits/packages", {"name": "gold", "bytes": 1000, "seconds": 3600})
        made = self.make(package="gold", upload=500, countries=["de"])
        self.assertEqual((made.status, made.json["left_bytes"], made.json["countries"]), (201, 1000, ["de"]))
        self.assertEqual(self.make().status, 409)
        path = "/exits/users/alice"
        tag = self.call("GET", path).header("ETag") or ""
        changed = self.call("PATCH", path, {"used": 400, "reply": "early"}, if_match=tag)
        self.assertEqual((changed.json["left_bytes"], changed.json["reply"]), (600, "early"))
        self.assertEqual(self.call("PATCH", path, {"streams": 3}, if_match=tag).status, 412)
        for reply in (made, changed, self.call("GET", "/exits/users")):
            self.assertNotIn("argon2", reply.text)
        self.assertEqual(self.call("DELETE", path).status, 204)
        self.assertEqual(self.call("GET", path).status, 404)
        actions = [line.action for line in self.database.read(audit.list_lines, Paging()).items]
        self.assertEqual(actions[:3], ["exit-user.delete", "exit-user.change", "exit-user.create"])

    def test_what_makes_no_sense_is_refused_with_a_sentence(self) -> None:
        for body in ({"name": "a-b"}, {"sources": ["nowhere"]}, {"upload": -1}, {"mode": "fast"}, {"edge": "x"}):
            reply = self.make(**body) if "name" not in body else self.make(str(body["name"]))
            self.assertEqual(reply.status, 422, body)
        self.assertEqual(self.make(package="none").status, 404)

    def test_a_package_in_use_stays(self) -> None:
        self.call("POST", "/exits/packages", {"name": "gold", "bytes": 1000})
        self.make(package="gold")
        self.assertEqual(self.call("DELETE", "/exits/packages/gold").status, 409)
        self.assertEqual(self.call("PATCH", "/exits/packages/gold", {"bytes": 5}).json["bytes"], 5)
        self.assertEqual(self.call("GET", "/exits/users/alice").json["left_bytes"], 5)

    def test_tokens_of_gateways_and_edges_say_where_to_join(self) -> None:
        self.assertEqual(self.call("POST", "/exits/keys", {"kind": "edge"}).status, 409)
        url = self.call("POST", "/exits/keys", {"kind": "gateway"}).json["join_url"]
        self.assertEqual(GatewayToken.parse(url).addresses, ("192.0.2.1:9394",))
        self.join()
        key = self.call("POST", "/exits/keys", {"kind": "edge", "expires_seconds": 60}).json
        token = EdgeToken.parse(key["join_url"])
        self.assertEqual((token.addresses, len(token.secret)), (("192.0.2.1:9396",), 20))
        listed = self.call("GET", "/exits/keys")
        self.assertEqual(len(listed.json["items"]), 3)
        self.assertNotIn("join_url", listed.text)
        self.assertEqual(self.call("DELETE", f"/exits/keys/{key['id']}").status, 204)

    def test_gateways_and_edges_are_listed_drained_denied_and_removed(self) -> None:
        self.join()
        self.database.write(exit_gateways.note_edges, [EdgeHere(EDGE, "kiel", country="de")], NOW)
        path = f"/exits/gateways/{GATEWAY}"
        self.assertTrue(self.call("PATCH", path, {"is_draining": True}).json["is_draining"])
        (gateway,) = self.call("GET", "/exits/gateways").json["items"]
        self.assertEqual((gateway["name"], gateway["is_online"], gateway["edges"]), ("fra", False, 0))
        edge = f"/exits/edges/{EDGE}"
        self.assertTrue(self.call("PATCH", edge, {"is_denied": True}).json["is_denied"])
        self.assertEqual(self.call("GET", edge).json["consent_at"], None)
        self.assertEqual(self.call("DELETE", edge).status, 204)
        self.assertEqual(self.call("DELETE", path).status, 204)
        self.assertEqual(self.call("GET", path).status, 404)

    def test_statistics_and_streams_are_shown(self) -> None:
        self.join()
        usage = Usage(1, [UsageRow("alice", EDGE, "de", 5, 6, 1)], [CLOSED])
        self.database.write(exit_usage.store_usage, GATEWAY, bytes(8), usage, NOW)
        for kind, subject in (("user", "alice"), ("edge", EDGE), ("country", "de")):
            found = self.call("GET", f"/exits/stats/{kind}/hour").json
            self.assertEqual((found["subject"], found["up"], found["down"]), ([subject], [5], [6]))
        self.assertEqual(self.call("GET", "/exits/stats/user/day/bob").json["up"], [])
        self.assertEqual(self.call("GET", "/exits/stats/user/year").status, 404)
        (line,) = self.call("GET", "/exits/streams").json["items"]
        self.assertEqual((line["target"], line["reason"]), ("x:443", "closed"))
        self.assertEqual(self.call("GET", "/exits/users/bob/streams").json["items"], [])
        for query, count in (
            (f"exit_address=198.51.100.1&at={NOW - 0.5:.1f}", 1),
            (f"exit_address=198.51.100.1&at={NOW + 1:.1f}", 0),
            (f"at={NOW - 2:.1f}", 0),
            ("exit_address=198.51.100.2", 0),
        ):
            self.assertEqual(len(self.call("GET", f"/exits/streams?{query}").json["items"]), count, query)

    def test_without_gateways_nothing_is_live_and_nobody_is_kicked(self) -> None:
        self.make()
        self.assertEqual(self.call("GET", "/exits/live").json, {"gateways": {}})
        self.assertEqual(self.call("GET", "/exits/select/explain?username=alice").json, {"gateways": {}})
        self.assertEqual(self.call("GET", "/exits/select/explain").status, 422)
        self.assertEqual(self.call("POST", "/exits/users/alice/kick").json, {"gateways": 0})
        self.assertEqual(self.call("DELETE", f"/exits/gateways/{GATEWAY}/streams/1").status, 404)
