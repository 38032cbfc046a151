import json
import re

from sqlalchemy import update
from twisted.internet.defer import Deferred

from zerogo.control.token import JoinToken
from zerogo.controller.desk import Route
from zerogo.controller.login_limits import FREE_ATTEMPTS
from zerogo.controller.passwords import Verdict
from zerogo.controller.routes import ROUTES
from zerogo.controller.user_routes import SCOPES
from zerogo.store import api_tokens, tables, users
from zerogo.store.api_tokens import NewApiToken
from zerogo.store.errors import StoreFault, StoreFull
from zerogo.store.paging import Paging
from zerogo.store.users import Actor
from zerogo.store.values import Role
from zerogo.test.control.pair import KEY_HASH
from zerogo.test.controller.stock import OWNER_TOKEN, PASSWORD, ApiCase, Reply

NODE = "a" * 16
BODIES: dict[str, object] = {
    "POST /bootstrap": {"secret": "x", "name": "eve", "password": PASSWORD},
    "POST /auth/login": {"name": "eve", "password": PASSWORD},
    "POST /auth/session": {"name": "eve", "password": PASSWORD},
    "POST /auth/refresh": {"refresh_token": "x"},
    "POST /auth/logout": {"refresh_token": "x"},
    "PUT /me/password": {"password": PASSWORD, "new_password": PASSWORD},
    "POST /users": {"name": "made", "password": PASSWORD},
    "PATCH /users/<string:user>": {"is_disabled": True},
    "PUT /users/<string:user>/identity": {"subject": "s"},
    "POST /tokens": {"name": "made", "scopes": ["networks:read"]},
    "POST /networks": {"name": "made"},
    "POST /webhooks": {"url": "https://example.net/hook", "kinds": ["*"]},
    "PATCH /webhooks/<string:webhook>": {"is_enabled": False},
    "PATCH /networks/<string:network>": {"mtu": 1300},
    "POST /networks/<string:network>/invites": {},
    "PATCH /networks/<string:network>/members/<string:node>": {"state": "approved"},
    "POST /networks/<string:network>/members/<string:node>/subnets": {"subnet": "10.1.0.0/24", "is_approved": True},
    "PUT /networks/<string:network>/policy": {"text": "default: allow"},
    "POST /networks/<string:network>/policy/check": {"text": ""},
    "POST /networks/<string:network>/policy/preview": {"text": ""},
    "POST /networks/<string:network>/policy/rollback": {"revision": 1},
    "POST /exits/users": {"name": "made", "password": PASSWORD},
    "PATCH /exits/users/<string:user>": {"is_paused": True},
    "POST /exits/packages": {"name": "made", "bytes": 1},
    "PATCH /exits/packages/<string:package>": {"bytes": 2},
    "PATCH /exits/gateways/<string:gateway>": {"is_draining": True},
    "PATCH /exits/edges/<string:edge>": {"is_denied": True},
    "POST /exits/keys": {"kind": "gateway"},
    "POST /exits/denials": {"range": "192.0.2.0/24"},
}
OPEN = {
    "GET /health": 200,
    "GET /openapi.json": 200,
    "GET /auth/methods": 200,
    "GET /auth/oidc/start": 404,
    "GET /auth/oidc/callback": 404,
    "POST /auth/logout": 204,
}
MAY = {
    Role.USER: {
        "GET /me/second-factor",
        "POST /me/second-factor",
        "PUT /me/second-factor",
        "POST /me/second-factor/removal",
        "GET /me",
        "GET /tokens",
        "POST /tokens",
        "DELETE /tokens/<string:token>",
        "GET /auth/session",
        "PUT /me/password",
        "DELETE /auth/session",
        "DELETE /auth/sessions",
        "POST /websocket-tickets",
    },
    Role.AUDITOR: {
        "GET /networks/<string:network>/names",
        "GET /networks/<string:network>/lock",
        "GET /networks/<string:network>/lock/members",
        "GET /networks",
        "GET /networks/<string:network>",
        "GET /networks/<string:network>/invites",
        "GET /networks/<string:network>/members",
        "GET /networks/<string:network>/members/<string:node>",
        "GET /peers",
        "GET /relays",
        "GET /networks/<string:network>/links",
        "GET /networks/<string:network>/links/<string:a>/<string:b>",
        "GET /networks/<string:network>/links/<string:a>/<string:b>/history",
        "GET /networks/<string:network>/links/<string:a>/<string:b>/changes",
        "GET /networks/<string:network>/course",
        "GET /networks/<string:network>/events",
        "GET /networks/<string:network>/policy",
        "POST /networks/<string:network>/policy/check",
        "POST /networks/<string:network>/policy/preview",
        "GET /networks/<string:network>/policy/explain",
        "GET /networks/<string:network>/flows",
        "GET /networks/<string:network>/policy/history",
        "GET /networks/<string:network>/policy/history/<string:revision>",
        "GET /users",
        "GET /users/<string:user>",
        "GET /audit",
        "GET /audit/check",
        "GET /exits/users",
        "GET /exits/users/<string:user>",
        "GET /exits/packages",
        "GET /exits/packages/<string:package>",
        "GET /exits/gateways",
        "GET /exits/gateways/<string:gateway>",
        "GET /exits/edges",
        "GET /exits/edges/<string:edge>",
        "GET /exits/keys",
        "GET /exits/denials",
        "GET /exits/stats/<string:kind>/<string:period>",
        "GET /exits/stats/<string:kind>/<string:period>/<string:subject>",
        "GET /exits/live",
        "GET /exits/streams",
        "GET /exits/users/<string:user>/streams",
        "GET /exits/select/explain",
    },
    Role.OPERATOR: {
        "PUT /networks/<string:network>/names/<string:name>",
        "DELETE /networks/<string:network>/names/<string:name>",
        "POST /exits/users",
        "PATCH /exits/users/<string:user>",
        "DELETE /exits/users/<string:user>",
        "POST /exits/users/<string:user>/kick",
        "PATCH /exits/gateways/<string:gateway>",
        "DELETE /exits/gateways/<string:gateway>/streams/<string:stream>",
        "PATCH /exits/edges/<string:edge>",
        "DELETE /exits/edges/<string:edge>",
        "POST /exits/edges/<string:edge>/kick",
        "POST /exits/denials",
        "DELETE /exits/denials/<string:denial>",
        "POST /networks/<string:network>/links/<string:a>/<string:b>/relay-test",
        "POST /networks/<string:network>/invites",
        "DELETE /networks/<string:network>/invites/<string:invite>",
        "PATCH /networks/<string:network>/members/<string:node>",
        "POST /networks/<string:network>/members/<string:node>/subnets",
        "DELETE /networks/<string:network>/members/<string:node>",
    },
    Role.ADMIN: {
        "POST /exits/packages",
        "PATCH /exits/packages/<string:package>",
        "DELETE /exits/packages/<string:package>",
        "DELETE /exits/gateways/<string:gateway>",
        "POST /exits/keys",
        "DELETE /exits/keys/<string:key>",
        "POST /networks",
        "PATCH /networks/<string:network>",
        "DELETE /networks/<string:network>",
        "PUT /networks/<string:network>/policy",
        "POST /networks/<string:network>/policy/rollback",
        "POST /users",
        "PATCH /users/<string:user>",
        "DELETE /users/<string:user>",
        "GET /webhooks",
        "POST /webhooks",
        "PATCH /webhooks/<string:webhook>",
        "DELETE /webhooks/<string:webhook>",
        "POST /webhooks/<string:webhook>/test",
        "DELETE /users/<string:user>/second-factor",
        "GET /users/<string:user>/identity",
        "PUT /users/<string:user>/identity",
        "DELETE /users/<string:user>/identity",
        "PUT /networks/<string:network>/lock",
        "PUT /networks/<string:network>/lock/members/<string:node>",
    },
    Role.OWNER: set(),
}
"""What each role may beyond what those before it may; written out, so that a change of the table is seen."""
NOT_OPERATORS = {
    "GET /users",
    "GET /users/<string:user>",
    "GET /audit",
    "GET /audit/check",
    "GET /networks/<string:network>/flows",
    "GET /exits/streams",
    "GET /exits/users/<string:user>/streams",
}


