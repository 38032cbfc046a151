"""The keys of the roles: the founding files, the defaults, what is refused."""

from __future__ import annotations

from pathlib import Path

import attrs
from twisted.trial.unittest import SynchronousTestCase

from zerogo.config.agent import AgentConfig, OffloadsConfig
from zerogo.config.controller import ControllerConfig
from zerogo.config.errors import ConfigError
from zerogo.config.load import parse
from zerogo.config.relay import RelayConfig
from zerogo.dataplane.interface import Offloads
from zerogo.ids import SocketAddress
from zerogo.secret import Secret

FOUNDING_AGENT = """\
# /etc/zerogo/agent.yaml
controller: https://controller.example.com
token: {token}
tap-device: zerogo0
log-level: info
"""
FOUNDING_CONTROLLER = """\
# configs/controller.yaml
listen: 0.0.0.0:9394
database: data/controller.db
jwt-secret: {secret}
log-level: info
"""
GOOD_SECRET = "8d1f6b0ac2e94735b0f1d2c3a4958677"


class FoundingFileTests(SynchronousTestCase):
    """The example files of the founding documents."""

    def test_agent_file_loads_as_it_stands(self) -> None:
        config = parse(FOUNDING_AGENT.format(token=GOOD_SECRET).encode(), AgentConfig)
        self.assertEqual(config.controller, "https://controller.example.com")
        self.assertEqual(config.token, Secret(GOOD_SECRET))
        self.assertEqual((config.tap_device, config.log_level), ("zerogo0", "info"))

    def test_controller_file_loads_as_it_stands_in_both_spellings(self) -> None:
        text = FOUNDING_CONTROLLER.format(secret=GOOD_SECRET)
        config = parse(text.encode(), ControllerConfig)
        self.assertEqual(config.listen, SocketAddress("0.0.0.0", 9394))
        self.assertEqual(config.database, Path("data/controller.db").absolute())
        self.assertEqual(config.jwt_secret, Secret(GOOD_SECRET))
        self.assertEqual(parse(text.replace("-", "_").encode(), ControllerConfig), config)

    def test_placeholders_of_the_examples_are_refused_by_name(self) -> None:
        error = self.assertRaises(
            ConfigError, parse, FOUNDING_AGENT.format(token="your-jwt-token").encode(), AgentConfig
        )
        self.assertEqual((error.line, error.key), (3, "token"))
        self.assertIn("zerogo invite", str(error))
        text = FOUNDING_CONTROLLER.format(secret="your-secret-key")
        error = self.assertRaises(ConfigError, parse, text.encode(), ControllerConfig)
        self.assertEqual((error.line, error.key), (4, "jwt-secret"))


class RoleTests(SynchronousTestCase):
    """Single keys."""

    def test_unencrypted_levels_are_refused_with_the_reason(self) -> None:
        for level in ("none", "low", "hmac-only"):
            error = self.assertRaises(ConfigError, parse, f"encryption-level: {level}".encode(), AgentConfig)
            self.assertIn("always encrypts", str(error))
        for level in ("medium", "high"):
            self.assertEqual(parse(f"encryption_level: {level}".encode(), AgentConfig).encryption_level, level)

    def test_secrets_do_not_show_in_the_repr(self) -> None:
        config = parse(FOUNDING_AGENT.format(token=GOOD_SECRET).encode(), AgentConfig)
        self.assertNotIn(GOOD_SECRET, repr(config))

    def test_offload_switches_are_those_of_the_data_plane(self) -> None:
        self.assertEqual(attrs.asdict(OffloadsConfig()), attrs.asdict(Offloads()))

    def test_relay_listens_on_both_families_unless_told(self) -> None:
        self.assertEqual({address.is_ipv6 for address in RelayConfig().listen}, {True, False})
        config = parse(b"listen: :3478", RelayConfig)
        self.assertEqual(config.listen, (SocketAddress("0.0.0.0", 3478),))
