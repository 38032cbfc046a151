from zerogo.controller.webhook_sender import SECRET_PREFIX
from zerogo.test.controller.stock import ApiCase

HOOK = {"url": "https://example.net/hook", "kinds": ["member.*"]}


class WebhookRoutesTests(ApiCase):
    def test_a_webhook_is_made_listed_changed_and_deleted(self) -> None:
        made = self.call("POST", "/webhooks", HOOK).json
        self.assertTrue(made["secret"].startswith(SECRET_PREFIX))
        (listed,) = self.call("GET", "/webhooks").json["items"]
        self.assertEqual((listed["kinds"], listed["waiting"], listed["last_outcome"]), (["member.*"], 0, ""))
        self.assertNotIn("secret", listed)
        path = f"/webhooks/{made['id']}"
        changed = self.call("PATCH", path, {"is_enabled": False, "kinds": ["*"]}).json
        self.assertEqual((changed["is_enabled"], changed["kinds"]), (False, ["*"]))
        self.assertEqual(self.call("DELETE", path).status, 204)
        self.assertEqual(self.call("PATCH", path, {}).status, 404)
        self.assertEqual(self.call("DELETE", path).status, 404)

    def test_a_test_is_sent_whatever_it_wants(self) -> None:
        made = self.call("POST", "/webhooks", HOOK).json
        self.assertEqual(self.call("POST", f"/webhooks/{made['id']}/test").status, 204)
        self.assertEqual(self.call("GET", "/webhooks").json["items"][0]["waiting"], 1)
        self.assertEqual(self.call("POST", "/webhooks/none/test").status, 404)

    def test_what_is_not_right_is_refused(self) -> None:
        for bad in ({"url": "x"}, {"url": "http://169.254.169.254/"}, {"kinds": []}, {"kinds": ["A"]}, {"more": 1}):
            reply = self.call("POST", "/webhooks", {**HOOK, **bad})
            self.assertEqual((reply.status, reply.json["code"]), (422, "invalid"), str(bad))
        made = self.call("POST", "/webhooks", HOOK).json
        self.assertEqual(self.call("PATCH", f"/webhooks/{made['id']}", {"url": "x"}).status, 422)
