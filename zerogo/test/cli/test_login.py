"""`zerogo login`, against a real controller; what is kept, and which URLs are taken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase

from zerogo.cli import logins
from zerogo.cli.login import NoUrl, base_url, login, logout
from zerogo.cli.logins import LOGIN_FILE, DamagedLogin, forget_access, store_access, stored_access, user_directory
from zerogo.cli.networks import networks
from zerogo.cli.owner_api import Access, ControllerRefused, ControllerSilent, RemoteApi
from zerogo.test.controller.test_service import ControllerCase

PASSWORD = "a long enough one"


class UrlTests(SynchronousTestCase):
    def test_what_is_a_url(self) -> None:
        for text, url in {
            "https://c.example": "https://c.example",
            "c.example:9394": "https://c.example:9394",
            "https://c.example/zerogo/": "https://c.example/zerogo",
            "https://c.example/api/v1": "https://c.example",
            "http://localhost:9394": "http://localhost:9394",
            "http://[::1]:9394": "http://[::1]:9394",
        }.items():
            self.assertEqual(base_url(text, is_insecure=False), url)
        self.assertEqual(base_url("http://c.example", is_insecure=True), "http://c.example")

    def test_what_is_none(self) -> None:
        for text in ("ftp://c.example", "https://", "https://u:p@c.example", "http://c.example", "https://c:x", ""):
            self.assertRaises(NoUrl, base_url, text, is_insecure=False)


class KeptTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute()
        self.patch(logins, "user_directory", lambda: self.directory)

    def test_a_login_is_kept_for_this_user_only_and_forgotten(self) -> None:
        self.assertIsNone(stored_access())
        path = store_access(Access("https://c.example", "secret", ""), "id7")
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        self.assertEqual(stored_access(), Access("https://c.example", "secret", ""))
        self.assertNotIn("secret", repr(stored_access()))
        self.assertEqual(forget_access(), "id7")
        self.assertIsNone(stored_access())

    def test_a_damaged_file_is_one_sentence(self) -> None:
        store_access(Access("https://c.example", "secret", ""), "id7")
        for text in ("{", "[]", '{"url": 1}'):
            (self.directory / LOGIN_FILE).write_text(text)
            self.assertIn("log in again", str(self.assertRaises(DamagedLogin, stored_access)))

    def test_logging_out_is_the_way_out_of_a_damaged_file(self) -> None:
        store_access(Access("https://c.example", "secret", ""), "id7")
        (self.directory / LOGIN_FILE).write_text("{")
        result = CliRunner().invoke(logout, [])
        self.assertEqual((result.exit_code, stored_access()), (0, None))
        self.assertIn("was damaged", result.output)

    def test_the_users_directory(self) -> None:
        self.assertEqual(user_directory({"XDG_CONFIG_HOME": "/x"}), Path("/x/zerogo"))
        self.assertEqual(user_directory({"XDG_CONFIG_HOME": "x"}), Path.home() / ".config" / "zerogo")


class RemoteTests(ControllerCase):
    def called(self, command: Any, *arguments: str, text: str = "") -> Deferred[Result]:
        return deferToThread(lambda: CliRunner().invoke(command, list(arguments), input=text))

    async def test_a_user_administers_from_elsewhere_and_logs_out(self) -> None:
        directory = Path(self.mktemp()).absolute()
        self.patch(logins, "user_directory", lambda: directory)
        url = f"http://127.0.0.1:{self.service.port}"
        await self.request("POST", "/users", {"name": "anna", "password": PASSWORD, "role": "owner"})
        wrong = await self.called(login, url, "--user", "anna", text="a wrong password\n")
        self.assertIsInstance(wrong.exception, ControllerRefused)
        self.assertIsNone(stored_access())
        result = await self.called(login, url, "--user", "anna", text=f"{PASSWORD}\n")
        self.assertIsNone(result.exception)
        self.assertNotIn(PASSWORD, result.output)
        listed = await self.called(networks)
        self.assertIn("home", listed.output)
        access = stored_access()
        assert access is not None
        result = await self.called(logout)
        self.assertIn("logged out", result.output)
        error = await deferToThread(self.assertRaises, ControllerRefused, RemoteApi(access).call, "GET", "/networks")
        self.assertIn("not known", str(error))

    async def test_nobody_answers(self) -> None:
        api = RemoteApi(Access(f"http://127.0.0.1:{self.service.port}", "x"))
        await self.service.stopService()
        await deferToThread(self.assertRaises, ControllerSilent, api.call, "GET", "/networks")
