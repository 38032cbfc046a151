from sqlalchemy import select, update
from treq.testing import StubTreq
from twisted.internet.defer import ensureDeferred

from zerogo.controller.browsers import COOKIE, LOCAL_COOKIE, Browsers
from zerogo.controller.caller import Caller
from zerogo.controller.callers import LOCAL_OWNER, csrf_token, is_still_good
from zerogo.controller.dispatch import api_resource
from zerogo.controller.routes import ROUTES
from zerogo.store import api_tokens, audit, sessions, tables, users
from zerogo.store.paging import Paging
from zerogo.store.values import Role
from zerogo.test.controller.stock import PASSWORD, ApiCase, Reply


class BrowserTests(ApiCase):
    """Sessions in cookies; the advisories of 2026 about the rival closest to ours."""

    def setUp(self) -> None:
        super().setUp()
        self.bootstrap()
        self.opened = self.call("POST", "/auth/session", {"name": "ann", "password": PASSWORD}, token=None)
        self.set_cookie = self.opened.header("Set-Cookie") or ""
        self.cookie = self.set_cookie.partition(";")[0]
        self.csrf = self.opened.json["csrf_token"]

    def browse(self, method: str, path: str, body: object = None, **headers: str) -> Reply:
        return self.call(method, path, body, token=None, cookie=self.cookie, **headers)

    def test_the_cookie_is_for_this_host_and_no_script(self) -> None:
        """nebula-mesh 2026: a session cookie without Secure."""
        self.assertTrue(self.set_cookie.startswith("__Host-zerogo="))
        parts = self.set_cookie.split("; ")
        for part in ("Path=/", "Secure", "HttpOnly", "SameSite=Strict"):
            self.assertIn(part, parts)
        self.assertNotIn("Domain", self.set_cookie)
        self.assertNotIn(self.cookie.partition("_")[2], self.opened.text)

    def test_reading_needs_the_cookie_only(self) -> None:
        self.assertEqual(self.browse("GET", "/networks").status, 200)
        reply = self.browse("GET", "/auth/session")
        self.assertEqual((reply.json["csrf_token"], reply.json["user"]["name"]), (self.csrf, "ann"))

    def test_changing_needs_the_csrf_token(self) -> None:
        """nebula-mesh 2026: no CSRF token on mutations."""
        for headers in ({}, {"x_csrf_token": "x"}, {"x_csrf_token": csrf_token("other")}, {"x_csrf_token": "é"}):
            reply = self.browse("POST", "/networks", {"name": "x"}, **headers)
            self.assertEqual((reply.status, reply.json["code"]), (403, "csrf"))
        self.assertEqual(self.browse("POST", "/networks", {"name": "x"}, x_csrf_token=self.csrf).status, 201)

    def test_a_page_of_another_origin_changes_nothing_even_with_the_token(self) -> None:
        good = {"x_csrf_token": self.csrf}
        for bad in ({"origin": "https://evil.example"}, {"origin": "null"}, {"sec_fetch_site": "cross-site"}):
            self.assertEqual(self.browse("POST", "/networks", {"name": "x"}, **good, **bad).status, 403, str(bad))
        self.assertEqual(self.browse("POST", "/networks", {"name": "x"}, **good, origin="http://[").status, 403)
        reply = self.browse("POST", "/networks", {"name": "x"}, **good, origin="http://controller")
        self.assertEqual(reply.status, 201)

    def test_a_login_cannot_be_forged_by_a_form(self) -> None:
        body = b'{"name": "ann", "password": "correct horse battery"}'
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
            reply = self.call("POST", "/auth/session", body, token=None, content_type=kind)
            self.assertIn(reply.status, (400, 415), kind)
            self.assertIsNone(reply.header("Set-Cookie"))

    def test_a_page_of_an_origin_that_is_named_may_change_things(self) -> None:
        good = {"x_csrf_token": self.csrf}
        for number, origin in enumerate(("https://dashboard.example", "https://Dashboard.example/")):
            body = {"name": f"x{number}"}
            self.assertEqual(self.browse("POST", "/networks", body, **good, origin=origin).status, 201)
        for origin in ("http://dashboard.example", "https://dashboard.example.evil", "https://"):
            self.assertEqual(self.browse("POST", "/networks", {"name": "y"}, **good, origin=origin).status, 403)

    def test_a_browser_at_localhost_gets_a_cookie_that_it_keeps_without_tls(self) -> None:
        body = {"name": "ann", "password": PASSWORD}
        for host in ("localhost:9394", "127.0.0.1:9394", "[::1]:9394", "LOCALHOST"):
            self.treq = StubTreq(api_resource(self.desk, ROUTES))
            opened = self.call("POST", "/auth/session", body, token=None, host=host)
            cookie = opened.header("Set-Cookie") or ""
            self.assertTrue(cookie.startswith(f"{LOCAL_COOKIE}="), host)
            self.assertNotIn("Secure", cookie)
            for part in ("HttpOnly", "SameSite=Strict"):
                self.assertIn(part, cookie)
            kept = cookie.partition(";")[0]
            self.assertEqual(self.call("GET", "/me", token=None, host=host, cookie=kept).status, 200)
            self.assertEqual(self.call("GET", "/me", token=None, cookie=kept).status, 401)

    def test_elsewhere_and_without_local_browsers_it_is_the_secure_one(self) -> None:
        body = {"name": "ann", "password": PASSWORD}
        for host in ("localhost.evil.example", "10.0.0.1", "evil.example:80", "[", ""):
            opened = self.call("POST", "/auth/session", body, token=None, host=host)
            self.assertTrue((opened.header("Set-Cookie") or "").startswith(f"{COOKIE}="), host)
        self.assertFalse(Browsers().is_local_allowed)

    def test_garbage_in_the_cookie_is_nobody(self) -> None:
        for cookie in ("", "x", f"{COOKIE}=", f"{COOKIE}=a_b", f"{COOKIE}={'a' * 5000}", "a[=b", f"{COOKIE}=é_é"):
            self.assertEqual(self.call("GET", "/networks", token=None, cookie=cookie).status, 401, cookie)

    def test_logging_out_ends_the_session(self) -> None:
        reply = self.browse("DELETE", "/auth/session", x_csrf_token=self.csrf)
        self.assertEqual(reply.status, 204)
        self.assertIn("Max-Age=0", reply.header("Set-Cookie") or "")
        self.assertEqual(self.browse("GET", "/networks").status, 401)

    def test_an_unused_session_ends_and_a_used_one_does_not(self) -> None:
        for _ in range(3):
            self.unix_now += sessions.BROWSER_IDLE_SECONDS - 1
            self.assertEqual(self.browse("GET", "/me").status, 200)
        self.unix_now += sessions.BROWSER_IDLE_SECONDS
        self.assertEqual(self.browse("GET", "/me").status, 401)

    def test_a_disabled_user_is_out_at_once(self) -> None:
        self.call("POST", "/users", {"name": "bob", "password": PASSWORD, "role": "owner"})
        user = self.database.read(users.find_user_by_name, "ann")
        assert user is not None
        self.assertEqual(self.call("PATCH", f"/users/{user.user_id}", {"is_disabled": True}).status, 200)
        self.assertEqual(self.browse("GET", "/networks").status, 401)
        self.assertEqual(self.login("ann").status, 401)

    def test_every_answer_has_the_headers_that_keep_it_where_it_is(self) -> None:
        """nebula-mesh 2026: no CSP, no frame headers, bundles without no-store."""
        for reply in (self.opened, self.browse("GET", "/me"), self.call("GET", "/none"), self.call("PUT", "/me")):
            self.assertEqual(reply.header("Cache-Control"), "no-store")
            self.assertIn("frame-ancestors 'none'", reply.header("Content-Security-Policy") or "")
            self.assertEqual(reply.header("X-Content-Type-Options"), "nosniff")
            self.assertEqual(reply.header("Referrer-Policy"), "no-referrer")


