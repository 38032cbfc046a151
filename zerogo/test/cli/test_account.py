"""`zerogo account`, on the whole API in memory."""

from __future__ import annotations

import base64
import json
import re

from zerogo.cli import account as module
from zerogo.cli.account import account
from zerogo.store.second_factors import STEP_SECONDS, code_at
from zerogo.test.cli.test_networks import CommandCase, PromptApi
from zerogo.test.controller.stock import PASSWORD

NEW = "quite another one"


class AccountTests(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        self.bootstrap()
        body = {"name": "ci", "scopes": ["networks:read"]}
        self.token = self.call("POST", "/tokens", body, token=self.login().json["token"]).json["token"]
        self.patch(module, "controller_api", lambda state_dir: PromptApi(self, self.token))

    def code(self) -> str:
        """Of the authenticator; each is good once."""
        self.unix_now += STEP_SECONDS
        return code_at(self.secret, int(self.unix_now // STEP_SECONDS))

    def answered(self, *arguments: str, answers: tuple[str, ...], status: int = 0) -> str:
        result = self.invoke(account, *arguments, answer="".join(f"{answer}\n" for answer in answers))
        self.assertEqual(result.exit_code, status, f"{result.output} {result.exception!r}")
        for secret in (PASSWORD, NEW):
            self.assertNotIn(secret, result.output)
        return result.output

    def switch_on(self) -> list[str]:
        """The recovery codes."""
        # The secret is shown before the code is asked for, so a first try has none to give.
        shown = self.invoke(account, "second-factor", "enable", answer=f"{PASSWORD}\n000000\n")
        found = re.search(r"type ([A-Z2-7]+)", shown.output)
        assert found is not None, shown.output
        self.secret = base64.b32decode(found[1])
        api = PromptApi(self, self.login().json["token"])
        return list(api.call("PUT", "/me/second-factor", {"code": self.code()})["recovery_codes"])

    def test_who_one_is(self) -> None:
        self.assertEqual(self.run_ok(account), "ann, owner\nsecond factor: off\n")
        self.switch_on()
        self.assertIn("second factor: on, 10 recovery codes left", self.run_ok(account))
        found = json.loads(self.run_ok(account, "--json"))
        self.assertEqual((found["name"], found["second_factor"]["is_on"]), ("ann", True))

    def test_on_the_controllers_own_machine_one_says_who_one_is(self) -> None:
        self.patch(module, "controller_api", self.controller_api)
        self.assertIn("whoever may read the controller's files", self.run_ok(account))
        result = self.invoke(account, "password", answer=f"{PASSWORD}\n")
        self.assertIn("--user", result.output)
        self.answered("password", "--user", "ann", answers=(PASSWORD, NEW, NEW))

    def test_a_password_is_changed_by_who_knows_it(self) -> None:
        self.assertIn("ann has a new password", self.answered("password", answers=(PASSWORD, NEW, NEW)))
        self.assertEqual((self.login().status, self.login("ann", NEW).status), (401, 200))
        self.answered("password", answers=(PASSWORD, NEW, NEW), status=1)
        self.assertEqual(self.run_ok(account), "ann, owner\nsecond factor: off\n", "the API token stays")

    def test_all_sessions_end(self) -> None:
        held = self.login().json
        self.assertIn("all sessions of ann", self.answered("log-out-everywhere", answers=(PASSWORD,)))
        self.assertEqual(self.call("POST", "/auth/refresh", {"refresh_token": held["refresh_token"]}).status, 401)

    def test_the_session_of_a_command_ends_with_it(self) -> None:
        shown: list[str] = []
        original = PromptApi.call

        def call(api: PromptApi, method: str, path: str, body: object = None, if_match: str = "") -> object:
            answer = original(api, method, path, body, if_match)
            if path == "/auth/login":
                shown.append(answer["refresh_token"])
            return answer

        self.patch(PromptApi, "call", call)
        self.invoke(account, "second-factor", "disable", answer=f"{PASSWORD}\n")
        (token,) = shown
        self.assertEqual(self.call("POST", "/auth/refresh", {"refresh_token": token}).status, 401)

    def test_a_second_factor_counts_once_a_code_was_right(self) -> None:
        result = self.invoke(account, "second-factor", "enable", answer=f"{PASSWORD}\n000000\n000000\n000000\n")
        self.assertEqual((result.exit_code, result.output.count("the code is wrong")), (1, 2))
        self.assertIn("█", result.output)
        self.assertEqual(self.run_ok(account), "ann, owner\nsecond factor: off\n")

    def test_recovery_codes_are_shown_and_the_factor_goes_again(self) -> None:
        self.patch(module.click, "prompt", self.prompt)
        self.patch(module, "ask_password", lambda what: PASSWORD)
        shown = self.run_ok(account, "second-factor", "enable")
        codes = re.findall(r"^  (\S+)$", shown, re.MULTILINE)
        self.assertEqual(len(codes), 10)
        body = {"name": "ann", "password": PASSWORD}
        self.assertEqual(self.call("POST", "/auth/login", body, token=None).json["code"], "second-factor")
        self.assertEqual(self.call("POST", "/auth/login", {**body, "code": codes[0]}, token=None).status, 200)
        self.assertIn("with the password alone", self.run_ok(account, "second-factor", "disable"))
        self.assertEqual(self.call("POST", "/auth/login", body, token=None).status, 200)

    def prompt(self, text: str, **ignored: object) -> str:
        """Answers as somebody with the authenticator in their hand does."""
        self.assertEqual(text, "Code")
        secret = self.database.read(
            lambda connection: connection.exec_driver_sql("SELECT secret FROM second_factors").scalar_one()
        )
        self.secret = bytes(secret)
        return self.code()
