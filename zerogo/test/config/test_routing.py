"""The keys of `routing:`: founding names, founding defaults, in YAML, in JSON and on the command line."""

from __future__ import annotations

from pathlib import Path

from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from zerogo.agent.twistd import Options
from zerogo.config.agent import AgentConfig
from zerogo.config.errors import ConfigError
from zerogo.config.load import parse
from zerogo.config.routing import RoutingConfig
from zerogo.routing.policy import Multipath, RoutingPolicy

YAML = b"""
routing:
  p2p_enabled: false
  max-hops: 2
  route_update_interval: 60
  max-latency: 80
  forwarding: no
  realtime: duplicate
  score-terms: [jitter, lan]
"""
JSON = b"""
{"routing": {"p2p_enabled": false, "max_hops": 2, "route_update_interval": 60, "max-latency": 80,
 "forwarding": "no", "realtime": "duplicate", "score_terms": ["jitter", "lan"]}}
"""


class RoutingConfigTests(SynchronousTestCase):
    """`RoutingConfig`."""

    def test_the_defaults_are_those_of_the_policy(self) -> None:
        self.assertEqual(RoutingConfig().policy(), RoutingPolicy())
        config = RoutingConfig()
        self.assertEqual(
            (config.p2p_enabled, config.p2p_port, config.enable_mesh_routing, config.max_hops), (True, 0, True, 3)
        )
        self.assertEqual((config.route_update_interval, config.p2p_timeout), (30, 5))

    def test_yaml_and_json_mean_the_same(self) -> None:
        policy = parse(YAML, AgentConfig).routing.policy()
        self.assertEqual(parse(JSON, AgentConfig).routing.policy(), policy)
        self.assertEqual((policy.p2p_enabled, policy.max_hops, policy.route_update_interval), (False, 2, 60.0))
        self.assertEqual((policy.max_latency, policy.forward_rate), (0.08, 0))
        self.assertEqual((policy.realtime, policy.score_terms), (Multipath.DUPLICATE, ("jitter", "lan")))

    def test_what_we_carry_is_told_in_bits(self) -> None:
        self.assertEqual(RoutingConfig(forward_limit=8).policy().forward_rate, 1_000_000)

    def test_a_wrong_value_is_one_sentence(self) -> None:
        for line, part in (
            ("max-hops: 4", "1 to 3"),
            ("realtime: balance", "failover or duplicate"),
            ("hops: 1", "max"),
        ):
            error = self.assertRaises(ConfigError, parse, f"routing:\n  {line}\n".encode(), AgentConfig)
            self.assertIn(part, str(error))


class FlagTests(SynchronousTestCase):
    """The flags of earlier configurations."""

    def parse(self, *arguments: str) -> RoutingConfig:
        options = Options()
        options.parseOptions(list(arguments))
        return options.config.routing

    def test_flags_mean_the_keys(self) -> None:
        found = self.parse(
            *("--p2p", "false", "--p2p-port", "9994", "--mesh-routing=no", "--max-hops=2", "--route-update=60")
        )
        wanted = RoutingConfig(
            p2p_enabled=False, p2p_port=9994, enable_mesh_routing=False, max_hops=2, route_update_interval=60
        )
        self.assertEqual(found, wanted)

    def test_flags_beat_the_file_key_by_key(self) -> None:
        path = Path(self.mktemp()).absolute()
        path.write_text("routing: {max-hops: 2, p2p-timeout: 9}\n")
        self.assertEqual(self.parse("--config", str(path), "--max-hops", "1"), RoutingConfig(max_hops=1, p2p_timeout=9))

    def test_a_wrong_flag_is_a_usage_error(self) -> None:
        error = self.assertRaises(UsageError, self.parse, "--max-hops", "many")
        self.assertIn("max-hops", str(error))