class AuthorityTests(ApiCase):
    """Every route with every authority."""

    def fill(self, path: str) -> str:
        path = path.replace("<string:network>", str(self.network)).replace("<string:node>", NODE)
        path = path.replace("<string:gateway>", NODE)
        return re.sub("<string:.*?>", "none", path)

    def set_role(self, role: Role) -> None:
        self.database.write(lambda c: c.execute(update(tables.users).values(role=role.value)))

    def test_without_a_token_only_the_open_routes_answer(self) -> None:
        for route in ROUTES:
            reply = self.call(route.method, self.fill(route.path), BODIES.get(route.endpoint), token=None)
            if route.needs is not None:
                self.assertEqual((reply.status, reply.json["code"]), (401, "unauthorized"), route.endpoint)
                self.assertIn("Bearer", reply.header("WWW-Authenticate") or "")
            else:
                self.assertEqual(reply.status, OPEN.get(route.endpoint, 401), route.endpoint)

    def test_each_role_may_what_is_written_here_and_nothing_more(self) -> None:
        self.bootstrap()
        allowed: set[str] = set()
        for role, more in MAY.items():
            allowed |= more
            may = allowed - NOT_OPERATORS if role is Role.OPERATOR else allowed
            for route in ROUTES:
                if route.needs is not None:
                    reply = self.call_as(role, route)
                    self.assertEqual(reply.status != 403, route.endpoint in may, f"{role} {route.endpoint}")
                    self.assertNotEqual(reply.status, 401, route.endpoint)
                    self.assertLess(reply.status, 500, route.endpoint)
        self.assertEqual(allowed, {route.endpoint for route in ROUTES if route.needs is not None})

    def call_as(self, role: Role, route: Route) -> Reply:
        """With an If-Match that fits nothing, so that no network or user goes."""
        self.set_role(role)
        token = self.desk.tokens.issue(self.user_id())
        body = BODIES.get(route.endpoint)
        return self.call(route.method, self.fill(route.path), body, token=token, if_match='"none"')

    def user_id(self) -> str:
        return self.database.read(users.list_users, Paging()).items[0].user_id

    def test_an_api_token_reaches_the_routes_of_its_scopes_and_no_others(self) -> None:
        self.bootstrap()
        for scope in SCOPES:
            new = NewApiToken(user_id=self.user_id(), name="t", scopes=(scope,), lifetime=60.0)
            made, secret = self.database.write(
                api_tokens.create_token, new, Actor("", "owner"), self.rng, self.unix_now
            )
            token = f"zgo_api_{made.token_id}_{secret}"
            for route in ROUTES:
                if route.needs is not None:
                    body = BODIES.get(route.endpoint)
                    reply = self.call(route.method, self.fill(route.path), body, token=token, if_match='"none"')
                    is_refused = reply.status == 403 and reply.json["code"] == "scope"
                    is_creation = route.endpoint == "POST /tokens"
                    self.assertEqual(not is_refused, route.scope in ("", scope) and not is_creation, route.endpoint)
        reached = {route.scope for route in ROUTES} - {"", "account:read", "account:write"}
        self.assertEqual(reached, set(SCOPES))

    def test_a_role_taken_away_is_gone_at_once(self) -> None:
        self.bootstrap()
        token = self.login().json["token"]
        self.assertEqual(self.call("POST", "/networks", {"name": "one"}, token=token).status, 201)
        self.set_role(Role.AUDITOR)
        self.assertEqual(self.call("POST", "/networks", {"name": "two"}, token=token).status, 403)

    def test_foreign_tokens_are_refused(self) -> None:
        for token in ("", "x", "zgo_owner_wrong", OWNER_TOKEN + "x", "a.b.c", "é"):
            self.assertEqual(self.call("GET", "/networks", token=token).status, 401)
        self.assertEqual(self.call("GET", "/networks", token=None, authorization="Basic YTpi").status, 401)

    def test_the_owner_of_the_machine_needs_no_user(self) -> None:
        self.assertEqual(self.call("GET", "/me").json, {"id": "", "name": "owner", "role": "owner"})


