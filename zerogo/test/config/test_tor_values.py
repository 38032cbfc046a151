"""Where Tor's control port may be."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.config.controller import ControllerConfig
from zerogo.config.errors import ConfigError
from zerogo.config.load import parse


class ControlTests(SynchronousTestCase):
    def test_a_socket_or_a_port(self) -> None:
        for text in ("/run/tor/control", "127.0.0.1:9051", "localhost:9051"):
            self.assertEqual(parse(f"onion: {text}\n".encode(), ControllerConfig).onion, text)

    def test_anything_else_says_what_would_be_right(self) -> None:
        for text in ("yes", "run/tor/control", "[a, b]", "/" + "x" * 200):
            error = self.assertRaises(ConfigError, parse, f"onion: {text}\n".encode(), ControllerConfig)
            self.assertIn("/run/tor/control", str(error))
