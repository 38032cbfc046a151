"""STUN messages: RFC 5769's vectors, round trips, and what garbage does."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

import zerogo.test
from zerogo.errors import LocalError, ParseError
from zerogo.ids import SocketAddress
from zerogo.stun.attributes import (
    Attribute,
    ChangeRequest,
    ErrorCode,
    Fingerprint,
    IceControlled,
    IceControlling,
    MappedAddress,
    MessageIntegrity,
    MessageIntegritySha256,
    Nonce,
    OtherAddress,
    Priority,
    Realm,
    ResponseOrigin,
    Software,
    UnknownAttribute,
    UnknownAttributes,
    UseCandidate,
    Username,
    XorMappedAddress,
)
from zerogo.stun.integrity import Integrity, long_term_key, short_term_key
from zerogo.stun.message import (
    ATTRIBUTES_LIMIT,
    Message,
    MessageClass,
    Method,
    check_integrity,
    emit,
    integrity_of,
    is_stun,
    parse,
)

VECTORS = json.loads((Path(zerogo.test.__file__).parent / "vectors" / "rfc5769.json").read_text("utf-8"))
KEY = short_term_key(VECTORS["short_term_password"])
TRANSACTION_ID = bytes(range(12))

addresses = st.builds(
    lambda ip, port: SocketAddress.of(str(ip), port),
    st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)),
    st.integers(0, 65535),
)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
attributes: st.SearchStrategy[Attribute] = st.one_of(
    *(st.builds(each, addresses) for each in (MappedAddress, XorMappedAddress, ResponseOrigin, OtherAddress)),
    *(st.builds(each, texts) for each in (Username, Realm, Software)),
    st.builds(Nonce, st.binary(max_size=60)),
    st.builds(Priority, st.integers(0, 2**32 - 1)),
    *(st.builds(each, st.integers(0, 2**64 - 1)) for each in (IceControlled, IceControlling)),
    st.builds(UseCandidate),
    st.builds(ChangeRequest, st.booleans(), st.booleans()),
    st.builds(ErrorCode, st.integers(300, 699), texts),
    st.builds(lambda types: UnknownAttributes(tuple(types)), st.lists(st.integers(0, 65535), max_size=5)),
    st.builds(UnknownAttribute, st.sampled_from((0x0077, 0x8077, 0xC057)), st.binary(max_size=60)),
)
messages = st.builds(
    Message,
    st.integers(0, 0xFFF),
    st.sampled_from(MessageClass),
    st.binary(min_size=12, max_size=12),
    st.lists(attributes, max_size=8).map(tuple),
)


def without_computed(message: Message) -> tuple[Attribute, ...]:
    computed = (MessageIntegrity, MessageIntegritySha256, Fingerprint)
    return tuple(each for each in message.attributes if not isinstance(each, computed))


class Rfc5769Tests(SynchronousTestCase):
    def test_request(self) -> None:
        data = bytes.fromhex(VECTORS["request"])
        message = parse(data)
        self.assertEqual((message.method, message.message_class), (Method.BINDING, MessageClass.REQUEST))
        self.assertEqual(message.transaction_id.hex(), "b7e7a701bc34d686fa87dfae")
        self.assertEqual(message.get(Software), Software("STUN test client"))
        self.assertEqual(message.get(Username), Username("evtj:h6vY"))
        self.assertEqual(message.get(Priority), Priority(0x6E0001FF))
        self.assertEqual(message.get(IceControlled), IceControlled(0x932FF9B151263B36))
        self.assertTrue(check_integrity(data, KEY))
        self.assertFalse(check_integrity(data, KEY + b"x"))

    def test_response_ipv4(self) -> None:
        data = bytes.fromhex(VECTORS["response_ipv4"])
        message = parse(data)
        self.assertIs(message.message_class, MessageClass.SUCCESS)
        self.assertEqual(message.get(Software), Software("test vector"))
        self.assertEqual(message.get(XorMappedAddress), XorMappedAddress(SocketAddress("192.0.2.1", 32853)))
        self.assertTrue(check_integrity(data, KEY))

    def test_response_ipv6(self) -> None:
        data = bytes.fromhex(VECTORS["response_ipv6"])
        expected = SocketAddress("2001:db8:1234:5678:11:2233:4455:6677", 32853)
        self.assertEqual(parse(data).get(XorMappedAddress), XorMappedAddress(expected))
        self.assertTrue(check_integrity(data, KEY))

    def test_request_with_long_term_credentials(self) -> None:
        data = bytes.fromhex(VECTORS["request_long_term"])
        names = VECTORS["long_term"]
        message = parse(data)
        self.assertEqual(message.get(Username), Username(names["username"]))
        self.assertEqual(message.get(Nonce), Nonce(b"f//499k954d6OL34oL9FSTvy64sA"))
        self.assertEqual(message.get(Realm), Realm(names["realm"]))
        self.assertIsNone(message.get(Fingerprint))
        self.assertTrue(check_integrity(data, long_term_key(names["username"], names["realm"], names["password"])))

    def test_request_is_emitted_as_it_stands_but_for_the_padding(self) -> None:
        """The RFC pads with spaces, which its integrity covers; so only what comes before the padding is compared."""
        data = bytes.fromhex(VECTORS["request"])
        emitted = emit(parse(data), KEY)
        self.assertEqual(emitted[:73], data[:73])
        self.assertEqual(len(emitted), len(data))

    def test_request_with_long_term_credentials_is_emitted_to_the_byte(self) -> None:
        names = VECTORS["long_term"]
        data = bytes.fromhex(VECTORS["request_long_term"])
        key = long_term_key(names["username"], names["realm"], names["password"])
        self.assertEqual(emit(parse(data), key, fingerprint=False), data)


class RoundTripTests(SynchronousTestCase):
    @settings(deadline=None, max_examples=150)
    @given(messages, st.sampled_from([None, *Integrity]), st.booleans())
    def test_parse_gives_back_what_was_emitted(
        self, message: Message, integrity: Integrity | None, has_fingerprint: bool
    ) -> None:
        data = emit(message, KEY if integrity else None, has_fingerprint, integrity or Integrity.SHA1)
        parsed = parse(data)
        self.assertEqual(without_computed(parsed), message.attributes)
        self.assertEqual(
            (parsed.method, parsed.message_class, parsed.transaction_id),
            (message.method, message.message_class, message.transaction_id),
        )
        self.assertEqual(integrity_of(parsed), integrity)
        self.assertEqual(check_integrity(data, KEY), integrity is not None)
        self.assertEqual(parsed.get(Fingerprint) is not None, has_fingerprint)
        self.assertEqual(emit(parsed, KEY if integrity else None, has_fingerprint, integrity or Integrity.SHA1), data)

    @settings(deadline=None, max_examples=150)
    @given(messages, st.sampled_from(Integrity), st.data())
    def test_flipped_bit_changes_nothing_that_the_integrity_covers(
        self, message: Message, integrity: Integrity, data: st.DataObject
    ) -> None:
        """Of two integrities the second may be broken off; what the first one covers is then what was sent."""
        emitted = bytearray(emit(message, KEY, fingerprint=False, integrity=integrity))
        bit = data.draw(st.integers(0, len(emitted) * 8 - 1))
        emitted[bit // 8] ^= 1 << bit % 8
        try:
            parsed = parse(bytes(emitted))
        except ParseError:
            return
        if check_integrity(bytes(emitted), KEY):
            self.assertIs(integrity, Integrity.BOTH)
            self.assertEqual(without_computed(parsed), message.attributes)
            self.assertEqual(parsed.transaction_id, message.transaction_id)


class GarbageTests(SynchronousTestCase):
    @settings(deadline=None, max_examples=200)
    @given(st.binary(max_size=200))
    def test_garbage_raises_nothing_but_parse_error(self, data: bytes) -> None:
        header = bytes.fromhex("0001") + len(data).to_bytes(2, "big") + bytes.fromhex("2112a442") + TRANSACTION_ID
        for candidate in (data, header + data):
            try:
                parse(candidate)
            except ParseError:
                continue
            check_integrity(candidate, KEY)

    @settings(deadline=None, max_examples=100)
    @given(messages, st.data())
    def test_cut_and_flipped_messages_raise_nothing_but_parse_error(
        self, message: Message, data: st.DataObject
    ) -> None:
        emitted = bytearray(emit(message, KEY))
        for _ in range(data.draw(st.integers(0, 4))):
            emitted[data.draw(st.integers(0, len(emitted) - 1))] ^= data.draw(st.integers(1, 255))
        cut = bytes(emitted[: data.draw(st.integers(0, len(emitted)))])
        try:
            parse(cut)
        except ParseError:
            return
        check_integrity(cut, KEY)


class RulesTests(SynchronousTestCase):
    def message(self, *items: Attribute) -> Message:
        return Message(Method.BINDING, MessageClass.REQUEST, TRANSACTION_ID, items)

    def test_bare_request_is_twenty_bytes(self) -> None:
        self.assertEqual(emit(self.message(), fingerprint=False).hex(), "000100002112a442" + TRANSACTION_ID.hex())

    def test_wrong_fingerprint_is_refused(self) -> None:
        data = bytearray(emit(self.message(Priority(1))))
        data[-1] ^= 1
        self.assertRaises(ParseError, parse, bytes(data))

    def test_attribute_after_the_fingerprint_is_refused(self) -> None:
        data = emit(self.message()) + bytes.fromhex("80220000")
        data = data[:2] + (len(data) - 20).to_bytes(2, "big") + data[4:]
        self.assertRaises(ParseError, parse, data)

    def test_attribute_that_the_integrity_does_not_cover_is_dropped(self) -> None:
        """RFC 8489 section 14.5: with the exception of the other integrity and the fingerprint."""
        data = emit(self.message(), KEY, fingerprint=False)
        appended = data + bytes.fromhex("00250000")
        appended = appended[:2] + (len(appended) - 20).to_bytes(2, "big") + appended[4:]
        self.assertIsNone(parse(appended).get(UseCandidate))
        self.assertTrue(check_integrity(appended, KEY))

    def test_second_integrity_of_a_kind_is_not_looked_at(self) -> None:
        data = emit(self.message(), KEY, fingerprint=False)
        appended = data + bytes.fromhex("00080014") + bytes(20)
        appended = appended[:2] + (len(appended) - 20).to_bytes(2, "big") + appended[4:]
        self.assertTrue(check_integrity(appended, KEY))
        self.assertEqual(len(parse(appended).attributes), 1)

    def test_of_both_integrities_both_must_hold(self) -> None:
        data = bytearray(emit(self.message(), KEY, fingerprint=False, integrity=Integrity.BOTH))
        self.assertTrue(check_integrity(bytes(data), KEY))
        data[-1] ^= 1
        self.assertFalse(check_integrity(bytes(data), KEY))

    def test_truncated_sha256_is_refused(self) -> None:
        data = emit(self.message(), fingerprint=False) + bytes.fromhex("001c0010") + bytes(16)
        data = data[:2] + (len(data) - 20).to_bytes(2, "big") + data[4:]
        self.assertRaises(ParseError, parse, data)

    def test_only_the_first_of_equal_attributes_counts(self) -> None:
        parsed = parse(emit(self.message(Priority(1), Priority(2))))
        self.assertEqual(parsed.get(Priority), Priority(1))

    def test_unknown_required_attributes_are_told(self) -> None:
        parsed = parse(emit(self.message(UnknownAttribute(0x0077, b"x"), UnknownAttribute(0x8077, b"y"))))
        self.assertEqual(parsed.unknown_required, (0x0077,))

    def test_too_many_attributes_are_refused(self) -> None:
        self.assertRaises(ParseError, parse, emit(self.message(*[UseCandidate()] * ATTRIBUTES_LIMIT)))
        parse(emit(self.message(*[UseCandidate()] * (ATTRIBUTES_LIMIT - 1))))

    def test_classic_stun_is_not_stun(self) -> None:
        """RFC 3489 had no magic cookie."""
        self.assertFalse(is_stun(bytes.fromhex("00010000") + bytes(16)))

    def test_method_and_class_are_interleaved(self) -> None:
        message = Message(0xFFF, MessageClass.SUCCESS, TRANSACTION_ID)
        self.assertEqual(emit(message, fingerprint=False)[:2].hex(), "3fef")
        message = Message(0, MessageClass.ERROR, TRANSACTION_ID)
        self.assertEqual(emit(message, fingerprint=False)[:2].hex(), "0110")

    def test_wrong_transaction_id_is_the_callers_fault(self) -> None:
        self.assertRaises(LocalError, emit, Message(1, MessageClass.REQUEST, b"short"))