class RequestTests(ApiCase):
    def test_no_path_leads_elsewhere(self) -> None:
        for path in ("//health", "/health//", "/health/", "/./health", "/../v1/health"):
            reply = self.call("GET", path, host="evil.example")
            self.assertEqual((reply.status, reply.header("Location")), (404, None), path)
            self.assertNotIn("evil", reply.text)

    def test_every_error_is_a_problem_document(self) -> None:
        cases = {
            404: self.call("GET", "/nothing"),
            405: self.call("PUT", "/networks"),
            415: self.call("POST", "/networks", {"name": "x"}, content_type="text/plain"),
            422: self.call("POST", "/networks", {"name": "x", "role": "owner"}),
        }
        for status, reply in cases.items():
            self.assertEqual((reply.status, reply.json["status"]), (status, status))
            self.assertEqual(reply.header("Content-Type"), "application/problem+json")
            self.assertTrue(reply.json["type"].startswith("urn:zerogo:problem:"))
        self.assertIn("GET", cases[405].header("Allow") or "")

    def test_bad_bodies_are_refused(self) -> None:
        for body in (b"", b"{", b"[]", b"null", b"\xff", b'{"name": 1}', b"[" * 5000, b'{"name": ""}'):
            self.assertEqual(self.call("POST", "/networks", body).status, 422, repr(body[:20]))

    def test_bad_ids_in_the_path_are_refused(self) -> None:
        for path in ("/networks/x", "/networks/%00", "/networks/aaaaaaaa/members", "/networks/..%2f..", "/networks/ä"):
            self.assertIn(self.call("GET", path).status, (400, 404, 422), path)

    def test_answers_are_not_cached_and_not_sniffed(self) -> None:
        reply = self.call("GET", "/networks")
        self.assertEqual(reply.header("Cache-Control"), "no-store")
        self.assertEqual(reply.header("X-Content-Type-Options"), "nosniff")

    def test_a_fault_of_the_store_shows_no_cause_to_the_caller(self) -> None:
        def fail(*_: object) -> None:
            raise StoreFault("disk /secret/path is full")

        self.patch(self.database, "read", fail)
        reply = self.call("GET", "/networks")
        self.assertEqual((reply.status, reply.json["code"]), (503, "store-failed"))
        self.assertNotIn("/secret/path", reply.text)

    def test_a_full_disk_is_told_to_the_caller(self) -> None:
        def fail(*_: object) -> None:
            raise StoreFull("the disk is full")

        self.patch(self.database, "read", fail)
        reply = self.call("GET", "/networks")
        self.assertEqual((reply.status, reply.json["code"]), (503, "store-failed"))
        self.assertIn("disk it is on is full", reply.json["detail"])

    def test_a_bug_is_logged_and_shows_nothing(self) -> None:
        def fail(*_: object) -> None:
            raise RuntimeError("very secret")

        self.patch(self.database, "read", fail)
        reply = self.call("GET", "/networks")
        self.assertEqual((reply.status, reply.json["code"]), (500, "internal"))
        self.assertNotIn("secret", reply.text)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)


