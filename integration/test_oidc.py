"""A login by a provider over real sockets: a browser's requests, a controller's process, and a provider that serves
HTTP on loopback and signs its own tokens."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from integration.control_agents import ControllerProcess
from zerogo.net.fetch import Wanted
from zerogo.test.controller.oidc_site import CLIENT, SECRET, OidcSite

LIMIT_SECONDS = 30.0
OIDC = """\
local-browsers: true
oidc:
  issuer: {issuer}
  client-id: {client}
  client-secret: file:{secret}
  dashboard: http://127.0.0.1:{port}
  subjects: [8c2f1a]
  roles: [{{value: netops, role: admin}}]
  create-users: true"""


def serve(site_of: Callable[[str], OidcSite]) -> tuple[ThreadingHTTPServer, OidcSite]:
    """The provider behind a real HTTP server."""

    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length", "0"))
            headers = {name.lower(): value for name, value in self.headers.items()}
            wanted = Wanted(method=self.command, url=self.path, headers=headers, body=self.rfile.read(length))
            answer = site.answer(wanted)
            self.send_response(answer.status)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        do_POST = do_GET

        def log_message(self, format: str, *arguments: object) -> None:
            """Trial's output is not the place."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    site = site_of(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, site


class OidcTests(TestCase):
    timeout = 300

    async def setUp(self) -> None:
        directory = Path(tempfile.mkdtemp(prefix="zerogo-oidc-"))
        self.addCleanup(shutil.rmtree, directory)
        self.server, self.site = serve(lambda issuer: OidcSite(issuer, time.time))
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        secret = directory / "secret"
        secret.touch(mode=0o600)
        secret.write_text(SECRET)
        self.controller = ControllerProcess(directory)
        self.addCleanup(self.controller.kill)
        values = {"issuer": self.site.issuer, "client": CLIENT, "secret": secret, "port": self.controller.port}
        with self.controller.config.open("a") as config:
            config.write(OIDC.format(**values) + "\n")
        self.controller.start()
        await self.controller.wait_until_up()

    async def test_a_browser_logs_in_and_a_wrong_token_does_not(self) -> None:
        await deferToThread(self.log_in)

    def log_in(self) -> None:
        with httpx.Client(base_url=f"http://127.0.0.1:{self.controller.port}", timeout=LIMIT_SECONDS) as browser:
            self.site.claims = {"preferred_username": "bob", "groups": ["netops"], "aud": "another"}
            self.assertEqual(self.come_back(browser), "/?oidc=refused")
            self.assertEqual(browser.get("/api/v1/me").status_code, 401)
            del self.site.claims["aud"]
            self.assertEqual(self.come_back(browser), "/")
            me = browser.get("/api/v1/me").json()
            self.assertEqual((me["name"], me["role"]), ("bob", "admin"))
            self.server.shutdown()
            self.server.server_close()
            self.assertEqual(browser.get("/api/v1/me").json(), me)
            self.assertEqual(self.come_back(browser), "/?oidc=unavailable")

    def come_back(self, browser: httpx.Client) -> str:
        started = browser.get("/api/v1/auth/oidc/start")
        self.assertEqual(started.status_code, 303, started.text)
        back = browser.get(self.site.log_in(started.headers["location"]))
        self.assertEqual(back.status_code, 303, back.text)
        return str(back.headers["location"])
