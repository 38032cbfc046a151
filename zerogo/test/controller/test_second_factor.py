"""Logging in with a second factor."""

from __future__ import annotations

import base64
from urllib.parse import parse_qs, urlsplit

from zerogo.store.second_factors import STEP_SECONDS, code_at
from zerogo.test.controller.stock import PASSWORD, ApiCase, Reply

OWN = "/me/second-factor"


class SecondFactorTests(ApiCase):
    def setUp(self) -> None:
        super().setUp()
        self.bootstrap()
        self.access = self.login().json["token"]

    def log_in(self, code: str = "") -> Reply:
        body = {"name": "ann", "password": PASSWORD, "code": code}
        return self.call("POST", "/auth/login", body, token=None)

    def code(self) -> str:
        return code_at(self.secret, int(self.unix_now // STEP_SECONDS))

    def switch_on(self) -> list[str]:
        made = self.call("POST", OWN, {"password": PASSWORD}, token=self.access)
        self.assertEqual(made.status, 201, made.json)
        query = parse_qs(urlsplit(made.json["uri"]).query)
        self.assertEqual(query["secret"], [made.json["secret"]])
        self.secret = base64.b32decode(made.json["secret"])
        answer = self.call("PUT", OWN, {"code": self.code()}, token=self.access)
        self.assertEqual(answer.status, 200, answer.json)
        self.unix_now += STEP_SECONDS
        return list(answer.json["recovery_codes"])

    def test_password_and_code_are_both_needed(self) -> None:
        self.assertFalse(self.call("GET", OWN, token=self.access).json["is_on"])
        self.switch_on()
        self.assertTrue(self.call("GET", OWN, token=self.access).json["is_on"])
        refused = self.log_in()
        self.assertEqual((refused.status, refused.json["code"]), (401, "second-factor"))
        self.assertEqual(self.log_in(self.code()).status, 200)
        self.assertEqual(self.log_in(self.code()).status, 401)
        self.unix_now += STEP_SECONDS
        body = {"name": "ann", "password": PASSWORD, "code": self.code()}
        self.assertEqual(self.call("POST", "/auth/session", body, token=None).status, 201)

    def test_a_wrong_password_says_nothing_of_the_second_factor(self) -> None:
        self.switch_on()
        body = {"name": "ann", "password": "a wrong password", "code": self.code()}
        self.assertEqual(self.call("POST", "/auth/login", body, token=None).json["code"], "unauthorized")

    def test_guessing_codes_is_slowed_down(self) -> None:
        self.switch_on()
        statuses = [self.log_in("000000").status for _ in range(8)]
        self.assertEqual(statuses[0], 401)
        self.assertEqual(statuses[-1], 429)

    def test_a_recovery_code_lets_in_once(self) -> None:
        codes = self.switch_on()
        self.assertEqual([self.log_in(codes[3]).status for _ in range(2)], [200, 401])

    def test_the_password_is_needed_to_switch_it_on_and_off(self) -> None:
        wrong = {"password": "a wrong password"}
        self.assertEqual(self.call("POST", OWN, wrong, token=self.access).status, 401)
        self.switch_on()
        self.assertEqual(self.call("POST", f"{OWN}/removal", wrong, token=self.access).status, 401)
        self.assertEqual(self.call("POST", f"{OWN}/removal", {"password": PASSWORD}, token=self.access).status, 204)
        self.assertEqual(self.log_in().status, 200)

    def test_an_owner_helps_who_lost_it(self) -> None:
        self.switch_on()
        user = self.call("GET", "/me", token=self.access).json["id"]
        self.assertEqual(self.call("DELETE", f"/users/{user}/second-factor").status, 204)
        self.assertEqual(self.log_in().status, 200)

    def test_the_owner_of_the_machine_has_none(self) -> None:
        self.assertEqual(self.call("GET", OWN).status, 409)
