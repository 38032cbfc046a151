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
        self.assertEqual(self.call("DELETE", f"{path}/printer").status, 204)
        self.assertEqual(self.call("DELETE", f"{path}/printer").status, 404)
        self.assertEqual(self.call("PUT", f"{path}/a.b", {"addresses": ["10.0.0.1"]}).status, 422)
        self.assertEqual(self.call("PUT", f"{path}/a", {"addresses": []}).status, 422)
