"""The API of members."""

from __future__ import annotations

from zerogo.control.coordinator_events import Presence
from zerogo.control.messages import AgentFacts
from zerogo.store.values import Approval
from zerogo.test.controller.stock import ApiCase


class MemberRouteTests(ApiCase):
    def members_path(self, node: object = "") -> str:
        return f"/networks/{self.network}/members/{node}".rstrip("/")

    def test_members_are_listed_with_presence(self) -> None:
        ann = self.join("ann")
        self.join("bob")
        facts = AgentFacts("native", "stable", "preserved")
        self.told.present = {ann.node_id: Presence(source="192.0.2.7", connected_seconds=5.0, rtt=0.0123, facts=facts)}
        first, second = self.call("GET", self.members_path()).json["items"]
        self.assertEqual((first["name"], first["is_online"], first["rtt_ms"]), ("ann", True, 12.3))
        self.assertEqual((first["plane"], first["nat_mapping"], first["nat_ports"]), ("native", "stable", "preserved"))
        self.assertEqual((second["is_online"], second["source"], second["plane"]), (False, None, None))
        self.assertEqual(len(self.call("GET", "/peers").json["items"]), 2)

    def test_a_waiting_machine_is_approved_denied_and_told(self) -> None:
        agent = self.agent(self.invite(approval=Approval.MANUAL))
        self.register(agent)
        path = self.members_path(agent.node_id)
        self.assertEqual(self.call("PATCH", path, {"state": "approved"}).json["addresses"][0], "10.9.0.1")
        self.assertEqual(self.call("PATCH", path, {"state": "denied"}).json["addresses"], [])
        self.assertEqual(self.told.said, [("decided", self.network, agent.node_id)] * 2)
        self.assertEqual(self.call("PATCH", path, {"state": "pending"}).status, 422)

    def test_a_change_is_made_whole_or_not_at_all(self) -> None:
        for name in "abcdef":
            self.join(name)
        waiting = self.agent(self.invite(approval=Approval.MANUAL), name="late")
        self.register(waiting)
        path = self.members_path(waiting.node_id)
        reply = self.call("PATCH", path, {"name": "renamed", "state": "approved"})
        self.assertEqual((reply.status, reply.json["code"]), (409, "network-full"))
        names = {member["name"] for member in self.call("GET", self.members_path()).json["items"]}
        self.assertEqual(names, {*"abcdef", "late"})

    def test_a_member_is_renamed_and_removed(self) -> None:
        agent = self.join("ann")
        self.join("bob")
        path = self.members_path(agent.node_id)
        self.assertEqual(self.call("PATCH", path, {"name": "anna"}).json["name"], "anna")
        self.assertEqual(self.call("PATCH", path, {"name": "bob"}).status, 409)
        self.assertEqual(self.call("DELETE", path).status, 204)
        self.assertEqual(self.call("DELETE", path).status, 404)

    def test_only_the_named_properties_can_be_set(self) -> None:
        """CVE-2026-27899: a record's other fields must not be reachable through an edit."""
        agent = self.join("ann")
        outside = {"addresses": ["10.8.0.5"]}
        for change in ({"mac": "x"}, {"network": "x"}, {"static_public": "x"}, {"id": "x"}, outside):
            self.assertEqual(self.call("PATCH", self.members_path(agent.node_id), change).status, 422)

    def test_a_member_is_given_another_address_which_nobody_else_has(self) -> None:
        ann, bob = self.join("ann"), self.join("bob")
        reply = self.call("PATCH", self.members_path(ann.node_id), {"addresses": ["10.9.0.5"]})
        self.assertEqual((200, ["10.9.0.5", "fd00:9::1"]), (reply.status, reply.json["addresses"]))
        self.assertIn(("decided", self.network, ann.node_id), self.told.said)
        self.assertEqual(409, self.call("PATCH", self.members_path(bob.node_id), {"addresses": ["10.9.0.5"]}).status)

    def test_a_member_of_another_network_is_not_found_through_this_one(self) -> None:
        agent = self.join("ann")
        other = self.make_network("other").network
        for method, body in (("PATCH", {"name": "x"}), ("DELETE", None)):
            reply = self.call(method, f"/networks/{other}/members/{agent.node_id}", body)
            self.assertEqual(reply.status, 404)
