"""Rules, password hashes and names of gateways' and edges' keys."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.config.edge import EdgeConfig
from zerogo.config.errors import ConfigError
from zerogo.config.gateway import GatewayConfig
from zerogo.config.load import parse
from zerogo.exit.exit_policy import Rule

HASH = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$aGFzaGhhc2hoYXNoaGFzaA"


class ExitValuesTests(SynchronousTestCase):
    def test_users_and_rules_load(self) -> None:
        users = f"users:\n  - {{name: alice, password-hash: '{HASH}', download: 1000, reply: early}}\n"
        config = parse(users.encode(), GatewayConfig)
        self.assertEqual(
            (config.users[0].name, config.users[0].download, config.users[0].reply), ("alice", 1000, "early")
        )
        self.assertNotIn("argon2id", repr(config))
        edge = parse(b"rules: ['reject example.net:*', 'accept *:25']\ncountry: de\n", EdgeConfig)
        self.assertEqual(edge.rules, (Rule.parse("reject example.net:*"), Rule.parse("accept *:25")))

    def test_what_cannot_be_used_is_refused_in_words(self) -> None:
        for text, words in (
            ("users:\n  - {name: alice, password-hash: secret}", "zerogo exits password"),
            ("users:\n  - {name: a-b, password-hash: x}", "hyphen"),
        ):
            self.assertIn(words, str(self.assertRaises(ConfigError, parse, text.encode(), GatewayConfig)))
        for text, words in (("rules: ['deny *:25']", "accept or reject"), ("country: Germany", "two small letters")):
            self.assertIn(words, str(self.assertRaises(ConfigError, parse, text.encode(), EdgeConfig)))
