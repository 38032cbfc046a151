"""The SOCKS5 handshake, byte by byte as in RFC 1928 and 1929."""

from __future__ import annotations

import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.errors import ParseError
from zerogo.exit.frames import Command
from zerogo.exit.reason import Reason, SocksReply
from zerogo.exit.socks5 import (
    HANDSHAKE_SECONDS,
    CredentialsGiven,
    PayloadReceived,
    Socks5Server,
    State,
    StreamWanted,
    emit_udp,
    parse_udp,
)
from zerogo.exit.target import Target
from zerogo.ids import SocketAddress
from zerogo.secret import Secret

LOGIN = b"\x05\x02\x00\x02" + b"\x01\x03bob\x06secret"
CONNECT = b"\x05\x01\x00\x03\x0bexample.net\x01\xbb"
BOUND = SocketAddress("192.0.2.9", 4660)


def ready(may_skip: bool = False) -> Socks5Server:
    server = Socks5Server(may_skip, 0.0)
    server.receive(LOGIN, 0.0)
    server.accept()
    list(server.outgoing()), list(server.events())
    return server


def sent(server: Socks5Server) -> bytes:
    return b"".join(server.outgoing())


class Socks5ServerTests(SynchronousTestCase):
    def test_a_login_and_a_connect_in_one_piece_or_in_single_bytes(self) -> None:
        for size in (1, 7, 1000):
            server, stream, events = Socks5Server(False, 0.0), LOGIN + CONNECT + b"early", []
            for start in range(0, len(stream), size):
                server.receive(stream[start : start + size], 0.0)
                for event in server.events():
                    events.append(event)
                    if isinstance(event, CredentialsGiven):
                        server.accept()
            events += server.events()
            server.reply(SocksReply.SUCCEEDED, BOUND)
            events += server.events()
            self.assertEqual(sent(server), b"\x05\x02\x01\x00\x05\x00\x00\x01\xc0\x00\x02\x09\x12\x34")
            self.assertEqual(
                events,
                [
                    CredentialsGiven("bob", Secret("secret")),
                    StreamWanted(Command.CONNECT, Target("example.net", 443)),
                    PayloadReceived(b"early"),
                ],
            )

    def test_the_password_is_asked_for_where_it_is_offered_and_needed_where_it_is_not_waived(self) -> None:
        server = Socks5Server(False, 0.0)
        self.assertRaises(ParseError, server.receive, b"\x05\x01\x00", 0.0)
        self.assertEqual(sent(server), b"\x05\xff")
        server = Socks5Server(True, 0.0)
        server.receive(b"\x05\x01\x00", 0.0)
        server.accept()
        self.assertEqual(sent(server), b"\x05\x00")

    def test_a_wrong_password_is_told_and_ends_it(self) -> None:
        server = Socks5Server(False, 0.0)
        server.receive(LOGIN, 0.0)
        server.refuse()
        self.assertEqual((sent(server), server.state), (b"\x05\x02\x01\x01", State.CLOSED))

    def test_each_reason_has_its_reply(self) -> None:
        for reason, code in ((Reason.REFUSED, 5), (Reason.PROHIBITED, 2), (Reason.NO_EDGE, 1), (Reason.TIMED_OUT, 4)):
            server = ready()
            server.receive(CONNECT, 0.0)
            server.fail(reason)
            self.assertEqual(sent(server), bytes([5, code, 0, 1]) + bytes(6))
            self.assertIs(server.state, State.CLOSED)

    def test_what_is_not_offered_has_its_reply(self) -> None:
        for request, code in (
            (b"\x05\x09\x00\x01" + bytes(6), 7),
            (b"\x05\x01\x00\x09" + bytes(6), 8),
            (b"\x05\x01\x00\x03\x03127\x00\x50", 4),
            (b"\x05\x01\x00\x03\x02\xff\xff\x00\x50", 4),
        ):
            server = ready()
            self.assertRaises(ParseError, server.receive, request, 0.0)
            self.assertEqual(sent(server)[:2], bytes([5, code]))

    def test_addresses_of_both_families(self) -> None:
        for request, target in (
            (b"\x05\x01\x00\x01\xc0\x00\x02\x01\x00\x50", Target("192.0.2.1", 80)),
            (b"\x05\x03\x00\x04" + bytes(15) + b"\x01\x00\x50", Target("::1", 80)),
        ):
            server = ready()
            server.receive(request, 0.0)
            event = next(server.events())
            assert isinstance(event, StreamWanted)
            self.assertEqual(event.target, target)

    def test_the_hint_of_an_association_may_be_nonsense(self) -> None:
        server = ready()
        server.receive(b"\x05\x03\x00\x03\x010\x00\x00", 0.0)
        self.assertEqual(list(server.events()), [StreamWanted(Command.DATAGRAMS, Target("0.0.0.0", 0))])

    def test_bind_has_two_replies(self) -> None:
        server = ready()
        server.receive(b"\x05\x02\x00\x01" + bytes(6), 0.0)
        server.reply(SocksReply.SUCCEEDED, BOUND, is_last=False)
        self.assertIs(server.state, State.REPLYING)
        server.reply(SocksReply.SUCCEEDED, BOUND)
        self.assertIs(server.state, State.RELAYING)

    def test_a_slow_handshake_ends_and_a_request_in_work_does_not(self) -> None:
        server = Socks5Server(False, 0.0)
        server.receive(b"\x05", 5.0)
        server.handle_timer(HANDSHAKE_SECONDS)
        self.assertIs(server.state, State.CLOSED)
        server = ready()
        server.receive(CONNECT, 0.0)
        self.assertIsNone(server.next_timer())

    def test_a_client_that_floods_before_it_is_answered_is_dropped(self) -> None:
        server = ready()
        server.receive(CONNECT, 0.0)
        self.assertRaises(ParseError, server.receive, bytes(70_000), 0.0)

    @given(st.binary(max_size=80), st.booleans())
    @settings(deadline=None, max_examples=200)
    def test_garbage_raises_parse_error_or_nothing(self, garbage: bytes, is_in: bool) -> None:
        server = ready() if is_in else Socks5Server(True, 0.0)
        with contextlib.suppress(ParseError):
            server.receive(garbage, 0.0)
        with contextlib.suppress(ParseError):
            parse_udp(garbage)

    @given(st.sampled_from(["example.net", "192.0.2.1", "2001:db8::1"]), st.integers(0, 65535), st.binary(max_size=50))
    @settings(deadline=None, max_examples=50)
    def test_datagrams_parse_back(self, host: str, port: int, payload: bytes) -> None:
        self.assertEqual(parse_udp(emit_udp(Target(host, port), payload)), (Target(host, port), payload))

    def test_fragments_are_refused(self) -> None:
        self.assertRaises(ParseError, parse_udp, b"\0\0\1\1" + bytes(10))
