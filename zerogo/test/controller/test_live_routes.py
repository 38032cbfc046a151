from zerogo.controller.tickets import TICKET_SECONDS
from zerogo.test.controller.stock import ApiCase


class LiveRoutesTests(ApiCase):
    def test_a_ticket_is_the_callers(self) -> None:
        self.bootstrap()
        token = self.login().json["token"]
        made = self.call("POST", "/websocket-tickets", token=token)
        self.assertEqual((made.status, made.json["expires_in"]), (201, TICKET_SECONDS))
        caller = self.desk.tickets.redeem(made.json["ticket"], self.clock.seconds())
        assert caller is not None
        self.assertEqual(caller.name, "ann")
        self.assertIsNone(self.desk.tickets.redeem(made.json["ticket"], self.clock.seconds()))

    def test_a_browser_brings_its_csrf_token(self) -> None:
        self.bootstrap()
        opened = self.call("POST", "/auth/session", {"name": "ann", "password": "correct horse battery"}, token=None)
        cookie = (opened.header("Set-Cookie") or "").partition(";")[0]
        refused = self.call("POST", "/websocket-tickets", token=None, cookie=cookie)
        self.assertEqual(refused.json["code"], "csrf")
        csrf = opened.json["csrf_token"]
        made = self.call("POST", "/websocket-tickets", token=None, cookie=cookie, x_csrf_token=csrf)
        self.assertEqual(made.status, 201)

    def test_relays_are_those_that_members_are_told_of(self) -> None:
        found = self.call("GET", "/relays").json["items"]
        self.assertEqual([(each["id"], each["udp"]) for each in found], [("here", 3478)])
