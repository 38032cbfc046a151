"""The API of policies."""

from __future__ import annotations

from typing import Any

from zerogo.test.controller.stock import ApiCase, Reply

SSH = "rules: [{from: ann, to: bob, ports: 22}]\n"


class PolicyRoutesTests(ApiCase):
    def setUp(self) -> None:
        super().setUp()
        self.join("ann")
        self.join("bob")
        self.path = f"/networks/{self.network}/policy"

    def put(self, text: str, if_match: str = "*") -> Reply:
        return self.call("PUT", self.path, {"text": text, "comment": "why"}, if_match=if_match)

    def explain(self, **wanted: Any) -> Reply:
        return self.call("GET", f"{self.path}/explain?" + "&".join(f"{key}={value}" for key, value in wanted.items()))

    def test_a_policy_is_put_in_force_and_members_are_told(self) -> None:
        first = self.call("GET", self.path)
        self.assertEqual(
            (0, None, '"policy-0"'), (first.json["revision"], first.json["created_at"], first.header("etag"))
        )
        reply = self.put(SSH, '"policy-0"')
        self.assertEqual(
            (200, 1, SSH, "owner", "why"),
            (reply.status, *(reply.json[key] for key in ("revision", "text", "created_by", "comment"))),
        )
        self.assertEqual(['"policy-1"', "policy-1"], [reply.header("etag"), reply.json["etag"]])
        self.assertEqual([("changed", self.network)], self.told.said)
        self.assertEqual(reply.json, self.call("GET", self.path).json)
        self.assertEqual(["ann", "bob"], reply.json["unenforced"])

    def test_of_two_who_change_it_the_second_is_told(self) -> None:
        self.put(SSH, '"policy-0"')
        self.assertEqual(
            (412, "changed-meanwhile"), (self.put("", '"policy-0"').status, self.put("", '"policy-0"').json["code"])
        )
        reply = self.call("PUT", self.path, {"text": ""})
        self.assertEqual((428, "if-match-required"), (reply.status, reply.json["code"]))

    def test_what_is_not_right_is_refused_with_its_place_or_its_test(self) -> None:
        reply = self.put("rules: [{from: x}]")
        self.assertEqual((422, "policy-invalid"), (reply.status, reply.json["code"]))
        self.assertIn("line 1, column 9: 'to' is missing", reply.json["detail"])
        reply = self.put(SSH + "tests: [{from: bob, to: ann, port: 22}]")
        self.assertEqual((422, "policy-test-failed"), (reply.status, reply.json["code"]))
        self.assertIn("test 1 (bob to ann, tcp port 22: allow) fails: the default refuses it", reply.json["detail"])
        reply = self.put("x" * 300_000)
        self.assertEqual((422, "policy-invalid"), (reply.status, reply.json["code"]))
        self.assertEqual([], self.told.said)

    def test_a_text_is_checked(self) -> None:
        text = SSH + "tests: [{from: bob, to: ann, port: 22}, {from: ann, to: bob, port: 22}]"
        found = self.call("POST", f"{self.path}/check", {"text": text}).json
        self.assertEqual(
            (False, [], [False, True]),
            (found["is_right"], found["findings"], [test["passes"] for test in found["tests"]]),
        )
        found = self.call("POST", f"{self.path}/check", {"text": "rules: [{from: eve, to: bob, ports: x}]"}).json
        self.assertEqual(
            [("error", 1, 37)], [(each["severity"], each["line"], each["column"]) for each in found["findings"]]
        )

    def test_a_text_is_previewed(self) -> None:
        found = self.call("POST", f"{self.path}/preview", {"text": SSH}).json
        self.assertEqual({"from": ["bob"], "to": ["ann"], "gained": [], "lost": ["everything"]}, found["changes"][1])
        self.assertEqual(422, self.call("POST", f"{self.path}/preview", {"text": "rules: 1"}).status)
        self.assertEqual([], self.told.said)

    def test_a_packet_is_explained(self) -> None:
        self.put(SSH)
        found = self.explain(src="ann", dst="bob", port=22).json
        self.assertEqual(
            ("allow", "ann", "bob", "tcp port 22", 1, 1),
            tuple(found[key] for key in ("verdict", "from", "to", "traffic", "rule", "line")),
        )
        self.assertEqual("deny", self.explain(src="bob", dst="ann", protocol="icmp").json["verdict"])
        for wanted, status in (
            ({"src": "ann"}, 422),
            ({"src": "ann", "dst": "eve"}, 404),
            ({"src": "ann", "dst": "bob", "port": "70000"}, 422),
            ({"src": "ann", "dst": "bob", "port": "x"}, 422),
            ({"src": "ann", "dst": "bob", "port": "1", "protocol": "icmp"}, 422),
            ({"src": "%ff", "dst": "bob"}, 422),
            ({"src": "a" * 256, "dst": "bob"}, 422),
        ):
            self.assertEqual(status, self.explain(**wanted).status, wanted)

    def test_the_history_is_listed_and_gone_back_to(self) -> None:
        for text in (SSH, ""):
            self.put(text)
        found = self.call("GET", f"{self.path}/history").json["items"]
        self.assertEqual([(2, ""), (1, SSH)], [(each["revision"], each["text"]) for each in found])
        self.assertEqual(SSH, self.call("GET", f"{self.path}/history/1").json["text"])
        for odd in ("0", "9", "x", "9" * 30):
            self.assertEqual(404, self.call("GET", f"{self.path}/history/{odd}").status)
        reply = self.call("POST", f"{self.path}/rollback", {"revision": 1}, if_match='"policy-2"')
        self.assertEqual((200, 3, SSH), (reply.status, reply.json["revision"], reply.json["text"]))
        self.assertEqual(404, self.call("POST", f"{self.path}/rollback", {"revision": 7}, if_match="*").status)

    def test_names_of_members_cannot_write_rules(self) -> None:
        """GHSA-class "YAML injection": a policy is never put together out of what members call themselves."""
        self.join("x, to: '*'}]\nrules: [{from: '*'")
        self.put(SSH)
        self.assertEqual(SSH, self.call("GET", self.path).json["text"])
        self.assertEqual("deny", self.explain(src="bob", dst="ann", port=22).json["verdict"])
