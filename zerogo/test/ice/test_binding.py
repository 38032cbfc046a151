"""Checks and their answers."""

from __future__ import annotations

import random

from twisted.trial.unittest import SynchronousTestCase

from zerogo.ice.binding import (
    Check,
    addressed_ufrag,
    emit_answer,
    emit_check,
    emit_role_conflict,
    read_check,
)
from zerogo.ice.credentials import Credentials
from zerogo.ids import SocketAddress
from zerogo.stun.attributes import ErrorCode, Priority, UnknownAttribute, Username, XorMappedAddress
from zerogo.stun.integrity import Integrity
from zerogo.stun.message import Message, MessageClass, Method, check_integrity, emit, integrity_of, parse

A = Credentials.generate(random.Random(1).randbytes)
B = Credentials.generate(random.Random(2).randbytes)
SOURCE = SocketAddress("192.0.2.1", 5)
CHECK = Check(controlling=True, tie_breaker=7, priority=9, nominates=True)


class BindingTests(SynchronousTestCase):
    def test_check_is_read_by_the_one_it_is_for(self) -> None:
        for integrity in Integrity:
            for check in (CHECK, Check(controlling=False, tie_breaker=2**64 - 1, priority=1)):
                raw = emit_check(check, bytes(12), A, B, integrity)
                self.assertEqual(read_check(parse(raw), raw, B, A), check)
                self.assertIsNone(read_check(parse(raw), raw, A, B))
                self.assertEqual(addressed_ufrag(parse(raw)), B.ufrag)

    def test_check_under_another_password_is_none(self) -> None:
        raw = emit_check(CHECK, bytes(12), A, Credentials(B.ufrag, A.pwd), Integrity.SHA1)
        self.assertIsNone(read_check(parse(raw), raw, B, A))

    def test_check_without_priority_or_role_or_with_unknown_demands_is_none(self) -> None:
        name = Username(f"{B.ufrag}:{A.ufrag}")
        full = parse(emit_check(CHECK, bytes(12), A, B, Integrity.SHA1)).attributes
        for attributes in ((name,), (name, Priority(1)), (*full, UnknownAttribute(0x0077, b""))):
            raw = emit(Message(Method.BINDING, MessageClass.REQUEST, bytes(12), attributes), B.key)
            self.assertIsNone(read_check(parse(raw), raw, B, A))

    def test_only_requests_with_a_user_name_of_two_parts_are_addressed(self) -> None:
        for message_class, attributes in (
            (MessageClass.REQUEST, ()),
            (MessageClass.REQUEST, (Username("alone"),)),
            (MessageClass.INDICATION, (Username("a:b"),)),
        ):
            self.assertIsNone(addressed_ufrag(Message(Method.BINDING, message_class, bytes(12), attributes)))

    def test_answer_uses_the_integrity_of_its_request(self) -> None:
        for integrity in Integrity:
            request = parse(emit_check(CHECK, bytes(12), A, B, integrity))
            raw = emit_answer(request, SOURCE, B)
            self.assertEqual(parse(raw).get(XorMappedAddress), XorMappedAddress(SOURCE))
            self.assertIs(integrity_of(parse(raw)), integrity)
            self.assertTrue(check_integrity(raw, B.key))

    def test_answer_is_no_longer_than_its_request(self) -> None:
        raw = emit_check(Check(controlling=True, tie_breaker=1, priority=1), bytes(12), A, B, Integrity.SHA1)
        source = SocketAddress("2001:db8::1", 5)
        self.assertLessEqual(len(emit_answer(parse(raw), source, B)), len(raw))

    def test_role_conflict(self) -> None:
        request = parse(emit_check(CHECK, bytes(12), A, B, Integrity.SHA1))
        raw = emit_role_conflict(request, B)
        self.assertEqual(parse(raw).get(ErrorCode), ErrorCode(487, "Role Conflict"))
        self.assertTrue(check_integrity(raw, B.key))
