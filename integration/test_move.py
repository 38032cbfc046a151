"""A controller that outgrows its file: moved to a PostgreSQL server by the command, backed up there, and put back.

The controller and the commands are processes of their own, the server is started by the test.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from integration.control_agents import ControllerProcess
from integration.servers import postgresql, postgresql_binaries

COMMAND_SECONDS = 120


class MoveTests(TestCase):
    if postgresql_binaries() is None:
        skip = "needs PostgreSQL"
    timeout = 400

    async def setUp(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="zerogo-move-"))
        self.addCleanup(shutil.rmtree, self.directory)
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        self.server = stack.enter_context(postgresql())
        self.controller = ControllerProcess(self.directory)
        self.addCleanup(self.controller.kill)

    async def start(self) -> None:
        self.controller.start()
        await self.controller.wait_until_up()

    async def command(self, *arguments: str) -> str:
        """What `zerogo controller` says; it must succeed."""
        zerogo = str(Path(sys.executable).with_name("zerogo"))
        full = [zerogo, "controller", *arguments, "--config", str(self.controller.config)]
        done = await deferToThread(
            subprocess.run, full, capture_output=True, text=True, timeout=COMMAND_SECONDS, cwd=self.directory
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return str(done.stdout)

    async def names(self) -> list[str]:
        return sorted(one["name"] for one in (await self.controller.request("GET", "/networks"))["items"])

    async def make(self, name: str) -> None:
        await self.controller.request("POST", "/networks", {"name": name})

    async def test_to_a_server_a_backup_there_and_back_to_it(self) -> None:
        await self.start()
        await self.make("first")
        self.controller.kill()
        said = await self.command("move", self.server.url)
        self.assertIn("Both databases hold the same.", said)
        self.assertFalse((self.directory / "state" / "controller.db").exists())
        with self.controller.config.open("a") as config:
            config.write(f"database: {self.server.url}\n")
        await self.start()
        self.assertEqual(await self.names(), ["first", "home"])
        backup = str(self.directory / "backup")
        await self.command("backup", backup)
        await self.command("check", backup)
        await self.make("second")
        self.controller.kill()
        self.assertIn("Restored.", await self.command("restore", backup, "--yes"))
        await self.start()
        self.assertEqual(await self.names(), ["first", "home"])
        self.assertTrue((await self.controller.request("GET", "/audit/check"))["is_whole"])
