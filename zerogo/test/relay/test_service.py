"""The relay on real loopback sockets; every wait ends by an answer or by the deadline of the test."""

from __future__ import annotations

import os
import shutil

from twisted.internet import reactor
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import SkipTest, TestCase

from zerogo.config.relay import RelayConfig
from zerogo.ids import SocketAddress
from zerogo.net.datagram import AddressRefused, open_udp_socket
from zerogo.relay.service import RelayService
from zerogo.stun.attributes import XorMappedAddress
from zerogo.stun.message import parse
from zerogo.stun.server import binding_request

STUNCLIENT = "turnutils_stunclient"


class OneAnswer(DatagramProtocol):
    """Sends one datagram and waits for one."""

    def __init__(self, payload: bytes, destination: tuple[str, int]) -> None:
        self.answer: Deferred[bytes] = Deferred()
        self._payload = payload
        self._destination = destination

    def startProtocol(self) -> None:
        self.transport.write(self._payload, self._destination)

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        self.answer.callback(datagram)


class RelayServiceTests(TestCase):
    timeout = 20

    def started(self, host: str) -> tuple[RelayService, int]:
        probe = open_udp_socket(SocketAddress(host, 0))
        port = probe.getsockname()[1]
        probe.close()
        service = RelayService(RelayConfig(listen=(SocketAddress(host, port),)), reactor)
        service.privilegedStartService()
        service.startService()
        self.addCleanup(service.stopService)
        return service, port

    @inlineCallbacks
    def test_it_tells_the_source_address_over_both_families(self):
        for host in ("127.0.0.1", "::1"):
            service, port = self.started(host)
            asker = OneAnswer(binding_request(os.urandom), (host, port))
            listening = reactor.listenUDP(0, asker, host)
            answer = yield asker.answer
            expected = SocketAddress(host, listening.getHost().port)
            yield listening.stopListening()
            self.assertEqual(parse(answer).get(XorMappedAddress), XorMappedAddress(expected))
            self.assertEqual(service.counters.answered, 1)

    @inlineCallbacks
    def test_coturns_client_takes_its_answer(self):
        program = shutil.which(STUNCLIENT)
        if program is None:
            raise SkipTest(f"{STUNCLIENT} of coturn is not installed")
        for host in ("127.0.0.1", "::1"):
            service, port = self.started(host)
            output, errors, code = yield getProcessOutputAndValue(program, ["-p", str(port), host])
            text = (output + errors).decode()
            self.assertEqual(code, 0, text)
            self.assertIn(f"UDP reflexive addr: {host}:", text)
            self.assertEqual(service.counters.answered, 1)

    def test_taken_address_keeps_it_from_starting(self):
        _, port = self.started("127.0.0.1")
        other = RelayService(RelayConfig(listen=(SocketAddress("127.0.0.1", port),)), reactor)
        self.assertRaises(AddressRefused, other.privilegedStartService)

    def test_address_that_this_machine_has_not_is_left_out_unless_it_is_the_only_one(self):
        foreign = SocketAddress("192.0.2.1", 0)
        alone = RelayService(RelayConfig(listen=(foreign,)), reactor)
        self.assertRaises(AddressRefused, alone.privilegedStartService)
        both = RelayService(RelayConfig(listen=(foreign, SocketAddress("127.0.0.1", 0))), reactor)
        both.privilegedStartService()
        both.startService()
        return both.stopService()
