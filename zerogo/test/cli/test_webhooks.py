import json

from zerogo.cli import webhooks as module
from zerogo.cli.webhooks import webhooks
from zerogo.test.cli.test_networks import CommandCase

URL = "https://example.net/hook"


class WebhooksTests(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        self.patch(module, "controller_api", self.controller_api)

    def test_webhooks_are_made_listed_switched_and_deleted(self) -> None:
        self.assertIn("there is no webhook yet", self.run_ok(webhooks))
        self.assertIn("whsec_", self.run_ok(webhooks, "create", URL, "member.*", "link.path"))
        (made,) = json.loads(self.run_ok(webhooks, "--json"))
        self.assertEqual(made["kinds"], ["member.*", "link.path"])
        listed = self.run_ok(webhooks)
        for word in (URL, "member.*", "yes"):
            self.assertIn(word, listed)
        changed = self.run_ok(webhooks, "change", made["id"], "link.path", "--url", f"{URL}/2")
        self.assertEqual(changed, f"{URL}/2 is told of link.path\n")
        self.assertEqual(self.invoke(webhooks, "change", made["id"]).exit_code, 2)
        self.assertIn("nothing any more", self.run_ok(webhooks, "disable", made["id"]))
        self.assertIn("what happens", self.run_ok(webhooks, "enable", made["id"][:6]))
        self.assertIn("a test is on its way", self.run_ok(webhooks, "test", made["id"]))
        self.assertEqual(json.loads(self.run_ok(webhooks, "--json"))[0]["waiting"], 1)
        self.assertIn("deleted", self.run_ok(webhooks, "delete", made["id"]))
        self.assertEqual(json.loads(self.run_ok(webhooks, "--json")), [])

    def test_the_secret_is_in_json_too_and_what_is_wrong_is_one_sentence(self) -> None:
        made = json.loads(self.run_ok(webhooks, "create", URL, "*", "--json"))
        self.assertTrue(made["secret"].startswith("whsec_"))
        self.assertIn("needs a URL", self.refusal(webhooks, "create", "x", "*"))
        self.assertIn("no webhook 'x'", self.refusal(webhooks, "delete", "x"))
        self.run_ok(webhooks, "create", URL, "*")
        self.assertIn("fits several", self.refusal(webhooks, "delete", ""))
