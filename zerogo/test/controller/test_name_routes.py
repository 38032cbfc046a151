"""Routes about names."""

from __future__ import annotations

from zerogo.test.controller.stock import ApiCase


class NameRouteTests(ApiCase):
    def test_names_are_set_listed_and_removed(self) -> None:
        path = f"/networks/{self.network}/names"
        made = self.call("PUT", f"{path}/Printer", {"addresses": ["192.168.7.5"]})
        self.assertEqual((made.status, made.json["name"]), (200, "printer"))
        listed = self.call("GET", path).json
        self.assertEqual([one["full_name"] for one in listed["items"]], [f"printer.{listed['origin']}"])
        self.assertEqual(listed["members"], [])
        self.assertEqual(self.call("DELETE", f"{path}/printer").status, 204)
        self.assertEqual(self.call("DELETE", f"{path}/printer").status, 404)
        self.assertEqual(self.call("PUT", f"{path}/a.b", {"addresses": ["10.0.0.1"]}).status, 422)
        self.assertEqual(self.call("PUT", f"{path}/a", {"addresses": []}).status, 422)

    def test_members_are_listed_by_the_names_that_lead_to_them(self) -> None:
        path = f"/networks/{self.network}/names"
        self.call("PUT", f"{path}/laptop", {"addresses": ["192.168.7.5"]})
        joined = [self.join(name) for name in ("Laptop", "desk")]
        found = {one["member"]: one for one in self.call("GET", path).json["members"]}
        self.assertEqual(found[str(joined[0].node_id)]["full_name"], "laptop-2.home.zg")
        self.assertEqual(found[str(joined[1].node_id)]["full_name"], "desk.home.zg")
        addresses = [set(found[str(one.node_id)]["addresses"]) for one in joined]
        self.assertTrue(all(addresses))
        self.assertEqual(addresses[0] & addresses[1], set())
