from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.controller.login_limits import FREE_ATTEMPTS
from zerogo.controller.proxies import HOPS_LIMIT, Proxies
from zerogo.test.controller.stock import ApiCase

PROXIES = Proxies.of(["127.0.0.1", "10.0.0.0/24", "::1"])


class SourceTests(SynchronousTestCase):
    def test_a_trusted_proxy_says_where_a_request_comes_from(self) -> None:
        for host in ("127.0.0.1", "10.0.0.9", "::1", "::ffff:127.0.0.1"):
            self.assertEqual(PROXIES.source(host, ["198.51.100.7"]), "198.51.100.7", host)
        self.assertEqual(PROXIES.source("127.0.0.1", [" 2001:db8::7 "]), "2001:db8::7")

    def test_nobody_else_does(self) -> None:
        self.assertEqual(PROXIES.source("192.0.2.1", ["198.51.100.7"]), "192.0.2.1")
        self.assertEqual(Proxies().source("127.0.0.1", ["198.51.100.7"]), "127.0.0.1")

    def test_what_the_one_who_asked_wrote_itself_counts_for_nothing(self) -> None:
        self.assertEqual(PROXIES.source("127.0.0.1", ["203.0.113.9, 198.51.100.7"]), "198.51.100.7")
        self.assertEqual(PROXIES.source("127.0.0.1", ["203.0.113.9", "198.51.100.7"]), "198.51.100.7")
        self.assertEqual(PROXIES.source("127.0.0.1", ["127.0.0.1, 198.51.100.7"]), "198.51.100.7")

    def test_several_proxies_in_a_row(self) -> None:
        self.assertEqual(PROXIES.source("127.0.0.1", ["203.0.113.9, 198.51.100.7, 10.0.0.4"]), "198.51.100.7")

    def test_without_an_address_it_is_the_proxy(self) -> None:
        for forwarded in ([], [""], ["unknown"], ["198.51.100.7, unknown"], ["198.51.100.7:80"], ["198.51.100.7,"]):
            self.assertEqual(PROXIES.source("127.0.0.1", forwarded), "127.0.0.1", forwarded)
        self.assertEqual(PROXIES.source("127.0.0.1", ["x, 10.0.0.4"]), "10.0.0.4")

    def test_only_so_many_entries_are_read(self) -> None:
        self.assertEqual(PROXIES.source("127.0.0.1", ["198.51.100.7" + ", 10.0.0.4" * HOPS_LIMIT]), "10.0.0.4")

    @settings(max_examples=150, deadline=None)
    @given(st.text(max_size=40), st.lists(st.text(max_size=60), max_size=3))
    def test_garbage_is_no_error(self, host: str, forwarded: list[str]) -> None:
        self.assertEqual(PROXIES.source(host, forwarded), host)


class BehindProxyTests(ApiCase):
    proxies = PROXIES

    def guess(self, **headers: str) -> int:
        body = {"name": "ann", "password": "a wrong password"}
        return self.call("POST", "/auth/login", body, token=None, **headers).status

    def test_guesses_are_counted_by_who_is_behind_the_proxy(self) -> None:
        self.bootstrap()
        guessing, other = "198.51.100.7", "203.0.113.9"
        statuses = [self.guess(x_forwarded_for=guessing) for _ in range(FREE_ATTEMPTS + 1)]
        self.assertEqual(statuses, [401] * FREE_ATTEMPTS + [429])
        self.assertEqual(self.guess(x_forwarded_for=f"{other}, {guessing}"), 429)
        self.assertEqual(self.guess(x_forwarded_for=other), 401)
