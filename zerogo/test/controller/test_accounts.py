import hashlib
import json
import os

from zerogo.config.private_file import write_private
from zerogo.store import audit, users
from zerogo.store.paging import Paging
from zerogo.test.controller.stock import PASSWORD, ApiCase, Reply
from zerogo.test.store.stock import NOW


class LoginTests(ApiCase):
    def setUp(self) -> None:
        super().setUp()
        self.bootstrap()

    def refresh(self, token: str) -> Reply:
        return self.call("POST", "/auth/refresh", {"refresh_token": token}, token=None)

    def test_a_refresh_token_gets_new_tokens_once(self) -> None:
        first = self.login().json["refresh_token"]
        self.unix_now += 1000
        renewed = self.refresh(first)
        self.assertEqual(renewed.status, 200)
        self.assertEqual(self.call("GET", "/me", token=renewed.json["token"]).status, 200)
        self.assertEqual(self.refresh(first).status, 401)

    def test_reuse_ends_the_session_for_both_and_is_written_down(self) -> None:
        first = self.login().json["refresh_token"]
        second = self.refresh(first).json["refresh_token"]
        self.assertEqual(self.refresh(first).status, 401)
        self.assertEqual(self.refresh(second).status, 401)
        actions = [line.action for line in self.database.read(audit.list_lines, Paging()).items]
        self.assertIn("session.reuse", actions)

    def test_garbage_is_no_refresh_token(self) -> None:
        for token in ("", "x", "zgo_refresh_", "zgo_refresh_a_b", "zgo_refresh_" + "a_" * 90):
            self.assertEqual(self.refresh(token).status, 401)

    def test_logging_out_ends_it(self) -> None:
        token = self.login().json["refresh_token"]
        self.assertEqual(self.call("POST", "/auth/logout", {"refresh_token": token}, token=None).status, 204)
        self.assertEqual(self.refresh(token).status, 401)

    def test_logging_out_everywhere_ends_access_tokens_too(self) -> None:
        given = self.login().json
        self.unix_now += 2
        self.assertEqual(self.call("DELETE", "/auth/sessions", token=given["token"]).status, 204)
        self.assertEqual(self.call("GET", "/me", token=given["token"]).status, 401)
        self.assertEqual(self.refresh(given["refresh_token"]).status, 401)
        self.assertEqual(self.call("GET", "/me", token=self.login().json["token"]).status, 200)

    def test_a_new_password_ends_all_sessions(self) -> None:
        given = self.login().json
        self.unix_now += 2
        body = {"password": "wrong", "new_password": "another password"}
        self.assertEqual(self.call("PUT", "/me/password", body, token=given["token"]).status, 401)
        body = {"password": PASSWORD, "new_password": "another password"}
        self.assertEqual(self.call("PUT", "/me/password", body, token=given["token"]).status, 204)
        self.assertEqual(self.refresh(given["refresh_token"]).status, 401)
        self.assertEqual(self.call("GET", "/me", token=given["token"]).status, 401)
        self.assertEqual(self.login().status, 401)
        self.assertEqual(self.login(password="another password").status, 200)