class AccountTests(ApiCase):
    def test_the_first_user_is_made_once_with_the_secret(self) -> None:
        wrong = self.call("POST", "/bootstrap", {"secret": "x", "name": "eve", "password": PASSWORD}, token=None)
        self.assertEqual(wrong.status, 401)
        self.assertEqual(self.bootstrap().json["role"], "owner")
        self.assertFalse(self.bootstrap_path.exists())
        self.assertEqual(self.bootstrap("eve").status, 409)

    def test_short_passwords_are_refused(self) -> None:
        body = {"secret": "b" * 32, "name": "ann", "password": "123456789"}
        self.assertEqual(self.call("POST", "/bootstrap", body, token=None).status, 422)

    def test_a_login_gives_a_token_that_works_for_a_quarter_of_an_hour(self) -> None:
        self.bootstrap()
        token = self.login("ANN").json["token"]
        self.assertEqual(self.call("GET", "/me", token=token).json["name"], "ann")
        self.unix_now += 899
        self.assertEqual(self.call("GET", "/me", token=token).status, 200)
        self.unix_now += 2
        self.assertEqual(self.call("GET", "/me", token=token).status, 401)

    def test_an_unknown_name_and_a_wrong_password_look_alike(self) -> None:
        self.bootstrap()
        replies = [self.login("eve"), self.login("ann", "wrong password")]
        self.assertEqual(replies[0].json, replies[1].json)
        self.assertEqual(replies[0].status, 401)

    def test_guessing_is_slowed_and_not_for_ever(self) -> None:
        self.bootstrap()
        for _ in range(5):
            self.assertEqual(self.login(password="wrong").status, 401)
        reply = self.login()
        self.assertEqual((reply.status, reply.header("Retry-After")), (429, "1"))
        self.clock.advance(1.0)
        self.assertEqual(self.login().status, 200)

    def test_many_guesses_at_once_count_as_many(self) -> None:
        self.bootstrap()
        verdicts: list[Deferred[Verdict]] = []

        def verify(stored_hash: str | None, password: str) -> Deferred[Verdict]:
            verdicts.append(Deferred())
            return verdicts[-1]

        self.patch(self.desk.passwords, "verify", verify)
        body = json.dumps({"name": "ann", "password": "guess"}).encode()
        for _ in range(20):
            url, headers = "http://controller/api/v1/auth/login", {"content-type": "application/json"}
            self.treq.request("POST", url, data=body, headers=headers).addErrback(lambda _: None)
        self.treq.flush()
        self.assertEqual(len(verdicts), FREE_ATTEMPTS)

    def test_guessing_the_bootstrap_secret_is_slowed(self) -> None:
        body = {"secret": "x", "name": "eve", "password": PASSWORD}
        replies = [self.call("POST", "/bootstrap", body, token=None).status for _ in range(6)]
        self.assertEqual(replies, [401] * 5 + [429])


