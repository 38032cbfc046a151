"""The roles that twistd knows are those that there are."""

from __future__ import annotations

import importlib
from pathlib import Path

from twisted.application.service import IServiceMaker
from twisted.plugin import getPlugins
from twisted.python.usage import Options
from twisted.trial.unittest import SkipTest, SynchronousTestCase

import zerogo

PACKAGE = Path(zerogo.__file__).parent


class PluginTests(SynchronousTestCase):
    """twisted/plugins/zerogo_plugin.py."""

    def roles(self) -> dict[str, IServiceMaker]:
        """tapname -> maker, of ours."""
        return {maker.tapname: maker for maker in getPlugins(IServiceMaker) if maker.tapname.startswith("zerogo-")}

    def test_every_role_is_registered_and_nothing_else(self) -> None:
        there = {f"zerogo-{path.parent.name}" for path in PACKAGE.glob("*/twistd.py")}
        self.assertEqual(set(self.roles()), there)

    def test_every_role_has_options_and_a_service(self) -> None:
        for name, maker in self.roles().items():
            module = importlib.import_module(maker.module)
            self.assertTrue(issubclass(module.Options, Options), name)
            self.assertTrue(callable(module.makeService), name)

    def test_every_role_explains_its_options(self) -> None:
        for name, maker in self.roles().items():
            usage = importlib.import_module(maker.module).Options().getUsage(width=200)
            self.assertIn("--config", usage, name)

    def test_every_role_has_a_systemd_unit_that_starts_it(self) -> None:
        units = PACKAGE.parent / "etc" / "systemd"
        if not units.exists():
            raise SkipTest("not in the source tree")
        for name in self.roles():
            unit = (units / f"{name}.service").read_text()
            path = f"/etc/zerogo/{name.removeprefix('zerogo-')}.yaml"
            self.assertRegex(unit, rf"(?m)^ExecStart=\S+/twistd --nodaemon --pidfile= {name} --config {path}$")