class UserRouteTests(ApiCase):
    def setUp(self) -> None:
        super().setUp()
        self.bootstrap()
        self.access = self.login().json["token"]

    def make(self, name: str, role: str = "user", token: str | None = None) -> Reply:
        return self.call("POST", "/users", {"name": name, "password": PASSWORD, "role": role}, token=token)

    def test_users_are_made_listed_changed_and_removed(self) -> None:
        made = self.make("bob", token=self.access)
        self.assertEqual((made.status, made.json["role"]), (201, "user"))
        self.assertEqual(self.make("BOB", token=self.access).status, 409)
        path = f"/users/{made.json['id']}"
        listed = self.call("GET", "/users", token=self.access).json["items"]
        self.assertEqual([user["name"] for user in listed], ["ann", "bob"])
        self.assertNotIn("password", self.call("GET", "/users", token=self.access).text)
        tag = self.call("GET", path, token=self.access).header("ETag") or ""
        changed = self.call("PATCH", path, {"role": "operator"}, token=self.access, if_match=tag)
        self.assertEqual(changed.json["role"], "operator")
        again = self.call("PATCH", path, {"role": "user"}, token=self.access, if_match=tag)
        self.assertEqual((again.status, again.json["code"]), (412, "changed-meanwhile"))
        self.assertEqual(self.call("DELETE", path, token=self.access).status, 204)
        self.assertEqual(self.call("GET", path, token=self.access).status, 404)

    def test_an_admin_makes_no_owner_and_changes_none(self) -> None:
        """CVE-2026-29195, GHSA-rxmp-8h9v-56cx."""
        self.make("adm", "admin", token=self.access)
        admin = self.login("adm").json["token"]
        for role, status in (("owner", 403), ("admin", 403), ("operator", 201)):
            self.assertEqual(self.make(f"x-{role}", role, token=admin).status, status)
        user = self.database.read(users.find_user_by_name, "ann")
        own = self.database.read(users.find_user_by_name, "adm")
        assert user is not None
        assert own is not None
        for path, change in ((user.user_id, {"is_disabled": True}), (own.user_id, {"role": "owner"})):
            self.assertEqual(self.call("PATCH", f"/users/{path}", change, token=admin).status, 403)

    def test_the_audit_names_who_did_it_and_holds(self) -> None:
        self.make("bob", token=self.access)
        line = self.call("GET", "/audit?limit=1", token=self.access).json["items"][0]
        self.assertEqual((line["actor"], line["action"]), ("user:ann", "user.create"))
        newest, before = self.call("GET", "/audit?limit=2", token=self.access).json["items"]
        names = ("number", "unix_time", "actor", "action", "network", "subject", "detail")
        text = json.dumps([before["hash"], *(newest[name] for name in names)], separators=(",", ":"))
        self.assertEqual(newest["hash"], hashlib.sha256(text.encode()).hexdigest(), "as docs/API.md says")
        verdict = self.call("GET", "/audit/check", token=self.access).json
        self.assertTrue(verdict["is_whole"])
        self.assertEqual((verdict["lines"], verdict["newest_hash"]), (line["number"], line["hash"]))


class PagingTests(ApiCase):
    def walk(self, path: str) -> list[str]:
        found: list[str] = []
        cursor = ""
        while True:
            reply = self.call("GET", f"{path}?limit=2{cursor}").json
            self.assertLessEqual(len(reply["items"]), 2)
            found += [str(item.get("id") or item["number"]) for item in reply["items"]]
            if reply["next_cursor"] is None:
                return found
            cursor = f"&cursor={reply['next_cursor']}"

    def test_pieces_make_up_each_list(self) -> None:
        self.bootstrap()
        for name in "bcd":
            self.call("POST", "/users", {"name": name, "password": PASSWORD})
            self.make_network(name)
            self.join(name)
        members = f"/networks/{self.network}/members"
        for path in ("/users", "/networks", "/peers", "/audit", members, f"/networks/{self.network}/invites"):
            whole = [str(item.get("id") or item["number"]) for item in self.call("GET", path).json["items"]]
            self.assertGreater(len(whole), 2, path)
            self.assertEqual(self.walk(path), whole, path)

    def test_bad_limits_and_cursors_are_refused(self) -> None:
        for query in ("limit=0", "limit=501", "limit=-1", "limit=x", "limit=%C2%B2", "cursor=x", "cursor=%C3%A9"):
            self.assertEqual(self.call("GET", f"/networks?{query}").status, 422, query)
        cursor = self.call("GET", "/audit?limit=1")
        self.make_network("other")
        cursor = self.call("GET", "/audit?limit=1").json["next_cursor"]
        self.assertEqual(self.call("GET", f"/networks?cursor={cursor}").status, 422)


