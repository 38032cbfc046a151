"""Tests for zerogo.agent.record."""

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.agent.record import Membership
from zerogo.control.token import JoinToken, emit_base32
from zerogo.errors import ParseError
from zerogo.ids import NetworkId

TOKEN = JoinToken(("192.0.2.1:9394",), bytes(20), NetworkId(b"net01"), emit_base32(b"s" * 20), b"p" * 32)


class MembershipTests(SynchronousTestCase):
    def test_a_token_is_a_membership_yet_to_be_asked_for(self) -> None:
        membership = Membership.of_token(TOKEN)
        self.assertFalse(membership.is_joined)
        self.assertEqual((membership.secret, membership.token_psk), (TOKEN.secret, TOKEN.psk))

    def test_the_file_gives_back_what_was_written(self) -> None:
        joined = evolve(
            Membership.of_token(TOKEN), name="anna", addresses=("10.1.0.2", "fd00::2"), psk=b"q" * 32, revision=7
        )
        joined = evolve(joined, told=("a.example.net:9394", "[2001:db8::1]:9394"))
        for membership in (Membership.of_token(TOKEN), joined, evolve(joined, secret=None, token_psk=None)):
            self.assertEqual(Membership.parse(membership.emit()), membership)

    def test_a_fresh_token_of_the_network_keeps_what_was_known(self) -> None:
        joined = evolve(Membership.of_token(TOKEN), name="anna", revision=7, secret=None, refusal="you were removed")
        again = joined.with_token(evolve(TOKEN, secret=emit_base32(b"t" * 20), psk=None))
        self.assertEqual((again.name, again.revision, again.refusal), ("anna", 7, ""))
        self.assertEqual((again.secret, again.token_psk), (emit_base32(b"t" * 20), TOKEN.psk))

    def test_no_secret_shows_in_a_repr(self) -> None:
        text = repr(evolve(Membership.of_token(TOKEN), psk=b"q" * 32))
        for secret in (TOKEN.secret, "pppp", "qqqq"):
            self.assertNotIn(secret, text)

    def test_a_damaged_file_is_refused_without_quoting_it(self) -> None:
        good = Membership.of_token(TOKEN).emit()
        for data in (
            b"",
            b"{}",
            good[:-20],
            good.replace(b'"version": 1', b'"version": 2'),
            good.replace(b"net", b"no"),
        ):
            error = self.assertRaises(ParseError, Membership.parse, data)
            self.assertNotIn(TOKEN.secret, str(error))

    @settings(deadline=None, max_examples=200)
    @given(st.binary(max_size=200))
    def test_garbage_raises_only_parse_errors(self, data: bytes) -> None:
        self.assertRaises(ParseError, Membership.parse, data)
