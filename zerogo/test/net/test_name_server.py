"""The name server: its answers as another parser reads them, hostile queries, and its ports."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.error import CannotListenError
from twisted.names import dns
from twisted.trial.unittest import SynchronousTestCase

from zerogo.names.zone import Named, Zone, make_zone
from zerogo.net.name_server import NameServer, NamesRefused, answer

ZONE = make_zone("home", [Named("nas", ("10.1.0.2", "fd00::2")), Named("four", ("10.1.0.3",))])


def query(name: str, kind: int = dns.A, **flags: int) -> bytes:
    message = dns.Message(id=7, recDes=1, **flags)
    message.addQuery(name.encode(), kind)
    return message.toStr()


def asked(data: bytes, zone: Zone = ZONE) -> dns.Message:
    reply = answer(data, zone)
    assert reply is not None
    message = dns.Message()
    message.fromStr(reply)
    return message


class AnswerTests(SynchronousTestCase):
    def test_addresses_of_both_families(self) -> None:
        reply = asked(query("NAS.home.zg"))
        self.assertEqual((reply.id, reply.answer, reply.rCode, reply.auth), (7, 1, dns.OK, 1))
        self.assertEqual([each.payload.dottedQuad() for each in reply.answers], ["10.1.0.2"])
        self.assertEqual(reply.answers[0].name.name, b"NAS.home.zg")
        self.assertEqual(reply.answers[0].ttl, 20)
        self.assertEqual(len(asked(query("nas.home.zg", dns.AAAA)).answers), 1)
        self.assertEqual(len(asked(query("nas.home.zg", dns.ALL_RECORDS)).answers), 2)

    def test_an_address_leads_back(self) -> None:
        reply = asked(query("2.0.1.10.in-addr.arpa", dns.PTR))
        self.assertEqual([each.payload.name.name for each in reply.answers], [b"nas.home.zg"])

    def test_a_name_without_that_kind_exists_all_the_same(self) -> None:
        reply = asked(query("four.home.zg", dns.AAAA))
        self.assertEqual((reply.rCode, reply.answers), (dns.OK, []))
        self.assertEqual(reply.authority[0].type, dns.SOA)

    def test_a_name_that_is_not_there(self) -> None:
        self.assertEqual(asked(query("nobody.home.zg")).rCode, dns.ENAME)

    def test_others_names_are_refused(self) -> None:
        for name in ("example.com", "home.zg.example.com", "9.9.9.9.in-addr.arpa", ""):
            self.assertEqual(asked(query(name)).rCode, dns.EREFUSED)

    def test_what_is_no_question_is_not_answered(self) -> None:
        self.assertIsNone(answer(query("nas.home.zg", answer=1), ZONE))
        self.assertIsNone(answer(b"", ZONE))
        twice = dns.Message(id=1)
        twice.addQuery(b"nas.home.zg")
        twice.addQuery(b"four.home.zg")
        self.assertIsNone(answer(twice.toStr(), ZONE))
        self.assertEqual(asked(query("nas.home.zg", opCode=dns.OP_UPDATE)).rCode, dns.ENOTIMP)

    def test_the_longest_answer_fits(self) -> None:
        addresses = tuple(f"fd00:1:2:3:4:5:6:{n:x}" for n in range(16)) + tuple(f"10.0.0.{n}" for n in range(16))
        zone = make_zone("n" * 63, [Named("h" * 63, addresses)])
        name = f"{'h' * 63}.{'n' * 63}.zg"
        for kind in (dns.A, dns.AAAA, dns.ALL_RECORDS):
            reply = answer(query(name, kind), zone)
            assert reply is not None
            self.assertLessEqual(len(reply), 512)

    @settings(deadline=None, max_examples=200)
    @given(st.binary(max_size=80) | st.binary(max_size=40).map(lambda tail: query("nas.home.zg")[:20] + tail))
    def test_whatever_comes_in_nothing_breaks(self, data: bytes) -> None:
        answer(data, ZONE)


class Reactor:
    """Takes note of ports; that of one host is taken."""

    def __init__(self) -> None:
        self.open: dict[str, Any] = {}

    def listenUDP(self, port: int, protocol: Any, interface: str) -> Any:
        if interface == "10.1.0.9":
            raise CannotListenError(interface, port, OSError(98, "Address already in use"))
        reactor = self

        class Port:
            def stopListening(self) -> None:
                del reactor.open[interface]

        self.open[interface] = protocol
        return Port()


class ServerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = Reactor()
        self.server = NameServer(self.reactor, lambda: ZONE)

    def test_it_listens_where_it_is_told(self) -> None:
        self.server.listen(["10.1.0.1", "fd00::1"])
        self.server.listen(["10.1.0.1"])
        self.assertEqual((self.server.hosts, list(self.reactor.open)), (["10.1.0.1"], ["10.1.0.1"]))
        self.server.stop()
        self.assertEqual(self.reactor.open, {})

    def test_a_taken_port_is_said(self) -> None:
        fault = self.assertRaises(NamesRefused, self.server.listen, ["10.1.0.9"])
        self.assertIn("UDP port 53 of 10.1.0.9", str(fault))

    def test_only_this_machine_is_answered(self) -> None:
        self.server.listen(["10.1.0.1"])
        sent: list[Any] = []

        class Transport:
            def write(self, data: bytes, address: object) -> None:
                sent.append(address)

        protocol = self.reactor.open["10.1.0.1"]
        protocol.transport = Transport()
        for source in ("10.1.0.2", "10.1.0.1"):
            protocol.datagramReceived(query("nas.home.zg"), (source, 5000))
        protocol.datagramReceived(query("nas.home.zg") + bytes(600), ("10.1.0.1", 5000))
        self.assertEqual(sent, [("10.1.0.1", 5000)])
