"""Tests for zerogo.cli.hub and the options about paths."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from click.testing import CliRunner
from twisted.trial.unittest import SynchronousTestCase

from zerogo.agent.twistd import Options
from zerogo.cli import hub as module
from zerogo.cli.hub import hub
from zerogo.cli.routing_options import agent_arguments, join_words


class HubTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.asked: list[tuple[Mapping[str, Any], Mapping[str, str | None], str]] = []
        self.patch(module, "run_network", lambda given, routing, joining: self.asked.append((given, routing, joining)))

    def run_hub(self, *arguments: str) -> tuple[Mapping[str, Any], Mapping[str, str | None], str]:
        done = CliRunner().invoke(hub, list(arguments))
        self.assertEqual(done.exit_code, 0, done.output)
        return self.asked[-1]

    def test_without_options_the_agents_configuration_decides(self) -> None:
        given, routing, joining = self.run_hub("--port", "4000")
        self.assertEqual((given["port"], set(routing.values()), joining), (4000, {None}, ""))

    def test_hub_only_is_told_to_those_who_join(self) -> None:
        _, routing, joining = self.run_hub("--no-p2p", "--p2p-port", "4000")
        self.assertEqual((routing["--p2p"], routing["--p2p-port"]), ("false", "4000"))
        self.assertEqual(joining, " --no-p2p")

    def test_no_member_carries(self) -> None:
        _, routing, joining = self.run_hub("--p2p", "--no-mesh-routing", "--max-hops", "2")
        self.assertEqual((routing["--p2p"], routing["--mesh-routing"], routing["--max-hops"]), ("true", "false", "2"))
        self.assertEqual(joining, " --p2p --no-mesh-routing --max-hops 2")

    def test_the_agent_takes_these_options(self) -> None:
        given = {"p2p": False, "p2p_port": 4000, "mesh_routing": True, "max_hops": 2, "route_update": 60}
        options = Options()
        texts = [text for key, value in agent_arguments(given).items() for text in (key, str(value))]
        options.parseOptions(texts)
        routing = options.config.routing
        self.assertEqual((routing.p2p_enabled, routing.p2p_port, routing.enable_mesh_routing), (False, 4000, True))
        self.assertEqual((routing.max_hops, routing.route_update_interval), (2, 60))
        self.assertEqual(join_words(given), " --no-p2p --mesh-routing --max-hops 2 --route-update 60")
