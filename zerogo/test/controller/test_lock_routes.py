"""Routes about network locks."""

from __future__ import annotations

import base64

from zerogo.control.lock import OwnerLock
from zerogo.control.token import JoinToken
from zerogo.noise.fingerprint import fingerprint
from zerogo.noise.identity import PublicIdentity
from zerogo.test.controller.stock import ApiCase

LOCK = OwnerLock(b"l" * 32)


def text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


class LockRouteTests(ApiCase):
    def setUp(self) -> None:
        super().setUp()
        self.path = f"/networks/{self.network}/lock"

    def test_a_network_is_locked_signed_for_and_unlocked(self) -> None:
        agent = self.agent(self.invite())
        self.register(agent)
        self.assertEqual(self.call("GET", self.path).json, {"key": None, "end": None, "is_locked": False})
        (member,) = self.call("GET", f"{self.path}/members").json["items"]
        self.assertFalse(member["is_signed"])
        self.assertEqual(member["fingerprint"], fingerprint(PublicIdentity(agent.static_public, agent.signing_public)))
        keys = (base64.b64decode(member[name]) for name in ("static_public", "signing_public"))
        body = {"key": text(LOCK.public), "signature": text(LOCK.sign_member(self.network, *keys))}
        self.assertEqual(self.call("PUT", f"{self.path}/members/{member['id']}", body).status, 204)
        locked = self.call("PUT", self.path, {"key": text(LOCK.public)})
        self.assertEqual(locked.json, {"key": text(LOCK.public), "end": None, "is_locked": True})
        self.assertTrue(self.call("GET", f"{self.path}/members").json["items"][0]["is_signed"])
        ended = self.call("PUT", self.path, {"end": text(LOCK.sign_end(self.network))})
        self.assertFalse(ended.json["is_locked"])

    def test_an_invite_names_the_lock_while_it_is_in_force(self) -> None:
        def named() -> bytes | None:
            made = self.call("POST", f"/networks/{self.network}/invites", {})
            return JoinToken.parse(made.json["join_url"]).lock

        self.assertIsNone(named())
        self.call("PUT", self.path, {"key": text(LOCK.public)})
        self.assertEqual(named(), LOCK.public)
        self.call("PUT", self.path, {"end": text(LOCK.sign_end(self.network))})
        self.assertIsNone(named())

    def test_what_is_no_key_or_no_signature_is_refused(self) -> None:
        for body in ({"key": "AAAA"}, {"key": 7}, {"end": text(bytes(63))}, {"seed": text(bytes(32))}):
            self.assertEqual(self.call("PUT", self.path, body).status, 422, body)
        answer = self.call("PUT", self.path, {"end": text(bytes(64))})
        self.assertEqual((answer.status, answer.json["code"]), (409, "conflict"))
