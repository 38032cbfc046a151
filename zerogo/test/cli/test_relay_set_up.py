import socket
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from zerogo.cli.relay_set_up import RelaySetUp, choose_port
from zerogo.config.controller import ControllerConfig
from zerogo.config.relay import RelayConfig
from zerogo.controller.twistd import Options as ControllerOptions
from zerogo.net.listening import server_context
from zerogo.net.self_signed import key_pin
from zerogo.relay.twistd import Options as RelayOptions


class RelaySetUpTests(SynchronousTestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.set_up = RelaySetUp(Path(directory.name) / "relay", 3478)

    def read(self) -> tuple[RelayConfig, ControllerConfig]:
        relay, controller = RelayOptions(), ControllerOptions()
        relay.parseOptions(self.set_up.relay_arguments())
        controller.parseOptions(self.set_up.controller_arguments())
        return relay.config, controller.config

    def set_port(self, text: str) -> None:
        (self.set_up.directory / "tls-port").write_text(text)

    def test_relay_and_controller_share_a_secret_and_the_key_is_pinned(self) -> None:
        self.set_up.prepare(is_running=False)
        self.set_port("5349\n")
        relay, controller = self.read()
        self.assertTrue(relay.is_turn)
        self.assertEqual(relay.auth_secret, controller.relay_secret)
        assert relay.tls_certificate is not None
        assert relay.tls_key is not None
        server_context(relay.tls_certificate, relay.tls_key, ())
        self.assertEqual(controller.relay_tls_pin, key_pin(relay.tls_certificate.read_bytes()))
        ports = [{each.port for each in one} for one in (relay.listen, relay.tcp_listen, relay.tls_listen)]
        self.assertEqual(ports, [{3478, 3479}, {3478}, {5349}])
        self.assertEqual((controller.relay_port, controller.relay_tls_port), (3478, 5349))

    def test_no_secret_is_on_the_command_line(self) -> None:
        self.set_up.prepare(is_running=False)
        secret = (self.set_up.directory / "auth-secret").read_text().strip()
        self.assertNotIn(secret, " ".join(self.set_up.relay_arguments() + self.set_up.controller_arguments()))

    def test_everything_is_private_and_stays_as_it_is(self) -> None:
        self.set_up.prepare(is_running=False)
        files = sorted(self.set_up.directory.iterdir())
        self.assertEqual({file.stat().st_mode & 0o777 for file in files}, {0o600})
        before = [file.read_bytes() for file in files]
        self.set_port("1234")
        self.set_up.prepare(is_running=True)
        self.assertEqual(self.set_up.tls_port, 1234)
        self.set_up.prepare(is_running=False)
        self.assertEqual([file.read_bytes() for file in files], before)

    def test_without_a_free_port_there_is_no_tls(self) -> None:
        self.set_up.prepare(is_running=False)
        self.set_port("0")
        relay, controller = self.read()
        self.assertEqual((relay.tls_listen, controller.relay_tls_port), ((), 0))

    def test_a_port_that_is_taken_is_passed_over(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen(1)
            port = taken.getsockname()[1]
            # Any of the free ones may be somebody else's a moment later.
            free = [self.free_port() for _ in range(20)]
            self.assertIn(choose_port((port, *free)), free)
            self.assertEqual(choose_port((port,)), 0)

    def free_port(self) -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])