class StayingTests(ApiCase):
    """Who was let in once, and may go on while nothing is taken away."""

    def setUp(self) -> None:
        super().setUp()
        self.bootstrap()
        user = self.database.read(users.find_user_by_name, "ann")
        assert user is not None
        self.user = user

    def may_stay(self, **more: str) -> bool:
        caller = Caller(self.user.user_id, "ann", Role.OWNER, **more)  # type: ignore[arg-type]
        return bool(self.successResultOf(ensureDeferred(is_still_good(self.desk, caller, self.unix_now))))

    def test_a_session_holds_until_it_is_closed(self) -> None:
        self.call("POST", "/auth/session", {"name": "ann", "password": PASSWORD}, token=None)
        ((session_id,),) = self.database.read(lambda c: c.execute(select(tables.sessions.c.id)).all())
        self.assertTrue(self.may_stay(session_id=session_id))
        self.database.write(sessions.close_session, session_id)
        self.assertFalse(self.may_stay(session_id=session_id))

    def test_an_api_token_holds_until_it_ends(self) -> None:
        made = self.call("POST", "/tokens", {"name": "t", "scopes": ["networks:read"], "user": self.user.user_id})
        self.assertTrue(self.may_stay(token_id=made.json["id"]))
        self.assertFalse(self.may_stay(token_id="none"))
        self.unix_now += 366 * 86_400
        self.assertFalse(self.may_stay(token_id=made.json["id"]))

    def test_logging_out_everywhere_another_role_or_being_disabled_ends_it(self) -> None:
        self.assertTrue(self.may_stay())
        for change in ({"role": "auditor"}, {"is_disabled": 1}, {"valid_after": self.unix_now + 1}):
            self.database.write(lambda c, change=change: c.execute(update(tables.users).values(**change)))
            self.assertFalse(self.may_stay(), str(change))
            self.database.write(
                lambda c: c.execute(update(tables.users).values(role="owner", is_disabled=0, valid_after=0.0))
            )

    def test_the_owner_of_the_machine_stays(self) -> None:
        self.assertTrue(self.successResultOf(ensureDeferred(is_still_good(self.desk, LOCAL_OWNER, self.unix_now))))


