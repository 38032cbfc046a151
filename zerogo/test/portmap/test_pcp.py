"""PCP, to the byte."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.errors import ParseError
from zerogo.ids import SocketAddress
from zerogo.portmap import pcp
from zerogo.portmap.lease import Transport

INNER = SocketAddress("192.168.7.2", 9993)
OUTER = SocketAddress("203.0.113.1", 40000)
MAPPED = "00000000000000000000ffff"
NONCE = bytes(range(12))


def response(*, opcode: int = 1, result: int = 0, protocol: int = 17) -> bytes:
    """A gateway's answer to MAP."""
    head = bytes((2, 0x80 | opcode, 0, result)) + (7200).to_bytes(4, "big") + (100).to_bytes(4, "big") + bytes(12)
    ports = bytes((protocol, 0, 0, 0)) + (9993).to_bytes(2, "big") + (40000).to_bytes(2, "big")
    return head + NONCE + ports + bytes.fromhex(MAPPED + "cb007101")


class PcpTests(SynchronousTestCase):
    """RFC 6887 sections 7, 11 and 14."""

    def test_requests_are_those_of_the_rfc(self) -> None:
        client = MAPPED + "c0a80702"
        self.assertEqual(pcp.emit_announce_request(INNER.host).hex(), "0200000000000000" + client)
        found = pcp.emit_map_request(INNER, SocketAddress("0.0.0.0", 9993), NONCE, 7200)
        self.assertEqual(
            found.hex(),
            "0201000000001c20" + client + NONCE.hex() + "11000000" + "27092709" + MAPPED + "00000000",
        )
        found = pcp.emit_map_request(INNER, SocketAddress("0.0.0.0", 9993), NONCE, 7200, Transport.TCP)
        self.assertEqual(found[36:40].hex(), "06000000")

    def test_ipv6_addresses_are_written_as_they_are(self) -> None:
        inner = SocketAddress("2001:db8::2", 9993)
        found = pcp.emit_map_request(inner, SocketAddress("::", 9993), NONCE, 0)
        self.assertEqual(found[8:24].hex(), "20010db8000000000000000000000002")
        self.assertEqual(found[4:8], bytes(4))

    def test_mapping_is_read_and_options_are_skipped(self) -> None:
        for data in (response(), response() + bytes.fromhex("03000004deadbeef")):
            found = pcp.parse_response(data)
            self.assertEqual(
                found,
                pcp.MapResponse(result=0, epoch=100, lifetime=7200, nonce=NONCE, inner_port=9993, outer=OUTER),
            )

    def test_mapping_of_tcp_is_told_from_one_of_udp(self) -> None:
        for protocol, transport in ((17, Transport.UDP), (6, Transport.TCP)):
            found = pcp.parse_response(response(protocol=protocol))
            assert isinstance(found, pcp.MapResponse)
            self.assertIs(found.transport, transport)

    def test_announcement_is_read_whatever_its_result(self) -> None:
        for result in (0, 1, 4):
            found = pcp.parse_response(response(opcode=0, result=result)[:24])
            self.assertEqual(found, pcp.AnnounceResponse(result=result, epoch=100))
            self.assertTrue(pcp.result_reason(result))

    def test_what_is_no_response_to_us_is_refused(self) -> None:
        for data in (response()[:-4], response()[:-1], response(opcode=2), response(protocol=132), bytes(60), b""):
            self.assertRaises(ParseError, pcp.parse_response, data)
        self.assertRaises(ParseError, pcp.parse_response, response() + bytes(pcp.DATAGRAM_LIMIT))

    @settings(deadline=None, max_examples=200)
    @given(st.binary(max_size=80) | st.binary(max_size=80).map(lambda rest: response()[:30] + rest))
    def test_garbage_raises_parse_errors_only(self, data: bytes) -> None:
        try:
            pcp.parse_response(data)
        except ParseError:
            return
