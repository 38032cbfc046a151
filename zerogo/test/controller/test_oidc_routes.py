"""Logging in by another site's accounts, through the API."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from attrs import evolve

from zerogo.config.oidc import OidcConfig, RoleGrant
from zerogo.controller.desk import OidcDesk
from zerogo.controller.oidc_attempt import ATTEMPT_SECONDS, Attempts
from zerogo.controller.oidc_provider import Provider
from zerogo.secret import Secret
from zerogo.store.audit import list_lines
from zerogo.store.paging import Paging
from zerogo.store.values import Role
from zerogo.test.controller.oidc_site import CLIENT, SECRET, SUBJECT, OidcSite
from zerogo.test.controller.stock import PASSWORD, ApiCase, Reply

ISSUER = "https://id.example.net"
CONFIG = OidcConfig(
    issuer=ISSUER,
    client_id=CLIENT,
    client_secret=Secret(SECRET),
    dashboard="https://zerogo.example.net",
    name="Example Inc.",
)


class OidcCase(ApiCase):
    config = CONFIG

    def make_oidc(self) -> OidcDesk | None:
        self.site = OidcSite(ISSUER, lambda: self.unix_now)
        provider = Provider(self.config, self.site.fetch, self.clock, lambda: self.unix_now)
        return OidcDesk(provider, Attempts(bytes(32), self.rng))

    def setUp(self) -> None:
        super().setUp()
        self.bootstrap("ann")

    def begin(self) -> tuple[str, str]:
        """The cookie of the attempt, and the path that the provider sends the browser back to."""
        started = self.call("GET", "/auth/oidc/start", token=None)
        self.assertEqual(started.status, 303, started.text)
        back = urlsplit(self.site.log_in(started.header("Location") or ""))
        self.assertEqual(f"{back.scheme}://{back.netloc}", self.config.dashboard)
        return cookie_of(started), f"{back.path.removeprefix('/api/v1')}?{back.query}"

    def finish(self, cookie: str, path: str) -> Reply:
        return self.call("GET", path, token=None, cookie=cookie)

    def log_in(self) -> Reply:
        return self.finish(*self.begin())

    def assertRefused(self, reply: Reply, reason: str = "refused") -> None:
        self.assertEqual((reply.status, reply.header("Location")), (303, f"/?oidc={reason}"))
        self.assertNotIn("__Host-zerogo=", " ".join(reply.headers.getRawHeaders("Set-Cookie")))

    def assertIn_as(self, reply: Reply, name: str, role: str) -> None:
        self.assertEqual((reply.status, reply.header("Location")), (303, "/"))
        session = self.call("GET", "/auth/session", token=None, cookie=cookie_of(reply)).json
        self.assertEqual((session["user"]["name"], session["user"]["role"]), (name, role))

    def link(self, name: str = "bob", role: Role = Role.USER, subject: str = SUBJECT) -> str:
        made = self.call("POST", "/users", {"name": name, "password": PASSWORD, "role": role.value}).json
        linked = self.call("PUT", f"/users/{made['id']}/identity", {"subject": subject})
        self.assertEqual(linked.status, 200, linked.text)
        return str(made["id"])


class OidcTests(OidcCase):
    def test_the_dashboard_is_told_of_the_provider(self) -> None:
        methods = self.call("GET", "/auth/methods", token=None).json
        self.assertEqual(methods, {"oidc": {"name": "Example Inc.", "start": "/api/v1/auth/oidc/start"}})

    def test_who_was_linked_to_a_user_is_that_user(self) -> None:
        self.link("bob", Role.OPERATOR)
        reply = self.log_in()
        self.assertIn_as(reply, "bob", "operator")
        given, taken = reply.headers.getRawHeaders("Set-Cookie")
        self.assertIn("Secure; HttpOnly; SameSite=Strict", given)
        self.assertTrue(taken.startswith("__Host-zerogo-oidc=; ") and "Max-Age=0" in taken, taken)

    def test_the_provider_is_asked_with_pkce_state_and_nonce(self) -> None:
        started = self.call("GET", "/auth/oidc/start", token=None)
        query = parse_qs(urlsplit(started.header("Location") or "").query)
        self.assertEqual(query["scope"], ["openid profile email"])
        self.assertEqual(query["redirect_uri"], ["https://zerogo.example.net/api/v1/auth/oidc/callback"])
        self.assertEqual([len(query[name][0]) for name in ("state", "nonce", "code_challenge")], [40, 40, 43])
        cookie = started.header("Set-Cookie") or ""
        self.assertIn("Max-Age=600; Secure; HttpOnly; SameSite=Lax", cookie)
        for name in ("state", "nonce"):
            self.assertNotIn(query[name][0], cookie)

    def test_a_name_or_address_of_mail_leads_to_nobody(self) -> None:
        """headscale 0.24: an account was whoever had its e-mail address."""
        self.site.claims = {"preferred_username": "ann", "name": "ann", "email": "ann", "email_verified": True}
        self.assertRefused(self.log_in(), "stranger")

    def test_the_same_subject_of_another_issuer_is_another_account(self) -> None:
        user = self.link()
        self.database.write(lambda c: c.exec_driver_sql("UPDATE identities SET issuer = 'https://other.example'"))
        self.assertRefused(self.log_in(), "stranger")
        self.assertEqual(self.call("GET", f"/users/{user}/identity").status, 404)

    def test_a_state_is_good_once(self) -> None:
        self.link()
        cookie, path = self.begin()
        self.assertIn_as(self.finish(cookie, path), "bob", "user")
        self.assertRefused(self.finish(cookie, path))

    def test_a_state_is_good_once_whatever_the_provider_says(self) -> None:
        self.link()
        self.site.is_careless = True
        cookie, path = self.begin()
        self.assertIn_as(self.finish(cookie, path), "bob", "user")
        self.assertRefused(self.finish(cookie, path), "late")

    def test_another_browser_cannot_come_back(self) -> None:
        self.link()
        cookie, path = self.begin()
        other, _ = self.begin()
        for wrong in ("", other, cookie[:-4], "__Host-zerogo-oidc=x", "__Host-zerogo-oidc=" + "A" * 300):
            self.assertRefused(self.finish(wrong, path), "late")
        self.assertRefused(self.finish(cookie, path.replace("state=", "state=x")), "late")
        self.assertIn_as(self.finish(cookie, path), "bob", "user")

    def test_what_no_provider_sends_is_refused(self) -> None:
        for query in ("code=" + "x" * 2049, "code=%C3%A4", "code=a%20b", "code=1&state=" + "x" * 256):
            self.assertEqual(self.call("GET", f"/auth/oidc/callback?{query}", token=None).status, 422, query[:20])

    def test_a_login_may_take_ten_minutes(self) -> None:
        self.link()
        cookie, path = self.begin()
        self.unix_now += ATTEMPT_SECONDS
        self.assertRefused(self.finish(cookie, path), "late")

    def test_the_answer_of_another_provider_is_refused(self) -> None:
        self.link()
        cookie, path = self.begin()
        self.assertRefused(self.finish(cookie, path.replace("id.example.net", "evil.example")), "late")

    def test_a_code_of_another_login_does_not_fit(self) -> None:
        self.link()
        _, stolen = self.begin()
        cookie, path = self.begin()
        code, own = (parse_qs(urlsplit(one).query)["code"][0] for one in (stolen, path))
        self.assertRefused(self.finish(cookie, path.replace(own, code)))

    def test_tokens_that_are_wrong_log_nobody_in(self) -> None:
        self.link()
        now = self.unix_now
        wrong = [{"aud": "another"}, {"iss": "https://evil.example"}, {"nonce": "another"}, {"exp": now - 61}]
        for claims in wrong:
            self.site.claims = claims
            self.assertRefused(self.log_in())
        self.site.claims = {}
        for algorithm, key_id, key in (("none", "one", None), ("HS256", "one", "k" * 32), ("RS256", "three", None)):
            self.site.algorithm, self.site.key_id, self.site.signing_key = algorithm, key_id, key
            self.assertRefused(self.log_in())

    def test_a_refusal_of_the_provider_is_one(self) -> None:
        cookie, path = self.begin()
        state = parse_qs(urlsplit(path).query)["state"][0]
        self.assertRefused(self.finish(cookie, f"/auth/oidc/callback?error=access_denied&state={state}"))

    def test_a_provider_that_is_down_is_said_to_be(self) -> None:
        self.site.is_down = True
        self.assertRefused(self.call("GET", "/auth/oidc/start", token=None), "unavailable")

    def test_a_disabled_user_stays_out(self) -> None:
        user = self.link()
        self.call("PATCH", f"/users/{user}", {"is_disabled": True})
        self.assertRefused(self.log_in())

    def test_without_the_link_the_account_is_nobodys_and_the_sessions_are_over(self) -> None:
        user = self.link()
        cookie = cookie_of(self.log_in())
        self.assertEqual(self.call("DELETE", f"/users/{user}/identity").status, 204)
        self.assertEqual(self.call("GET", "/me", token=None, cookie=cookie).status, 401)
        self.assertRefused(self.log_in(), "stranger")

    def test_one_account_is_one_user(self) -> None:
        self.link("bob")
        other = self.call("POST", "/users", {"name": "eve", "password": PASSWORD}).json["id"]
        self.assertEqual(self.call("PUT", f"/users/{other}/identity", {"subject": SUBJECT}).status, 409)

    def test_an_admin_cannot_become_an_owner_by_a_link(self) -> None:
        self.call("POST", "/users", {"name": "amy", "password": PASSWORD, "role": "admin"})
        owner = next(user for user in self.call("GET", "/users").json["items"] if user["name"] == "ann")["id"]
        amy = self.login("amy").json["token"]
        for method, body in (("PUT", {"subject": SUBJECT}), ("DELETE", None)):
            self.assertEqual(self.call(method, f"/users/{owner}/identity", body, token=amy).status, 403)

    def test_no_secret_is_in_the_audit_log(self) -> None:
        self.link()
        reply = self.log_in()
        text = repr(self.database.read(list_lines, Paging()).items)
        self.assertIn("user.link", text)
        self.assertNotIn(value_of(cookie_of(reply)).partition("_")[2], text)


class GrantTests(OidcCase):
    config = evolve(
        CONFIG,
        domains=("example.net",),
        subjects=("named",),
        create_users=True,
        roles=(RoleGrant(value="netops", role="operator"), RoleGrant(value="root", role="owner")),
    )

    def come(self, **claims: object) -> Reply:
        self.site.claims = claims
        return self.log_in()

    def test_who_comes_for_the_first_time_is_made_a_user_with_the_highest_role_granted(self) -> None:
        mail = {"email": "bob@example.net", "email_verified": True}
        self.assertIn_as(self.come(**mail), "bob", "user")
        self.assertIn_as(self.come(groups=["netops", "x"], **mail), "bob", "operator")
        self.assertIn_as(self.come(groups=["netops", "root"], **mail), "bob", "owner")
        self.assertIn_as(self.come(groups="netops", **mail), "bob", "operator")
        self.assertIn_as(self.come(**mail), "bob", "user")

    def test_a_name_that_is_taken_stays_its_users(self) -> None:
        reply = self.come(sub="named", preferred_username="Ann")
        name = self.call("GET", "/me", token=None, cookie=cookie_of(reply)).json["name"]
        self.assertRegex(name, "^ann-[a-z2-7]{7}$")
        self.assertEqual(self.login(name, "").status, 401)

    def test_only_domains_and_subjects_that_are_named_come_in(self) -> None:
        self.assertRefused(self.come())
        self.assertRefused(self.come(email="eve@example.net"))
        self.assertRefused(self.come(email="eve@example.net.evil.example", email_verified=True))
        self.assertRefused(self.come(email="eve@sub.example.net", email_verified=True))
        self.assertRefused(self.come(email="eve@example.net", email_verified="true"))
        self.assertEqual(self.come(sub="named").header("Location"), "/")

    def test_the_last_owner_stays_one(self) -> None:
        users = self.call("GET", "/users").json["items"]
        self.call("PUT", f"/users/{users[0]['id']}/identity", {"subject": "named"})
        self.assertIn_as(self.come(sub="named"), "ann", "owner")


class NoProviderTests(ApiCase):
    def test_there_is_no_way_in(self) -> None:
        self.assertEqual(self.call("GET", "/auth/methods", token=None).json, {"oidc": None})
        for path in ("/auth/oidc/start", "/auth/oidc/callback?code=1&state=2"):
            self.assertEqual(self.call("GET", path, token=None).status, 404)


def cookie_of(reply: Reply) -> str:
    return (reply.header("Set-Cookie") or "").partition(";")[0]


def value_of(cookie: str) -> str:
    return cookie.partition("=")[2]
