"""Levels per subsystem."""

from __future__ import annotations

from twisted.logger import LogLevel, PredicateResult
from twisted.trial.unittest import SynchronousTestCase

from zerogo.errors import LocalError
from zerogo.observe.levels import Levels, subsystem_of


def passes(levels: Levels, namespace: str, level: str) -> bool:
    """Whether an event is logged."""
    event = {"log_namespace": namespace, "log_level": LogLevel.levelWithName(level)}
    return levels(event) is not PredicateResult.no


class LevelsTests(SynchronousTestCase):
    """`Levels`."""

    def test_default_level_holds_for_all(self) -> None:
        levels = Levels("warn")
        self.assertTrue(passes(levels, "zerogo.ice.agent", "warn"))
        self.assertFalse(passes(levels, "zerogo.ice.agent", "info"))

    def test_room_has_its_own_level(self) -> None:
        levels = Levels("info,ice=debug,twisted=error")
        self.assertTrue(passes(levels, "zerogo.ice.agent", "debug"))
        self.assertFalse(passes(levels, "zerogo.mesh.node", "debug"))
        self.assertFalse(passes(levels, "twisted.web.http", "warn"))

    def test_longest_name_decides(self) -> None:
        levels = Levels("info,ice=error,ice.agent=debug")
        self.assertTrue(passes(levels, "zerogo.ice.agent", "debug"))
        self.assertFalse(passes(levels, "zerogo.ice.gather", "warn"))
        self.assertTrue(passes(levels, "zerogo.iceberg", "info"))

    def test_levels_change_while_running(self) -> None:
        levels = Levels("info")
        levels.set("info,mesh=debug")
        self.assertTrue(passes(levels, "zerogo.mesh.node", "debug"))
        levels.set("error")
        self.assertFalse(passes(levels, "zerogo.mesh.node", "warn"))

    def test_wrong_text_changes_nothing(self) -> None:
        levels = Levels("debug")
        for wrong in ("loud", "info,ice", "info,=debug", "info,ice=loud", ""):
            self.assertRaises(LocalError, levels.set, wrong)
        self.assertTrue(passes(levels, "zerogo.mesh.node", "debug"))

    def test_event_without_level_or_name_is_an_info(self) -> None:
        self.assertIsNot(Levels("info")({}), PredicateResult.no)
        self.assertIs(Levels("warn")({}), PredicateResult.no)

    def test_subsystem_is_the_first_word(self) -> None:
        self.assertEqual(subsystem_of("zerogo.ice.agent"), "ice")
        self.assertEqual(subsystem_of("twisted.web"), "twisted")
        self.assertEqual(subsystem_of("log_legacy"), "twisted")
        self.assertEqual(subsystem_of(""), "-")
