"""The command line of the relay."""

from __future__ import annotations

from pathlib import Path

from twisted.application.service import IServiceMaker
from twisted.internet.task import Clock
from twisted.plugin import getPlugins
from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from zerogo.ids import SocketAddress
from zerogo.net.datagram import open_udp_socket
from zerogo.relay.service import RelayService
from zerogo.relay.twistd import Options, makeService


class OptionsTests(SynchronousTestCase):
    def parsed(self, *arguments: str) -> Options:
        options = Options()
        options.parseOptions(list(arguments))
        return options

    def test_addresses_of_the_command_line(self) -> None:
        config = self.parsed("--listen", "127.0.0.1:5000,[::1]:5000", "--log-level", "debug").config
        self.assertEqual(config.listen, (SocketAddress("127.0.0.1", 5000), SocketAddress("::1", 5000)))
        self.assertEqual(config.log_level, "debug")

    def test_file_and_command_line_together(self) -> None:
        path = Path(self.mktemp())
        path.write_text("listen: 127.0.0.1:5000\nlog-level: warn\n", encoding="utf-8")
        config = self.parsed("--config", str(path), "--log-level", "error").config
        self.assertEqual((config.listen, config.log_level), ((SocketAddress("127.0.0.1", 5000),), "error"))

    def test_mistakes_are_usage_errors(self) -> None:
        path = Path(self.mktemp())
        path.write_text("lisen: 127.0.0.1:5000\n", encoding="utf-8")
        error = self.assertRaises(UsageError, self.parsed, "--config", str(path))
        self.assertIn("listen", str(error))
        self.assertRaises(UsageError, self.parsed, "--listen", "nowhere")

    def test_role_holds_the_relay(self) -> None:
        options = self.parsed("--listen", "127.0.0.1:0")
        role = makeService(options, Clock())
        self.assertEqual([type(each) for each in role], [RelayService])

    def test_what_keeps_it_from_starting_is_one_sentence(self) -> None:
        taken = open_udp_socket(SocketAddress("127.0.0.1", 0))
        self.addCleanup(taken.close)
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        role = makeService(self.parsed("--listen", address), Clock())
        ended = self.assertRaises(SystemExit, role.privilegedStartService)
        self.assertEqual(str(ended), f"zerogo: cannot listen on UDP {address}: Address already in use")

    def test_twistd_knows_the_role(self) -> None:
        makers = [each for each in getPlugins(IServiceMaker) if each.tapname == "zerogo-relay"]
        self.assertEqual([each.module for each in makers], ["zerogo.relay.twistd"])
        self.assertIs(makers[0].options, Options)
