import json
import shlex

from sqlalchemy import update

from zerogo.cli.api_tokens import tokens
from zerogo.cli.audit import AuditBroken, audit
from zerogo.cli.controller import RESCUES
from zerogo.cli.invite import invite
from zerogo.cli.keys import keys
from zerogo.cli.members import members
from zerogo.cli.users import users
from zerogo.store import tables
from zerogo.test.cli.test_networks import CommandCase
from zerogo.test.controller.oidc_site import SUBJECT
from zerogo.test.controller.stock import PASSWORD
from zerogo.test.controller.test_oidc_routes import ISSUER, OidcCase


class AdminTests(CommandCase):
    def add_user(self, name: str, role: str) -> None:
        result = self.invoke(users, "create", name, "--role", role, answer=PASSWORD + "\n")
        self.assertEqual(result.exit_code, 0, f"{result.output} {result.exception!r}")
        self.assertIn(f"{name} is {role}", result.output)

    def test_users_are_made_changed_kept_out_and_removed(self) -> None:
        self.add_user("ann", "owner")
        self.add_user("bob", "operator")
        self.assertEqual(self.login("bob").status, 200)
        self.assertIn("bob is auditor", self.run_ok(users, "role", "bob", "auditor"))
        self.run_ok(users, "disable", "bob")
        self.assertEqual(self.login("bob").status, 401)
        self.run_ok(users, "enable", "bob")
        self.assertEqual(self.login("bob").status, 200)
        result = self.invoke(users, "password", "bob", answer="another password\n")
        self.assertEqual(result.exit_code, 0)
        self.assertEqual(self.login("bob", "another password").status, 200)
        self.assertIn("auditor", self.run_ok(users))
        self.run_ok(users, "delete", "bob")
        self.assertEqual([user["name"] for user in json.loads(self.run_ok(users, "--json"))], ["ann"])
        self.assertIn("no user 'bob'", self.refusal(users, "delete", "bob"))
        self.assertIn("must have an owner", self.refusal(users, "delete", "ann"))

    def test_what_an_owner_who_cannot_log_in_is_told_to_type_helps(self) -> None:
        self.add_user("ann", "owner")
        self.add_user("bob", "user")
        self.run_ok(users, "disable", "bob")
        for command, _ in RESCUES:
            name = "carol" if " create " in command else "bob"
            typed = shlex.split(command.replace("NAME", name))
            self.assertEqual(typed[:2], ["zerogo", "users"])
            result = self.invoke(users, *typed[2:], answer="another password\n")
            self.assertEqual(result.exit_code, 0, f"{command}: {result.output} {result.exception!r}")
        for name in ("bob", "carol"):
            token = self.login(name, "another password").json["token"]
            self.assertEqual(self.call("GET", "/me", token=token).json["role"], "owner")

    def test_tokens_are_made_listed_and_deleted(self) -> None:
        self.add_user("ann", "owner")
        made = json.loads(self.run_ok(tokens, "create", "ci", "--user", "ann", "--scope", "members:read", "--json"))
        self.assertEqual(self.call("GET", "/peers", token=made["token"]).status, 200)
        listed = self.run_ok(tokens)
        self.assertIn("members:read", listed)
        self.assertNotIn(made["token"], listed)
        self.run_ok(tokens, "delete", made["id"])
        self.assertEqual(self.call("GET", "/peers", token=made["token"]).status, 401)
        self.assertIn("is not one of the scopes", self.refusal(tokens, "create", "x", "--user", "ann", "--scope", "x"))

    def test_keys_are_listed_and_revoked(self) -> None:
        made = json.loads(self.run_ok(invite, "--uses", "3", "--tag", "ci", "--ephemeral", "--json"))
        self.assertEqual((made["tags"], made["is_ephemeral"]), (["ci"], True))
        self.assertIn("3 of 3", self.run_ok(keys))
        self.run_ok(keys, "revoke", made["id"])
        self.assertIn("revoked", self.run_ok(keys))
        self.assertTrue(json.loads(self.run_ok(keys, "--json"))[0]["is_revoked"])

    def test_members_are_blocked_and_tagged(self) -> None:
        self.join("ann")
        self.assertIn("ann is cut off", self.run_ok(members, "block", "ann"))
        self.assertIn("blocked", self.run_ok(members))
        self.run_ok(members, "approve", "ann")
        self.assertIn("ann: a b", self.run_ok(members, "tag", "ann", "b", "a"))

    def test_the_audit_is_shown_and_checked(self) -> None:
        self.add_user("ann", "owner")
        self.assertIn("user.create", self.run_ok(audit))
        self.assertEqual(len(json.loads(self.run_ok(audit, "--limit", "1", "--json"))), 1)
        self.assertIn("none changed", self.run_ok(audit, "check"))
        self.database.write(lambda c: c.execute(update(tables.audit).values(actor="somebody")))
        result = self.invoke(audit, "check")
        self.assertIsInstance(result.exception, AuditBroken)

    def test_long_lists_come_whole(self) -> None:
        self.patch(__import__("zerogo.cli.owner_api", fromlist=["x"]), "PIECE", 2)
        for name in "abcde":
            self.add_user(name, "owner")
        self.assertEqual(len(json.loads(self.run_ok(users, "--json"))), 5)
        self.assertEqual(len(json.loads(self.run_ok(audit, "--limit", "3", "--json"))), 3)


class ProviderTests(CommandCase, OidcCase):
    def test_an_account_at_the_provider_is_linked_and_unlinked(self) -> None:
        self.assertIn(f"ann is {SUBJECT} at {ISSUER}", self.run_ok(users, "link", "ann", SUBJECT))
        self.assertIn_as(self.log_in(), "ann", "owner")
        self.assertIn(f"{SUBJECT} at {ISSUER}", self.run_ok(users, "show", "ann"))
        self.assertIn("ann logs in by password alone", self.run_ok(users, "unlink", "ann"))
        self.assertRefused(self.log_in(), "stranger")
        self.assertIn("no account at the provider", self.refusal(users, "unlink", "ann"))
        self.assertIsNone(json.loads(self.run_ok(users, "show", "ann", "--json"))["identity"])