class ApiTokenTests(ApiCase):
    def make(self, *scopes: str, token: str | None = None, **more: object) -> Reply:
        body = {"name": "backup", "scopes": list(scopes), **more}
        return self.call("POST", "/tokens", body, token=token)

    def setUp(self) -> None:
        super().setUp()
        self.bootstrap()
        self.access = self.login().json["token"]

    def test_a_token_works_within_its_scopes_until_it_is_deleted(self) -> None:
        made = self.make("networks:read", token=self.access)
        self.assertEqual(made.status, 201)
        token = made.json["token"]
        self.assertTrue(token.startswith("zgo_api_"))
        self.assertEqual(self.call("GET", "/networks", token=token).status, 200)
        self.assertEqual(self.call("POST", "/networks", {"name": "x"}, token=token).json["code"], "scope")
        self.assertEqual(self.call("GET", "/me", token=token).json["name"], "ann")
        self.assertEqual(self.call("DELETE", f"/tokens/{made.json['id']}", token=self.access).status, 204)
        self.assertEqual(self.call("GET", "/networks", token=token).status, 401)

    def test_it_is_shown_once_and_in_no_address(self) -> None:
        """nebula-mesh 2026: a new API key placed in a redirect's URL; enrolment tokens stored unhashed."""
        made = self.make("networks:read", token=self.access)
        secret = made.json["token"].rpartition("_")[2]
        self.assertIsNone(made.header("Location"))
        self.assertNotIn(secret, self.call("GET", "/tokens").text)
        lines = self.database.read(audit.list_lines, Paging()).items
        self.assertNotIn(secret, repr(lines))

    def test_it_ends(self) -> None:
        token = self.make("networks:read", token=self.access, expires_seconds=60).json["token"]
        self.unix_now += 60
        self.assertEqual(self.call("GET", "/networks", token=token).status, 401)
        for expires in (0, -1, 1e9):
            self.assertEqual(self.make("networks:read", token=self.access, expires_seconds=expires).status, 422)

    def test_it_makes_none_with_more_than_its_own_scopes(self) -> None:
        token = self.make("tokens:write", "networks:read", token=self.access).json["token"]
        self.assertEqual(self.make("networks:read", token=token).status, 201)
        self.assertEqual(self.make("networks:write", token=token).status, 403)
        self.assertEqual(self.make("account:write", token=self.access).status, 422)

    def test_it_cannot_change_the_password(self) -> None:
        token = self.make("users:write", token=self.access).json["token"]
        body = {"password": PASSWORD, "new_password": "another password"}
        self.assertEqual(self.call("PUT", "/me/password", body, token=token).json["code"], "scope")

    def test_its_use_is_noted_once_a_minute(self) -> None:
        token = self.make("tokens:read", token=self.access).json["token"]
        for seconds in (0, 30, 61):
            self.unix_now += seconds
            listed = self.call("GET", "/tokens", token=token).json["items"][0]
        self.assertEqual(listed["used_at"], "2027-01-15T08:01:31Z")

    def test_a_user_sees_and_deletes_own_tokens_only(self) -> None:
        self.call("POST", "/users", {"name": "bob", "password": PASSWORD})
        bob = self.login("bob").json["token"]
        theirs = self.make("networks:read", token=self.access).json["id"]
        self.assertEqual(self.call("GET", "/tokens", token=bob).json["items"], [])
        self.assertEqual(self.call("DELETE", f"/tokens/{theirs}", token=bob).status, 403)
        self.assertEqual(self.make("networks:read", token=bob, user=self.user_id("ann")).status, 403)
        self.assertEqual(self.make("networks:read", user=self.user_id("bob"), token=self.access).status, 201)
        self.assertEqual(len(self.call("GET", "/tokens", token=bob).json["items"]), 1)

    def user_id(self, name: str) -> str:
        user = self.database.read(users.find_user_by_name, name)
        assert user is not None
        return user.user_id

    def test_garbage_is_refused(self) -> None:
        for token in ("zgo_api_", "zgo_api__", "zgo_api_a_b", "zgo_api_" + "a" * 1000, "zgo_api_é_é"):
            self.assertEqual(self.call("GET", "/networks", token=token).status, 401)
        self.assertEqual(self.database.read(api_tokens.list_tokens, None, Paging()).items, [])

    def test_the_users_role_still_counts(self) -> None:
        self.call("POST", "/users", {"name": "bob", "password": PASSWORD, "role": "admin"})
        token = self.make("networks:write", token=self.login("bob").json["token"]).json["token"]
        self.assertEqual(self.call("POST", "/networks", {"name": "x"}, token=token).status, 201)
        self.call("PATCH", f"/users/{self.user_id('bob')}", {"role": Role.AUDITOR.value})
        self.assertEqual(self.call("POST", "/networks", {"name": "y"}, token=token).json["code"], "forbidden")
