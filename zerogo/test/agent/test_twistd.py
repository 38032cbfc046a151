"""Tests for zerogo.agent.twistd."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from twisted.internet.testing import MemoryReactorClock
from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from zerogo.agent.service import AgentService
from zerogo.agent.twistd import Options, makeService
from zerogo.net.clock import boot_seconds
from zerogo.net.proxy import Proxy
from zerogo.observe.service import LoggedService
from zerogo.test.agent.test_record import TOKEN

MODULES_OF_OTHER_ROLES = ("klein", "sqlalchemy", "alembic", "pyroute2", "autobahn", "rich", "click", "OpenSSL.SSL")


class OptionsTests(SynchronousTestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = Path(directory.name) / "agent.yaml"
        self.path.write_text("tap-device: zt7\nlog-level: warn\n")

    def parse(self, *arguments: str) -> Options:
        options = Options()
        options.parseOptions(["--config", str(self.path), *arguments])
        return options

    def test_the_command_line_wins_over_the_file(self) -> None:
        options = self.parse("--tap-device", "zt8", "--port", "0")
        self.assertEqual((options.config.tap_device, options.config.port), ("zt8", 0))
        self.assertEqual((options.config.log_level, options.token), ("warn", None))

    def test_the_proxy_is_that_of_the_configuration_or_of_the_environment(self) -> None:
        self.patch(os, "environ", {"https_proxy": "http://192.0.2.1:3128"})
        self.assertEqual(self.parse().proxy, Proxy("192.0.2.1", 3128))
        self.path.write_text("proxy: http://ann:wonder@192.0.2.2:8080\n")
        found = self.parse()
        self.assertEqual((found.proxy and found.proxy.host, "wonder" in repr(found.config)), ("192.0.2.2", False))
        self.path.write_text("proxy: ftp://192.0.2.2:8080\n")
        self.assertIn("http://HOST:PORT", str(self.assertRaises(UsageError, self.parse)))

    def test_the_token_is_read_at_once(self) -> None:
        self.assertEqual(self.parse("--token", TOKEN.format()).token, TOKEN)

    def test_a_wrong_token_or_key_is_one_sentence(self) -> None:
        for arguments in (
            ("--token", "zerogo://192.0.2.1:9394/half-of-it"),
            ("--port", "none"),
            ("--log-level", "loud"),
        ):
            error = self.assertRaises(UsageError, self.parse, *arguments)
            self.assertNotIn("\n", str(error))


class ServiceTests(SynchronousTestCase):
    def service(self, directory: str) -> LoggedService:
        options = Options()
        options.parseOptions(["--state-dir", directory])
        self.reactor = MemoryReactorClock()
        service = makeService(options, self.reactor)
        assert isinstance(service, LoggedService)
        return service

    def test_the_role_holds_one_agent_on_a_steady_clock(self) -> None:
        role = self.service("/nonexistent")
        self.assertIsInstance(next(iter(role)), AgentService)
        self.assertIs(self.reactor.seconds, boot_seconds)

    def test_what_keeps_it_from_starting_is_one_sentence(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            Path(directory).chmod(0o700)
            error = self.assertRaises(SystemExit, self.service(directory).privilegedStartService)
        self.assertEqual(str(error), "zerogo: this machine is in no network: join one with `zerogo join TOKEN`")


class MemoryTests(SynchronousTestCase):
    def test_an_agent_imports_nothing_of_other_roles_and_no_tls(self) -> None:
        script = (
            "import sys\n"
            "from zerogo.agent.twistd import Options, makeService\n"
            "options = Options(); options.parseOptions(['--state-dir', '/nonexistent'])\n"
            "makeService(options)\n"
            f"print([name for name in {MODULES_OF_OTHER_ROLES!r} if sys.modules.get(name)])\n"
        )
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        self.assertEqual(done.stdout.strip(), "[]")
