"""NAT-PMP, to the byte."""

from __future__ import annotations

import contextlib
import struct

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.errors import ParseError
from zerogo.portmap import natpmp
from zerogo.portmap.lease import Transport
from zerogo.test.spoiled import spoiled

RESPONSES = tuple(
    bytes.fromhex(text)
    for text in (
        "0080000000000064cb007101",
        "008100000000006427099c4000001c20",
        "008200000000006427099c4000001c20",
    )
)


class NatPmpTests(SynchronousTestCase):
    """RFC 6886 section 3."""

    def test_requests_are_those_of_the_rfc(self) -> None:
        self.assertEqual(natpmp.emit_outer_address_request(), bytes.fromhex("0000"))
        self.assertEqual(natpmp.emit_map_request(9993, 40000, 7200), bytes.fromhex("0001000027099c4000001c20"))
        found = natpmp.emit_map_request(9993, 40000, 7200, Transport.TCP)
        self.assertEqual(found, bytes.fromhex("0002000027099c4000001c20"))

    def test_outer_address_is_read(self) -> None:
        found = natpmp.parse_response(bytes.fromhex("0080000000000064cb007101"))
        self.assertEqual(found, natpmp.OuterAddressResponse(result=0, epoch=100, host="203.0.113.1"))

    def test_mapping_is_read(self) -> None:
        for opcode, transport in (("81", Transport.UDP), ("82", Transport.TCP)):
            found = natpmp.parse_response(bytes.fromhex(f"00{opcode}00000000006427099c4000001c20"))
            wanted = natpmp.MapResponse(
                result=0, epoch=100, inner_port=9993, outer_port=40000, lifetime=7200, transport=transport
            )
            self.assertEqual(found, wanted)

    def test_errors_may_be_short(self) -> None:
        for text in ("00800001", "0081000200000064", "0080000300000064"):
            found = natpmp.parse_response(bytes.fromhex(text))
            self.assertNotEqual(found.result, 0)
            self.assertTrue(natpmp.result_reason(found.result))

    def test_successes_may_not(self) -> None:
        for text in ("0080000000000064", "0081000000000064270912", "00830000000000640000", "0082000000000064270912"):
            self.assertRaises(ParseError, natpmp.parse_response, bytes.fromhex(text))

    @settings(deadline=None, max_examples=200)
    @given(st.binary(max_size=24) | spoiled(*RESPONSES))
    def test_garbage_is_a_response_of_its_kind_or_a_parse_error(self, data: bytes) -> None:
        with contextlib.suppress(ParseError):
            found = natpmp.parse_response(data)
            self.assertEqual(found.result, int.from_bytes(data[2:4], "big"))
            if isinstance(found, natpmp.MapResponse):
                self.assertEqual(data[:2], b"\0\x81" if found.transport is Transport.UDP else b"\0\x82")
                told = struct.pack("!HHL", found.inner_port, found.outer_port, found.lifetime)
                self.assertEqual(told[: len(data[8:16])], data[8:16])
            else:
                self.assertEqual(data[:2], b"\0\x80")
                self.assertEqual(found.host is None, found.result != 0)
