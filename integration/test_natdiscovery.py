"""RFC 5780 held to coturn's turnutils_natdiscovery: the relay on four loopback addresses, as a NAT-less client sees it.

The client pads its requests, since the relay says no more than fits into what it was sent.
"""

from __future__ import annotations

import shutil
import socket
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.defer import inlineCallbacks
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import SkipTest, TestCase

from zerogo.config.relay import RelayConfig
from zerogo.ids import SocketAddress
from zerogo.relay.service import RelayService
from zerogo.secret import Secret

reactor: Any = installed
PROGRAM = "turnutils_natdiscovery"
HOSTS = ("127.0.0.1", "127.0.0.2")
CLIENT = "127.0.0.3"


def free_pair() -> int:
    """A port that is free at both hosts, and the next one too."""
    for _ in range(64):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((HOSTS[0], 0))
            port = int(probe.getsockname()[1])
        opened: list[socket.socket] = []
        try:
            for host in HOSTS:
                for each in (port, port + 1):
                    opened.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                    opened[-1].bind((host, each))
            return port
        except OSError:
            continue
        finally:
            for one in opened:
                one.close()
    raise SkipTest("no two ports that follow each other are free")


class NatDiscoveryTests(TestCase):
    timeout = 60

    def started(self, **settings: Any) -> int:
        if shutil.which(PROGRAM) is None:
            raise SkipTest(f"{PROGRAM} of coturn is not installed")
        port = free_pair()
        listen = tuple(SocketAddress(host, each) for host in HOSTS for each in (port, port + 1))
        service = RelayService(RelayConfig(listen=listen, **settings), reactor)
        service.privilegedStartService()
        service.startService()
        self.addCleanup(service.stopService)
        return port

    @inlineCallbacks
    def judge(self, port: int, *options: str) -> Any:
        arguments = [*options, "-P", "-L", CLIENT, "-p", str(port), HOSTS[0]]
        output, errors, code = yield getProcessOutputAndValue(PROGRAM, arguments)
        text = (output + errors).decode()
        self.assertEqual(code, 0, text)
        return text

    @inlineCallbacks
    def test_mapping_and_filtering_of_no_nat_are_found(self) -> Any:
        port = self.started()
        text = yield self.judge(port, "-m")
        self.assertIn("No NAT! (Endpoint Independent Mapping)", text)
        self.assertIn(f"Other addr: : {HOSTS[1]}:{port + 1}", text)
        text = yield self.judge(port, "-f")
        self.assertIn("NAT with Endpoint Independent Filtering!", text)
        self.assertIn(f"Response origin: : {HOSTS[1]}:{port + 1}", text)

    @inlineCallbacks
    def test_a_turn_relay_tells_the_same(self) -> Any:
        secret = Secret("7f3d0c9be1a24586a1b2c3d4e5f60718")
        port = self.started(auth_secret=secret, tcp_listen=(), public_ip=(HOSTS[0],), drain_seconds=0)
        text = yield self.judge(port, "-m")
        self.assertIn("No NAT! (Endpoint Independent Mapping)", text)
        text = yield self.judge(port, "-f")
        self.assertIn("NAT with Endpoint Independent Filtering!", text)