class NetworkRouteTests(ApiCase):
    def test_ranges_that_mean_something_else_are_refused(self) -> None:
        v4 = (
            "0.0.0.0/0",
            "0.0.0.0/8",
            "127.1.0.0/16",
            "169.254.0.0/16",
            "224.0.0.0/8",
            "255.255.255.0/24",
            "10.0.0.0/31",
        )
        v6 = ("::/0", "::/96", "fe80::/64", "fe80::%eth0/64", "ff02::/64", "::ffff:10.0.0.0/104", "10.0.0.0/8")
        for body in [{"ipv4": text} for text in v4] + [{"ipv6": text} for text in v6]:
            reply = self.call("POST", "/networks", {"name": "odd", **body})
            self.assertEqual((reply.status, reply.json["code"]), (422, "invalid"), body)

    def test_an_invite_that_nobody_could_read_is_not_made(self) -> None:
        path = f"/networks/{self.network}/invites"
        long = ".".join("a" * 60 for _ in range(4)) + ":65535"
        for addresses in ([long] * 8, ["[fe80::1%a'b]:1"]):
            self.assertEqual(self.call("POST", path, {"addresses": addresses}).status, 422)
        self.assertEqual(self.call("GET", path).json["items"], [])

    def test_a_network_is_made_shown_changed_and_deleted(self) -> None:
        made = self.call("POST", "/networks", {"name": "lab", "ipv4": "10.20.0.0/24"}).json
        self.assertEqual((made["name"], made["ipv4"], made["psk_mode"]), ("lab", "10.20.0.0/24", "managed"))
        path = f"/networks/{made['id']}"
        self.assertEqual(self.call("GET", path).json, made)
        self.assertEqual(self.call("PATCH", path, {"mtu": 1300}, if_match="*").json["mtu"], 1300)
        self.assertEqual([one["name"] for one in self.call("GET", "/networks").json["items"]], ["home", "lab"])
        self.assertEqual(self.call("DELETE", path).status, 204)
        self.assertEqual(self.call("GET", path).status, 404)
        self.assertEqual([said[0] for said in self.told.said], ["changed", "changed", "deleted"])

    def test_no_answer_holds_the_networks_key(self) -> None:
        psk = self.make_network("lab").psk
        assert psk is not None
        text = self.call("GET", "/networks").text
        self.assertNotIn(psk.hex(), text)
        self.assertNotIn('"psk"', text)

    def test_conflicts_and_wrong_values_say_so(self) -> None:
        self.assertEqual(self.call("POST", "/networks", {"name": "home"}).status, 409)
        self.assertEqual(self.call("POST", "/networks", {"name": "a b"}).status, 422)
        self.assertEqual(self.call("POST", "/networks", {"name": "x", "ipv4": "1.2.3.4/5"}).status, 422)
        self.assertEqual(self.call("POST", "/networks", {"name": "x", "mtu": 100}).status, 422)

    def test_an_invite_shows_its_url_once(self) -> None:
        path = f"/networks/{self.network}/invites"
        made = self.call("POST", path, {"uses": 3, "approval": "manual"}).json
        token = JoinToken.parse(made["join_url"])
        self.assertEqual((token.network, token.key_hash), (self.network, KEY_HASH))
        self.assertEqual(token.addresses, ("192.0.2.1:9394",))
        listed = self.call("GET", path)
        self.assertNotIn(token.secret, listed.text)
        self.assertEqual(listed.json["items"][0]["uses_left"], 3)
        self.assertEqual(self.call("DELETE", f"{path}/{made['id']}").status, 204)
        self.assertTrue(self.call("GET", path).json["items"][0]["is_revoked"])
        self.assertEqual(self.call("DELETE", f"{path}/none").status, 404)

    def test_the_caller_may_say_how_the_controller_is_reached(self) -> None:
        path = f"/networks/{self.network}/invites"
        made = self.call("POST", path, {"addresses": ["vpn.example.org", "[2001:db8::1]:80"]}).json
        token = JoinToken.parse(made["join_url"])
        self.assertEqual(token.addresses, ("vpn.example.org:9394", "[2001:db8::1]:80"))
        self.assertEqual(self.call("POST", path, {"addresses": ["a b"]}).status, 422)
