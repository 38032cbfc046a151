"""What went wrong at rivals and has no better place: one test for each (the others are named where they are)."""

from twisted.logger import LogEvent, formatEvent, globalLogPublisher

from zerogo.store.audit import list_lines
from zerogo.store.paging import Paging
from zerogo.test.controller.stock import OWNER_TOKEN, PASSWORD, ApiCase


class AdvisoryTests(ApiCase):
    def test_no_name_can_carry_another_line_or_markup(self) -> None:
        """nebula-mesh 2026: YAML injected through what a node was called."""
        node = self.join("ann").node_id
        for name in ("a\nb: c", "a: b", "{a}", "a#b", "&a", "*a", "!a", "'a", '"a', "a b", "<a>", "a\x00", "a\u2028b"):
            for method, path, body in (
                ("POST", "/networks", {"name": name}),
                ("PATCH", f"/networks/{self.network}", {"name": name}),
                ("PATCH", f"/networks/{self.network}/members/{node}", {"name": name}),
                ("POST", "/users", {"name": name, "password": PASSWORD}),
            ):
                reply = self.call(method, path, body, if_match="*")
                self.assertEqual((reply.status, reply.json["code"]), (422, "invalid"), f"{method} {path} {name!r}")

    def test_no_secret_reaches_the_log_the_audit_or_an_error(self) -> None:
        """CVE-2023-47390: bearer tokens in the log."""
        seen: list[str] = []

        def observe(event: LogEvent) -> None:
            seen.append(f"{formatEvent(event)} {event}")

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)
        self.bootstrap()
        given = self.login().json
        body = {"name": "ci", "scopes": ["networks:read"]}
        api_token = self.call("POST", "/tokens", body, token=given["token"]).json["token"]
        cookie = self.call("POST", "/auth/session", {"name": "ann", "password": PASSWORD}, token=None)
        invite = self.call("POST", f"/networks/{self.network}/invites", {}).json["join_url"]
        secrets = [PASSWORD, OWNER_TOKEN, given["token"], given["refresh_token"], api_token, invite.rpartition("/")[2]]
        secrets.append((cookie.header("Set-Cookie") or "").partition(";")[0].partition("=")[2])
        for token in (given["token"], api_token, api_token + "x", given["refresh_token"]):
            seen.append(self.call("GET", "/none", token=token).text)
            seen.append(self.call("POST", "/networks", {"name": "home"}, token=token).text)
        seen.append(self.call("POST", "/auth/refresh", {"refresh_token": given["refresh_token"] + "x"}).text)
        seen += map(repr, self.database.read(list_lines, Paging()).items)
        text = "\n".join(seen)
        for secret in secrets:
            self.assertGreater(len(secret), 9)
            self.assertNotIn(secret, text)

    def test_there_is_no_account_that_nobody_made(self) -> None:
        """CVE-2025-10678, and accounts such as admin/admin: none before the bootstrap, and that needs the secret."""
        for name in ("admin", "owner", "root", "user", "zerogo"):
            for password in (name, "", "password", "changeme"):
                self.clock.advance(600.0)
                body = {"name": name, "password": password}
                self.assertEqual(self.call("POST", "/auth/login", body, token=None).status, 401)

    def test_a_page_cannot_reach_the_api_by_another_name(self) -> None:
        """CVE-2022-41924: a rebound name brings no credentials, and no answer allows another origin."""
        for method in ("GET", "OPTIONS"):
            reply = self.call(method, "/networks", token=None, host="evil.example", origin="http://evil.example")
            self.assertIn(reply.status, (401, 405))
            self.assertIsNone(reply.header("Access-Control-Allow-Origin"))
