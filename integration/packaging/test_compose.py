"""The compose file of etc/compose says what this release understands. That containers run is not tested here."""

from __future__ import annotations

from pathlib import Path

import yaml
from click import Context
from twisted.trial.unittest import SynchronousTestCase

from zerogo.cli.controller import controller
from zerogo.config.controller import ControllerConfig
from zerogo.config.load import load
from zerogo.secret import Secret

COMPOSE = Path(__file__).resolve().parents[2] / "etc" / "compose"


class ComposeTests(SynchronousTestCase):
    def test_both_controllers_are_alike_but_for_their_volume_and_port(self) -> None:
        services = yaml.safe_load((COMPOSE / "compose.yaml").read_text(encoding="utf-8"))["services"]
        first, second = services["first"], services["second"]
        self.assertEqual({key for key in first if first[key] != second[key]}, {"volumes", "ports"})
        self.assertEqual(services["database"]["environment"]["POSTGRES_USER"], "zerogo")

    def test_the_configuration_is_one_that_a_controller_takes(self) -> None:
        config = load(COMPOSE / "controller.yaml", ControllerConfig, environ={})
        assert isinstance(config.database, Secret)
        self.assertEqual(config.database.reveal(), "postgresql://zerogo@database/zerogo")
        self.assertEqual(len(config.public_addresses), 2)

    def test_the_commands_that_it_names_are_there(self) -> None:
        text = (COMPOSE / "compose.yaml").read_text(encoding="utf-8")
        for name in ("backup", "adopt"):
            self.assertIn(f"zerogo controller {name}", text)
            self.assertIsNotNone(controller.get_command(Context(controller), name))
