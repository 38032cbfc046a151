"""Values of a relay's keys."""

from __future__ import annotations

import ipaddress

from twisted.trial.unittest import SynchronousTestCase

from zerogo.config.errors import ConfigError
from zerogo.config.load import parse
from zerogo.config.relay import RelayConfig
from zerogo.config.turn_values import Credential, PortRange
from zerogo.secret import Secret

PASSWORD = "correct-horse-battery"


class RelayValuesTests(SynchronousTestCase):
    def refusal(self, line: str) -> str:
        return str(self.assertRaises(ConfigError, parse, line.encode(), RelayConfig))

    def test_credentials(self) -> None:
        config = parse(f"credentials: [alice:{PASSWORD}, bob:another-{PASSWORD}]".encode(), RelayConfig)
        self.assertEqual(config.credentials[0], Credential("alice", Secret(PASSWORD)))
        self.assertEqual((len(config.credentials), config.is_turn), (2, True))
        self.assertNotIn(PASSWORD, repr(config))

    def test_credentials_that_can_be_guessed_are_refused_without_showing_them(self) -> None:
        for text in (
            "alice",
            "alice:",
            "alice:password",
            "alice:changeme",
            "alice:x7Kq2",
            ":longenough-1234",
            "17:" + PASSWORD,
        ):
            self.assertIn("credentials", self.refusal(f"credentials: ['{text}']"))
        self.assertNotIn("x7Kq2", self.refusal("credentials: ['alice:x7Kq2']"))

    def test_placeholder_of_the_secret_is_refused(self) -> None:
        for text in ("your-secret-key", "changeme", "a" * 40):
            self.assertIn("auth-secret", self.refusal(f"auth-secret: {text}"))
        config = parse(b"auth-secret: 7f3d0c9be1a24586a1b2c3d4e5f60718", RelayConfig)
        self.assertTrue(config.is_turn)

    def test_relay_without_users_only_tells_addresses(self) -> None:
        self.assertFalse(RelayConfig().is_turn)

    def test_addresses_and_ranges(self) -> None:
        text = b'public-ip: [203.0.113.7, "2001:db8::7"]\nallow-peers: [0.0.0.0/0, "fd00::/8"]\nport-range: 50000-50100'
        config = parse(text, RelayConfig)
        self.assertEqual(config.public_ip, ("203.0.113.7", "2001:db8::7"))
        self.assertEqual(config.allow_peers, (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("fd00::/8")))
        self.assertEqual(config.port_range, PortRange(50000, 50100))

    def test_what_is_no_address_range_or_ports(self) -> None:
        for line in (
            "public-ip: relay.example.net",
            "public-ip: 0.0.0.0",
            "public-ip: 224.0.0.1",
            "allow-peers: 10.0.0.1/8",
            "allow-peers: everywhere",
            "allow-peers: 224.0.0.0/4",
            "port-range: 1-65535",
            "port-range: 50100-50000",
            "port-range: 50000",
            "realm: a b",
        ):
            self.assertIn(line.partition(":")[0], self.refusal(line))

    def test_quota_is_a_section(self) -> None:
        config = parse(b"quota:\n  allocations: 2\n  kilobytes-per-second: 100", RelayConfig)
        self.assertEqual((config.quota.allocations, config.quota.kilobytes_per_second), (2, 100))
