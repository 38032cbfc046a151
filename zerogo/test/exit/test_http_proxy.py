"""CONNECT and absolute-form requests, one after the other on one connection, and what is refused."""

from __future__ import annotations

import base64

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.exit.http_proxy import (
    HEAD_SECONDS,
    ExchangeEnded,
    HttpProxy,
    PayloadForTarget,
    RequestReceived,
    State,
)
from zerogo.exit.reason import Reason
from zerogo.exit.target import Target
from zerogo.secret import Secret
from zerogo.test.exit.test_http_head import SMUGGLED

AUTH = b"Proxy-Authorization: Basic " + base64.b64encode(b"bob:secret") + b"\r\n"
GET = b"GET http://a.example:8080/x?y=1 HTTP/1.1\r\nHost: evil\r\nConnection: X-Mine\r\nX-Mine: 1\r\n" + AUTH + b"\r\n"
POST = b"POST http://b.example HTTP/1.1\r\nHost: b.example\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"PUT http://b.example/ HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
CONNECT = b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n" + AUTH + b"\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class User:
    """A proxy, its user and the target in one."""

    def __init__(self) -> None:
        self.proxy = HttpProxy(0.0)
        self.requests: list[RequestReceived] = []
        self.to_target = b""
        self.ended = 0

    def take(self) -> bytes:
        for event in self.proxy.events():
            match event:
                case RequestReceived():
                    self.requests.append(event)
                case PayloadForTarget(data):
                    self.to_target += data
                case ExchangeEnded():
                    self.ended += 1
        return b"".join(self.proxy.outgoing())

    def send(self, data: bytes) -> bytes:
        self.proxy.receive(data, 0.0)
        return self.take()

    def open(self) -> bytes:
        self.proxy.allow()
        self.proxy.target_opened(0.0)
        return self.take()

    def answer(self, data: bytes) -> bytes:
        self.proxy.receive_target(data, 0.0)
        return self.take()