class BasedOnTests(ApiCase):
    """Two admins in two tabs."""

    def test_a_change_of_settings_says_what_it_is_based_on(self) -> None:
        path = f"/networks/{self.network}"
        reply = self.call("PATCH", path, {"mtu": 1300})
        self.assertEqual((reply.status, reply.json["code"]), (428, "if-match-required"))
        tag = self.call("GET", path).header("ETag") or ""
        self.join("ann")
        first = self.call("PATCH", path, {"mtu": 1300}, if_match=tag)
        self.assertEqual(first.status, 200)
        second = self.call("PATCH", path, {"mtu": 1350}, if_match=tag)
        self.assertEqual((second.status, second.json["code"]), (412, "changed-meanwhile"))
        self.assertEqual(self.call("DELETE", path, if_match=tag).status, 412)
        self.assertEqual(self.call("GET", path).json["mtu"], 1300)
        self.assertEqual(self.call("PATCH", path, {"mtu": 1350}, if_match=first.header("ETag") or "").status, 200)

    def test_a_change_of_a_member_may(self) -> None:
        path = f"/networks/{self.network}/members/{self.join('ann').node_id}"
        tag = self.call("GET", path).header("ETag") or ""
        self.assertEqual(self.call("PATCH", path, {"tags": ["b", "a", "a"]}, if_match=tag).json["tags"], ["a", "b"])
        self.assertEqual(self.call("PATCH", path, {"name": "x"}, if_match=tag).status, 412)
        self.assertEqual(self.call("PATCH", path, {"name": "x"}).status, 200)
        for tags in (["A"], ["a b"], [""], ["x"] * 17, ["é"], ["-"]):
            self.assertEqual(self.call("PATCH", path, {"tags": tags}).status, 422, str(tags))


class ResetTests(ApiCase):
    """An owner who cannot log in, and the owner of the machine who can."""

    secret = "r" * 32

    def setUp(self) -> None:
        super().setUp()
        self.bootstrap()
        self.path = self.bootstrap_path.with_name("reset-secret")
        write_private(self.path, self.secret.encode() + b"\n")
        os.utime(self.path, (NOW, NOW))

    def reset(self, name: str = "ann", secret: str = secret) -> Reply:
        body = {"secret": secret, "name": name, "password": "a new password here"}
        return self.call("POST", "/bootstrap", body, token=None)

    def test_the_secret_gives_an_owner_a_new_password_once(self) -> None:
        before = self.login().json["token"]
        self.unix_now += 1
        self.assertEqual(self.reset().status, 201)
        self.assertFalse(self.path.exists())
        self.assertEqual(self.login(password="a new password here").status, 200)
        self.assertEqual(self.login().status, 401)
        self.assertEqual(self.call("GET", "/me", token=before).status, 401)
        self.assertEqual(self.reset().status, 409)

    def test_somebody_who_was_less_or_was_not_there_is_an_owner(self) -> None:
        self.assertEqual(self.reset("bob").json["role"], "owner")

    def test_a_wrong_secret_uses_nothing_up(self) -> None:
        self.assertEqual(self.reset(secret="x" * 32).status, 401)
        self.assertEqual(self.reset().status, 201)

    def test_after_a_day_it_is_of_no_use(self) -> None:
        self.unix_now += 86_401
        self.assertEqual(self.reset().status, 401)
        self.assertEqual(self.reset().status, 409)

    def test_one_that_others_may_read_is_none(self) -> None:
        self.path.chmod(0o644)
        self.assertEqual(self.reset().status, 409)


class FirstUserTests(ApiCase):
    def test_health_says_whether_somebody_has_to_make_the_first_user(self) -> None:
        self.assertIs(self.call("GET", "/health", token=None).json["has_users"], False)
        self.bootstrap()
        self.assertIs(self.call("GET", "/health", token=None).json["has_users"], True)
