"""The eleven advisories of 2026 about the rival that is closest to this controller, each as a test of ours."""

from __future__ import annotations

import json
from pathlib import Path

from treq.testing import StubTreq
from twisted.web.resource import IResource

import zerogo.controller
import zerogo.store
from zerogo.control.connection import ConnectionState
from zerogo.control.lock import OwnerLock
from zerogo.controller.caller import Caller
from zerogo.controller.dispatch import api_resource
from zerogo.controller.openapi import openapi_document
from zerogo.controller.routes import ROUTES
from zerogo.controller.tickets import Tickets
from zerogo.store import exit_gateways, second_factors
from zerogo.store.exit_values import KeyKind
from zerogo.store.second_factors import STEP_SECONDS, Verdict, code_at
from zerogo.store.values import Role
from zerogo.test.control.pair import Pair
from zerogo.test.controller.stock import PASSWORD, ApiCase, Reply

HOST = "zerogo.example.net"


class ElevenTests(ApiCase):
    def setUp(self) -> None:
        super().setUp()
        self.bootstrap()
        self.opened = self.call("POST", "/auth/session", {"name": "ann", "password": PASSWORD}, token=None)
        self.cookie = (self.opened.header("Set-Cookie") or "").partition(";")[0]

    def add(self, name: str, role: str) -> str:
        made = self.call("POST", "/users", {"name": name, "password": PASSWORD, "role": role})
        self.assertEqual(made.status, 201, made.text)
        return str(self.login(name).json["token"])

    def make_token(self) -> Reply:
        body = {"name": "ci", "scopes": ["networks:read"]}
        return self.call("POST", "/tokens", body, token=self.login().json["token"])

    def test_01_no_csrf_token_on_mutations(self) -> None:
        for route in ROUTES:
            if route.method != "GET" and route.needs is not None:
                path = (
                    route.path.replace("<string:network>", str(self.network)).replace("<string:", "").replace(">", "")
                )
                reply = self.call(route.method, path, {}, token=None, cookie=self.cookie)
                self.assertEqual((reply.status, reply.json["code"]), (403, "csrf"), route.endpoint)

    def test_02_an_api_without_ownership_checks(self) -> None:
        eve = self.add("eve", "user")
        made = self.make_token()
        self.assertEqual(self.call("GET", "/tokens", token=eve).json["items"], [])
        self.assertEqual(self.call("DELETE", f"/tokens/{made.json['id']}", token=eve).status, 403)
        node = self.join("laptop").node_id
        other = self.make_network("other").network
        for method, body in (("GET", None), ("PATCH", {"name": "x"}), ("DELETE", None)):
            self.assertEqual(self.call(method, f"/networks/{other}/members/{node}", body).status, 404)

    def test_03_a_new_key_in_the_address_of_a_redirect(self) -> None:
        made = (
            self.make_token(),
            self.call("POST", f"/networks/{self.network}/invites", {}),
            self.call("POST", "/exits/keys", {"kind": "gateway"}),
            self.opened,
        )
        for reply in made:
            self.assertEqual((reply.status, reply.header("Location")), (201, None))
        redirects = [route.endpoint for route in ROUTES if 300 <= route.status < 400]
        self.assertEqual(redirects, ["GET /auth/oidc/start", "GET /auth/oidc/callback"])

    def test_04_the_audit_log_for_any_operator(self) -> None:
        for role, status in (("user", 403), ("operator", 403), ("auditor", 200), ("admin", 200)):
            token = self.add(f"a-{role}", role)
            for path in ("/audit", "/audit/check"):
                self.assertEqual(self.call("GET", path, token=token).status, status, role)

    def test_05_enrolment_tokens_as_they_are_in_the_database(self) -> None:
        _, exit_key = self.database.write(
            exit_gateways.create_key, KeyKind.EDGE, 60.0, "tester", self.rng, self.unix_now
        )
        texts = (self.make_token().json["token"], self.login().json["refresh_token"], self.cookie.partition("=")[2])
        secrets = [self.invite(), exit_key, PASSWORD.encode(), *(text.rpartition("_")[2].encode() for text in texts)]
        self.database.close()
        for path in self.path.parent.iterdir():
            for secret in secrets:
                self.assertGreaterEqual(len(secret), 20)
                self.assertNotIn(secret, path.read_bytes())
        self.database = type(self.database).open_file(self.path)

    def test_06_a_session_cookie_without_secure(self) -> None:
        parts = (self.opened.header("Set-Cookie") or "").split("; ")
        self.assertTrue(parts[0].startswith("__Host-"))
        self.assertLessEqual({"Secure", "HttpOnly", "SameSite=Strict", "Path=/"}, set(parts))

    def test_07_no_policy_for_content_transport_and_frames(self) -> None:
        for reply in (self.opened, self.over_tls(HOST), self.call("GET", "/none")):
            self.assertEqual(reply.header("Content-Security-Policy"), "default-src 'none'; frame-ancestors 'none'")
        self.assertEqual(self.over_tls(HOST).header("Strict-Transport-Security"), "max-age=31536000")
        # Browsers heed it for all ports of a host: at another one it is not for us to say.
        self.assertIsNone(self.over_tls(f"{HOST}:9443").header("Strict-Transport-Security"))
        self.assertIsNone(self.opened.header("Strict-Transport-Security"))

    def over_tls(self, host: str) -> Reply:
        resource: IResource = api_resource(self.desk, ROUTES)
        self.treq = StubTreq(resource)
        made = self.treq.get(f"https://{host}/api/v1/health")
        self.treq.flush()
        response = self.successResultOf(made)
        return Reply(response.code, response.headers, self.successResultOf(response.content()))

    def test_08_bundles_that_caches_keep(self) -> None:
        for reply in (
            self.opened,
            self.call("POST", f"/networks/{self.network}/invites", {}),
            self.call("POST", "/exits/keys", {"kind": "gateway"}),
            self.call("GET", f"/networks/{self.network}"),
        ):
            self.assertEqual(reply.header("Cache-Control"), "no-store")

    def test_09_yaml_out_of_what_a_node_is_called(self) -> None:
        node = self.join("laptop").node_id
        for name in ("a\nb: c", "a: b", "{a}", "*a", '"a', "a\u2028b"):
            reply = self.call("PATCH", f"/networks/{self.network}/members/{node}", {"name": name})
            self.assertEqual((reply.status, reply.json["code"]), (422, "invalid"), repr(name))

    def test_10_the_key_that_admits_left_in_memory(self) -> None:
        """Ours is never in the controller's: it is told the public key and signatures, and takes nothing else."""
        document = json.dumps(openapi_document(ROUTES)["components"]["schemas"]["LockRequest"])
        self.assertNotIn("private", document)
        self.assertNotIn("seed", document)
        for body in ({"seed": "x" * 44}, {"private": "x" * 44}):
            self.assertEqual(self.call("PUT", f"/networks/{self.network}/lock", body).status, 422)
        for room in (zerogo.controller, zerogo.store):
            for path in sorted(Path(room.__path__[0]).rglob("*.py")):
                self.assertNotIn(OwnerLock.__name__, path.read_text(), str(path))

    def test_11_nonces_in_a_bounded_memory(self) -> None:
        """What is good once is so after a restart: it is in the database, or worth nothing without what was lost."""
        pair, fresh = Pair(), Pair()
        ann = pair.agent("ann")
        pair.connect(ann)
        fresh.coordinator.connection_opened(1, "192.0.2.9", 0.0)
        for frame in ann.frames:
            fresh.coordinator.receive_message(1, frame, 0.0)
        self.assertNotIn(ConnectionState.MEMBER, [one.state for one in fresh.coordinator._connections.values()])
        ticket = self.desk.tickets.issue(Caller("", "owner", Role.OWNER), self.rng, 0.0)
        self.assertIsNone(Tickets().redeem(ticket, 0.0))
        user = self.call("GET", "/users").json["items"][0]["id"]
        secret = self.database.write(second_factors.begin, user, self.rng, self.unix_now)
        step = int(self.unix_now // STEP_SECONDS)
        self.database.write(second_factors.confirm, user, code_at(secret, step), self.rng, self.unix_now)
        self.assertIs(self.check_code(user, code_at(secret, step)), Verdict.WRONG)

    def check_code(self, user: str, code: str) -> Verdict:
        """As a controller that was started anew does: nothing but the database knows."""
        self.database.close()
        self.database = type(self.database).open_file(self.path)
        return self.database.write(second_factors.check, user, code, self.unix_now)
