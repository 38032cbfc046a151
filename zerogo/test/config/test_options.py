"""The command line of a role."""

from __future__ import annotations

from pathlib import Path

from twisted.python.usage import Options as TwistedOptions
from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from zerogo.config.options import RoleOptions
from zerogo.config.relay import RelayConfig
from zerogo.ids import SocketAddress


class Options(RoleOptions[RelayConfig]):
    role = "no-such-role"
    config_class = RelayConfig
    optParameters = [["listen", None, None, "Where."]]  # noqa: RUF012


class RoleOptionsTests(SynchronousTestCase):
    """`RoleOptions`."""

    def parse(self, *arguments: str) -> RelayConfig:
        options = Options()
        options.parseOptions(list(arguments))
        return options.config

    def write(self, text: str) -> str:
        path = Path(self.mktemp()).absolute()
        path.write_text(text)
        return str(path)

    def test_without_arguments_the_defaults_hold(self) -> None:
        self.assertEqual(self.parse(), RelayConfig())

    def test_arguments_beat_the_file(self) -> None:
        path = self.write("listen: 192.0.2.1:1\nlog-level: warn\n")
        config = self.parse("--config", path, "--listen", "192.0.2.1:2")
        self.assertEqual(config.listen, (SocketAddress("192.0.2.1", 2),))
        self.assertEqual(config.log_level, "warn")

    def test_what_is_wrong_is_a_usage_error_with_its_place(self) -> None:
        path = self.write("lissten: x\n")
        error = self.assertRaises(UsageError, self.parse, "--config", path)
        self.assertEqual(str(error), f"{path}:1: lissten: there is no such key; did you mean 'listen'?")
        error = self.assertRaises(UsageError, self.parse, "--log-level", "loud")
        self.assertTrue(str(error).startswith("--log-level: 'loud'"), str(error))

    def test_below_twistd_what_is_wrong_is_the_sentence_alone(self) -> None:
        for arguments in (["--log-level", "loud"], ["--no-such-option"]):
            options = Options()
            options.parent = TwistedOptions()
            ended = self.assertRaises(SystemExit, options.parseOptions, arguments)
            self.assertRegex(str(ended.code), r"^zerogo: .*(loud|no-such-option).*$")
