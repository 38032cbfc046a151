"""Who a request is from."""

from __future__ import annotations

import random

from twisted.trial.unittest import SynchronousTestCase

from zerogo.ids import SocketAddress
from zerogo.secret import Secret
from zerogo.stun.attributes import Attribute, Nonce, Realm, Username
from zerogo.stun.integrity import Integrity, long_term_key
from zerogo.stun.message import Message, MessageClass, emit
from zerogo.turn.allocation import ClientAddress, ClientTransport
from zerogo.turn.credentials import StaticUsers
from zerogo.turn.door import Admitted, Challenge, Door
from zerogo.turn.errors import Code
from zerogo.turn.message import TurnMethod, parse

CLIENT = ClientAddress(0, ClientTransport.UDP, SocketAddress("192.0.2.1", 4000))
KEY = long_term_key("alice", "realm", "password")


class DoorTests(SynchronousTestCase):
    def setUp(self) -> None:
        users = StaticUsers({"alice": Secret("password")})
        self.door = Door("realm", users, random.Random(3).randbytes, lambda: 0.0)
        challenge = self.judge((), None)
        assert isinstance(challenge, Challenge)
        self.nonce = challenge.nonce

    def judge(
        self,
        attributes: tuple[Attribute, ...],
        key: bytes | None,
        now: float = 0.0,
        integrity: Integrity = Integrity.SHA1,
    ) -> Admitted | Challenge | None:
        message = Message(TurnMethod.ALLOCATE, MessageClass.REQUEST, bytes(12), attributes)
        raw = emit(message, key, integrity=integrity)
        return self.door.judge(parse(raw), raw, CLIENT, now)

    def credentials(self, name: str = "alice", realm: str = "realm") -> tuple[Attribute, ...]:
        return Username(name), Realm(realm), Nonce(self.nonce)

    def assertChallenged(self, judged: Admitted | Challenge | None, code: Code) -> None:
        assert isinstance(judged, Challenge)
        self.assertEqual((judged.code, judged.realm, len(judged.nonce)), (code, "realm", 16))

    def test_request_without_integrity_is_challenged(self) -> None:
        self.assertChallenged(self.judge(self.credentials(), None), Code.UNAUTHENTICATED)

    def test_right_credentials_are_admitted_with_the_kind_of_integrity_they_came_with(self) -> None:
        for sent, answered in (
            (Integrity.SHA1, Integrity.SHA1),
            (Integrity.SHA256, Integrity.SHA256),
            (Integrity.BOTH, Integrity.SHA256),
        ):
            judged = self.judge(self.credentials(), KEY, integrity=sent)
            assert isinstance(judged, Admitted)
            self.assertEqual((judged.account.user, judged.integrity), ("alice", answered))

    def test_wrong_key_user_and_realm_are_not_told_apart(self) -> None:
        for attributes, key in (
            (self.credentials(), b"wrong"),
            (self.credentials("bob"), KEY),
            (self.credentials(realm="other"), KEY),
        ):
            self.assertChallenged(self.judge(attributes, key), Code.UNAUTHENTICATED)

    def test_foreign_and_old_nonces_are_stale(self) -> None:
        foreign = (Username("alice"), Realm("realm"), Nonce(b"f//499k954d6OL34oL9FSTvy64sA"))
        self.assertChallenged(self.judge(foreign, KEY), Code.STALE_NONCE)
        self.assertChallenged(self.judge(self.credentials(), KEY, now=700.0), Code.STALE_NONCE)

    def test_integrity_without_name_realm_or_nonce_is_not_answered(self) -> None:
        for left_out in range(3):
            attributes = tuple(each for place, each in enumerate(self.credentials()) if place != left_out)
            self.assertIsNone(self.judge(attributes, KEY))
