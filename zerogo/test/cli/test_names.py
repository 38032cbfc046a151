"""`zerogo names`, against a real controller."""

from __future__ import annotations

import json

from click.testing import CliRunner, Result
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from zerogo.cli.names import names
from zerogo.test.controller.test_service import ControllerCase


class NamesTests(ControllerCase):
    def called(self, *arguments: str) -> Deferred[Result]:
        return deferToThread(lambda: CliRunner().invoke(names, [*arguments, "--state-dir", str(self.state)]))

    async def test_names_are_set_listed_and_removed(self) -> None:
        self.assertIn("no name but those of the members", (await self.called()).output)
        made = await self.called("set", "printer", "192.168.7.5")
        self.assertEqual(made.output, "printer.home.zg is 192.168.7.5\n")
        self.assertIn("printer.home.zg", (await self.called()).output)
        self.assertEqual(json.loads((await self.called("--json")).output)["items"][0]["addresses"], ["192.168.7.5"])
        removed = await self.called("remove", "printer")
        self.assertIsNone(removed.exception)
        self.assertEqual(json.loads((await self.called("--json")).output)["items"], [])