class HttpProxyTests(SynchronousTestCase):
    def test_connect_passes_bytes_both_ways_early_ones_too(self) -> None:
        user = User()
        user.send(CONNECT + b"early")
        self.assertEqual(user.requests, [RequestReceived(Target("a.example", 443), True, "bob", Secret("secret"))])
        self.assertEqual(user.open(), b"HTTP/1.1 200 Connection established\r\n\r\n")
        user.send(b" late")
        self.assertEqual((user.to_target, user.answer(b"\x16\x03")), (b"early late", b"\x16\x03"))

    def test_a_request_is_written_anew_for_its_target(self) -> None:
        user = User()
        user.send(GET)
        self.assertEqual(user.requests[0].target, Target("a.example", 8080))
        user.open()
        head = user.to_target.decode().lower()
        self.assertTrue(user.to_target.startswith(b"GET /x?y=1 HTTP/1.1\r\nHost: a.example:8080\r\n"))
        for word in ("evil", "x-mine", "proxy-authorization", "secret"):
            self.assertNotIn(word, head)
        self.assertIn("connection: close", head)

    def test_requests_to_several_hosts_follow_each_other_on_one_connection(self) -> None:
        user = User()
        user.send(GET + POST + CHUNKED)
        for at, host in enumerate(("a.example", "b.example", "b.example")):
            self.assertEqual((len(user.requests), user.requests[-1].target.host), (at + 1, host))
            user.open()
            self.assertIn(b"200 OK", user.answer(OK))
            self.assertEqual(user.ended, at + 1)
        self.assertEqual(user.to_target.count(b"hello"), 2)
        self.assertIs(user.proxy.state, State.HEAD)

    def test_a_response_without_a_length_is_framed_for_the_user(self) -> None:
        user = User()
        user.send(GET)
        user.open()
        got = user.answer(b"HTTP/1.0 200 OK\r\n\r\nsome") + user.answer(b" more") + user.answer(b"")
        self.assertIn(b"chunked", got.lower())
        self.assertTrue(got.endswith(b"0\r\n\r\n"))
        self.assertIs(user.proxy.state, State.HEAD)

    def test_head_and_continue(self) -> None:
        user = User()
        user.send(GET.replace(b"GET", b"HEAD"))
        user.open()
        user.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")
        self.assertIs(user.proxy.state, State.HEAD)
        user.send(b"POST http://b/ HTTP/1.1\r\nHost: b\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        user.open()
        self.assertIn(b"100", user.answer(b"HTTP/1.1 100 Continue\r\n\r\n"))
        user.send(b"hi")
        self.assertIn(b"200", user.answer(OK))
        self.assertIs(user.proxy.state, State.HEAD)

    def test_a_challenge_keeps_the_connection(self) -> None:
        for request in (GET, CONNECT):
            user = User()
            user.send(request.replace(AUTH, b""))
            self.assertIsNone(user.requests[0].user)
            user.proxy.challenge("who are you?", 0.0)
            answer = user.take()
            self.assertIn(b"407 Proxy Authentication Required", answer)
            self.assertIn(b"proxy-authenticate: basic", answer.lower())
            user.send(request)
            self.assertEqual(user.requests[1].user, "bob")

    def test_failures_have_their_status_and_their_token(self) -> None:
        for reason, status, token in (
            (Reason.REFUSED, b"502", b"connection_refused"),
            (Reason.TIMED_OUT, b"504", b"connection_timeout"),
            (Reason.PROHIBITED, b"403", b"destination_ip_prohibited"),
            (Reason.NO_EDGE, b"503", b"destination_unavailable"),
        ):
            user = User()
            user.send(CONNECT)
            user.proxy.allow()
            user.proxy.fail(reason, "", 0.0)
            answer = user.take()
            self.assertTrue(answer.startswith(b"HTTP/1.1 " + status))
            self.assertIn(b"zerogo; error=" + token, answer)

    def test_smuggled_requests_get_400_and_reach_nobody(self) -> None:
        for head in SMUGGLED:
            with self.subTest(head):
                user = User()
                self.assertTrue(user.send(head).startswith(b"HTTP/1.1 400"))
                self.assertEqual((user.requests, user.proxy.state), ([], State.CLOSED))

    def test_what_no_proxy_takes_is_refused(self) -> None:
        for line in (
            *(b"GET / HTTP/1.1", b"GET ftp://a/ HTTP/1.1", b"CONNECT a HTTP/1.1", b"GET http://127.1/ HTTP/1.1"),
            *(b"GET http://u:p@a/ HTTP/1.1", b"GET http://[::1 HTTP/1.1", b"CONNECT http://a/ HTTP/1.1"),
        ):
            with self.subTest(line):
                self.assertTrue(User().send(line + b"\r\nHost: a\r\n\r\n").startswith(b"HTTP/1.1 400"))

    def test_a_target_that_breaks_off_is_a_502_before_the_response_and_a_close_within_it(self) -> None:
        user = User()
        user.send(GET)
        user.open()
        user.proxy.target_lost(0.0)
        self.assertIn(b"502", user.take())
        user = User()
        user.send(GET)
        user.open()
        user.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nabc")
        self.assertEqual((user.answer(b""), user.proxy.state), (b"", State.CLOSED))

    def test_an_answer_that_is_not_http_is_a_502(self) -> None:
        user = User()
        user.send(GET)
        user.open()
        self.assertIn(b"502", user.answer(b"\x00\x01\x02 nonsense\r\n\r\n"))

    def test_slow_heads_end(self) -> None:
        user = User()
        user.send(b"GET http")
        user.proxy.handle_timer(HEAD_SECONDS)
        self.assertIn(b"408", user.take())
        self.assertIs(user.proxy.state, State.CLOSED)

    @given(st.lists(st.binary(max_size=60), max_size=5), st.booleans())
    @settings(deadline=None, max_examples=150)
    def test_garbage_ends_the_connection_or_waits(self, pieces: list[bytes], is_open: bool) -> None:
        user = User()
        if is_open:
            user.send(GET)
            user.open()
        for piece in pieces:
            user.send(piece)
            user.answer(piece)
