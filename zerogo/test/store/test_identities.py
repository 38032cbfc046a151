"""Accounts at a provider, and who they are here."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from zerogo.errors import ParseError
from zerogo.store import identities, users
from zerogo.store.errors import Conflict, Forbidden, NotFound
from zerogo.store.identities import AlreadyUsed, Arrival, Stranger
from zerogo.store.users import Actor
from zerogo.store.values import Role, StoredUser
from zerogo.test.store.stock import NOW, StoreCase

OWNER = Actor("", "owner")
ISSUER = "https://id.example.net"
ARRIVAL = Arrival(issuer=ISSUER, subject="s", state_hash=b"1", state_expires_at=NOW + 600, source="192.0.2.1")


class IdentityTests(StoreCase):
    def make(self, name: str, role: Role = Role.USER) -> StoredUser:
        return self.database.write(users.create_user, name, "hash", role, OWNER, self.rng, NOW)

    def link(self, user: StoredUser, subject: str = "s", actor: Actor = OWNER) -> Any:
        return self.database.write(identities.link, user.user_id, ISSUER, subject, actor, NOW)

    def come(self, now: float = NOW, **changes: object) -> StoredUser:
        changes.setdefault("state_hash", self.rng(8))
        return self.database.write(identities.come_in, evolve(ARRIVAL, **changes), self.rng, now)[0]

    def test_a_link_is_replaced_and_removed(self) -> None:
        bob = self.make("bob")
        self.link(bob, "old")
        self.link(bob, "s")
        self.assertEqual(self.database.read(identities.find_identity, bob.user_id, ISSUER).subject, "s")
        self.assertRaises(Stranger, self.come, subject="old")
        self.database.write(identities.unlink, bob.user_id, ISSUER, OWNER, NOW)
        self.assertRaises(NotFound, self.database.write, identities.unlink, bob.user_id, ISSUER, OWNER, NOW)
        self.assertRaises(Stranger, self.come)

    def test_an_account_is_one_users(self) -> None:
        self.link(self.make("bob"))
        self.assertRaises(Conflict, self.link, self.make("eve"))

    def test_who_is_gone_has_no_account(self) -> None:
        bob = self.make("bob")
        self.make("ann", Role.OWNER)
        self.link(bob)
        self.database.write(users.delete_user, bob.user_id, OWNER, NOW)
        self.assertRaises(Stranger, self.come)
        self.assertRaises(NotFound, self.link, bob)

    def test_subjects_that_no_provider_has_are_refused(self) -> None:
        bob = self.make("bob")
        for subject in ("", "x" * 256, "a\nb", "ä"):
            self.assertRaises(ParseError, self.link, bob, subject)

    def test_admins_link_users_below_them_only(self) -> None:
        amy, owner = self.make("amy", Role.ADMIN), self.make("ann", Role.OWNER)
        actor = Actor(amy.user_id, "user:amy")
        self.assertRaises(Forbidden, self.link, owner, "s", actor)
        self.assertRaises(Forbidden, self.link, amy, "s", actor)
        self.link(self.make("bob"), "s", actor)

    def test_a_state_is_kept_as_long_as_it_could_come_back(self) -> None:
        self.link(self.make("bob"))
        self.come(state_hash=b"x")
        self.assertRaises(AlreadyUsed, self.come, state_hash=b"x")
        self.assertRaises(AlreadyUsed, self.come, NOW + 599, state_hash=b"x")
        self.come(NOW + 600, state_hash=b"y")
        count = self.database.read(lambda c: c.exec_driver_sql("SELECT count(*) FROM oidc_used").scalar())
        self.assertEqual(count, 1)

    def test_a_refused_login_leaves_nothing(self) -> None:
        self.assertRaises(Stranger, self.come, state_hash=b"x")
        self.link(self.make("bob"))
        self.come(state_hash=b"x")

    def test_a_user_is_made_once(self) -> None:
        self.make("bob")
        made = self.come(new_name="Bob B.@example.net")
        self.assertEqual((made.name, made.role, made.password_hash), ("bob-b", Role.USER, ""))
        self.assertEqual(self.come(new_name="another").user_id, made.user_id)
        for wanted in ("bob", "@", "ÄÖÜ", "-", "x" * 300):
            other = self.come(subject=wanted.encode().hex()[:20], new_name=wanted)
            self.assertNotEqual(other.name, "bob")

    def test_roles_follow_but_for_the_last_owner(self) -> None:
        ann, bob = self.make("ann", Role.OWNER), self.make("bob")
        self.link(bob)
        self.assertEqual(self.come(role=Role.ADMIN).role, Role.ADMIN)
        self.assertEqual(self.come().role, Role.ADMIN)
        self.assertEqual(self.come(role=Role.USER).role, Role.USER)
        self.link(ann, "a")
        self.assertEqual(self.come(subject="a", role=Role.USER).role, Role.OWNER)
        self.come(role=Role.OWNER)
        self.assertEqual(self.come(subject="a", role=Role.USER).role, Role.USER)
