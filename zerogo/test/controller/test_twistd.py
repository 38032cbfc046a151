from pathlib import Path

from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from zerogo.controller.twistd import Options


class OptionsTests(SynchronousTestCase):
    def parse(self, *arguments: str) -> Options:
        options = Options()
        options.parseOptions(list(arguments))
        return options

    def test_the_file_and_options_over_it(self) -> None:
        path = Path(self.mktemp())
        path.write_text("listen: 127.0.0.1:1000\nlog_level: debug\n")
        config = self.parse("--config", str(path), "--listen", "127.0.0.1:2000", "--state-dir", "/tmp/x").config
        self.assertEqual((config.listen.port, config.log_level, config.state_dir), (2000, "debug", Path("/tmp/x")))

    def test_what_is_wrong_is_said_before_anything_starts(self) -> None:
        path = Path(self.mktemp())
        path.write_text("lissten: 127.0.0.1:1000\n")
        error = self.assertRaises(UsageError, self.parse, "--config", str(path))
        self.assertIn("lissten", str(error))
        self.assertRaises(UsageError, self.parse, "--listen", "nowhere")

    def test_keys_that_do_not_fit_together_are_named_with_their_file(self) -> None:
        path = Path(self.mktemp())
        path.write_text("oidc:\n  issuer: https://id.example.net\n")
        error = self.assertRaises(UsageError, self.parse, "--config", str(path))
        self.assertEqual(f"{path}: oidc needs client-id and dashboard beside issuer", str(error))
