"""Addresses are kept out by the API, with who did it and why."""

from __future__ import annotations

from zerogo.store import exit_gateways
from zerogo.test.controller.stock import ApiCase
from zerogo.test.store.stock import NOW


class ExitDenialRouteTests(ApiCase):
    def test_a_range_is_kept_out_listed_and_let_in(self) -> None:
        body = {"range": "192.0.2.0/24", "reason": "scans", "expires_seconds": 3600}
        made = self.call("POST", "/exits/denials", body)
        self.assertEqual((made.status, made.json["range"], made.json["reason"]), (201, "192.0.2.0/24", "scans"))
        self.assertIsNotNone(made.json["expires_at"])
        self.assertEqual(self.call("POST", "/exits/denials", body).status, 409)
        self.assertIsNone(self.call("POST", "/exits/denials", {"range": "2001:db8::1"}).json["expires_at"])
        listed = self.call("GET", "/exits/denials").json["items"]
        self.assertEqual({one["range"] for one in listed}, {"192.0.2.0/24", "2001:db8::1/128"})
        self.assertEqual(len(self.database.read(exit_gateways.read_settings, NOW).denied_ranges), 2)
        for one in listed:
            self.assertEqual(self.call("DELETE", f"/exits/denials/{one['id']}").status, 204)
        self.assertEqual(self.call("DELETE", f"/exits/denials/{listed[0]['id']}").status, 404)

    def test_what_is_no_range_is_refused_with_a_sentence(self) -> None:
        for text in ("nowhere", "192.0.2.1/24", "192.0.2.0/33", "::/129"):
            reply = self.call("POST", "/exits/denials", {"range": text})
            self.assertEqual(reply.status, 422, text)
            self.assertIn("range of addresses", reply.json["detail"])
