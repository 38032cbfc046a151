"""Values of single attributes, to the byte."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.errors import ParseError
from zerogo.ids import SocketAddress
from zerogo.stun.attributes import (
    ChangeRequest,
    ErrorCode,
    MappedAddress,
    Nonce,
    Priority,
    Software,
    UnknownAttribute,
    UnknownAttributes,
    UseCandidate,
    Username,
    XorMappedAddress,
    parse_attribute,
)

TRANSACTION_ID = bytes(range(12))


class AttributeTests(SynchronousTestCase):
    def assert_refused(self, attribute_type: int, value: str) -> None:
        self.assertRaises(ParseError, parse_attribute, attribute_type, bytes.fromhex(value), TRANSACTION_ID)

    def test_mapped_address(self) -> None:
        value = bytes.fromhex("0001 1f90 c0000201")
        attribute = parse_attribute(0x0001, value, TRANSACTION_ID)
        self.assertEqual(attribute, MappedAddress(SocketAddress("192.0.2.1", 8080)))
        self.assertEqual(attribute.emit_value(TRANSACTION_ID), value)

    def test_xor_mapped_address_depends_on_the_transaction_for_ipv6_only(self) -> None:
        other = bytes(12)
        ipv4 = XorMappedAddress(SocketAddress("192.0.2.1", 8080))
        ipv6 = XorMappedAddress(SocketAddress("2001:db8::1", 8080))
        self.assertEqual(ipv4.emit_value(TRANSACTION_ID), ipv4.emit_value(other))
        self.assertNotEqual(ipv6.emit_value(TRANSACTION_ID), ipv6.emit_value(other))

    def test_mapped_ipv6_form_of_an_ipv4_address_becomes_ipv4(self) -> None:
        value = bytes.fromhex("0002 1f90") + bytes(10) + bytes.fromhex("ffff c0000201")
        self.assertEqual(
            parse_attribute(0x0001, value, TRANSACTION_ID), MappedAddress(SocketAddress("192.0.2.1", 8080))
        )

    def test_addresses_of_wrong_family_or_length_are_refused(self) -> None:
        for value in ("", "0001", "0001 1f90", "0001 1f90 c00002", "0002 1f90 c0000201", "0003 1f90 c0000201"):
            self.assert_refused(0x0001, value)
            self.assert_refused(0x0020, value)

    def test_numbers_of_wrong_length_are_refused(self) -> None:
        self.assertEqual(parse_attribute(0x0024, bytes.fromhex("00000005"), TRANSACTION_ID), Priority(5))
        for attribute_type in (0x0024, 0x8028, 0x8029, 0x802A, 0x0003, 0x0008, 0x001C):
            self.assert_refused(attribute_type, "000001")

    def test_flag_with_a_value_is_refused(self) -> None:
        self.assertEqual(parse_attribute(0x0025, b"", TRANSACTION_ID), UseCandidate())
        self.assert_refused(0x0025, "00")

    def test_error_code(self) -> None:
        value = bytes.fromhex("00000457") + b"Role Conflict"
        self.assertEqual(parse_attribute(0x0009, value, TRANSACTION_ID), ErrorCode(487, "Role Conflict"))
        for wrong in ("0000", "00000257", "00000757", "00000464"):
            self.assert_refused(0x0009, wrong)

    def test_unknown_attributes(self) -> None:
        value = bytes.fromhex("0077 0078")
        self.assertEqual(parse_attribute(0x000A, value, TRANSACTION_ID), UnknownAttributes((0x77, 0x78)))
        self.assert_refused(0x000A, "007700")

    def test_change_request_ignores_reserved_bits(self) -> None:
        value = bytes.fromhex("fffffff4")
        self.assertEqual(parse_attribute(0x0003, value, TRANSACTION_ID), ChangeRequest(True, False))

    def test_text_for_decisions_is_strict_and_for_people_lenient(self) -> None:
        self.assert_refused(0x0006, "ff")
        self.assert_refused(0x0006, "61" * 509)
        self.assertEqual(parse_attribute(0x0006, b"a" * 508, TRANSACTION_ID), Username("a" * 508))
        self.assertEqual(parse_attribute(0x8022, b"\xff", TRANSACTION_ID), Software("\N{REPLACEMENT CHARACTER}"))
        self.assertEqual(parse_attribute(0x8022, b"a" * 2000, TRANSACTION_ID), Software("a" * 763))

    def test_nonce_is_opaque_and_bounded(self) -> None:
        self.assertEqual(parse_attribute(0x0015, b"\xff\x00", TRANSACTION_ID), Nonce(b"\xff\x00"))
        self.assert_refused(0x0015, "61" * 764)

    def test_unknown_type_is_kept(self) -> None:
        self.assertEqual(parse_attribute(0x7777, b"abc", TRANSACTION_ID), UnknownAttribute(0x7777, b"abc"))
