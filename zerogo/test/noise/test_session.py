"""Tests for zerogo.noise.session."""

from __future__ import annotations

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.errors import ParseError, RemoteError
from zerogo.noise.errors import NotAuthentic, Replayed, SessionExhausted
from zerogo.noise.keys import SessionKeys
from zerogo.noise.replay import REJECT_AFTER_MESSAGES
from zerogo.noise.session import TransportSession, nonce
from zerogo.test.noise.test_exchange import agree, flipped
from zerogo.wire.handshake import Suite
from zerogo.wire.transport import OVERHEAD_BYTES, parse_header

INNER = b"\x01\x02\x00\x00a frame"


def sessions(suite: Suite = Suite.CHACHAPOLY) -> tuple[TransportSession, TransportSession]:
    ours, theirs = agree(suite)
    return TransportSession(ours), TransportSession(theirs)


class SealTests(SynchronousTestCase):
    def test_both_directions_of_both_suites(self) -> None:
        for suite in Suite:
            here, there = sessions(suite)
            self.assertEqual(there.open(here.seal(INNER)), INNER)
            self.assertEqual(here.open(there.seal(INNER)), INNER)

    def test_counters_go_up_from_zero(self) -> None:
        here, _ = sessions()
        headers = [parse_header(here.seal(INNER)) for _ in range(3)]
        self.assertEqual([header.counter for header in headers], [0, 1, 2])
        self.assertEqual(here.sent, 3)

    def test_overhead_is_36_bytes_with_the_inner_header(self) -> None:
        here, _ = sessions()
        self.assertEqual(len(here.seal(INNER)) - (len(INNER) - 4), OVERHEAD_BYTES)

    def test_the_lane_travels_in_clear(self) -> None:
        here, there = sessions()
        datagram = here.seal(INNER, lane=5)
        self.assertEqual(parse_header(datagram).lane, 5)
        self.assertEqual(there.open(datagram), INNER)

    def test_exhausted_session_never_seals(self) -> None:
        here, there = sessions()
        here._counter = REJECT_AFTER_MESSAGES - 1
        self.assertEqual(there.open(here.seal(INNER)), INNER)
        for _ in range(2):
            self.assertRaises(SessionExhausted, here.seal, INNER)

    def test_plaintext_is_not_in_the_datagram(self) -> None:
        here, _ = sessions()
        self.assertNotIn(b"a frame", here.seal(INNER))


class NonceTests(SynchronousTestCase):
    def test_chachapoly_counts_little_endian(self) -> None:
        self.assertEqual(nonce(Suite.CHACHAPOLY, 0x0102).hex(), "000000000201000000000000")

    def test_aesgcm_counts_big_endian(self) -> None:
        self.assertEqual(nonce(Suite.AESGCM, 0x0102).hex(), "000000000000000000000102")


class OpenTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.here, self.there = sessions()

    def test_a_replay_is_refused(self) -> None:
        datagram = self.here.seal(INNER)
        self.there.open(datagram)
        self.assertRaises(Replayed, self.there.open, datagram)

    def test_order_does_not_matter(self) -> None:
        datagrams = [self.here.seal(bytes([number]) * 4) for number in range(20)]
        opened = [self.there.open(datagram) for datagram in reversed(datagrams)]
        self.assertEqual(opened, [bytes([number]) * 4 for number in reversed(range(20))])

    def test_every_flipped_byte_is_refused_and_changes_nothing(self) -> None:
        datagram = self.here.seal(INNER)
        for position in range(len(datagram)):
            with self.assertRaises((NotAuthentic, ParseError)):
                self.there.open(flipped(datagram, position))
        self.assertEqual(self.there.open(datagram), INNER)

    def test_every_truncation_is_refused(self) -> None:
        datagram = self.here.seal(INNER)
        for length in range(len(datagram)):
            with self.assertRaises((NotAuthentic, ParseError)):
                self.there.open(datagram[:length])
        with self.assertRaises(NotAuthentic):
            self.there.open(datagram + b"\x00")
        self.assertEqual(self.there.open(datagram), INNER)

    def test_a_forged_far_counter_does_not_move_the_window(self) -> None:
        datagram = self.here.seal(INNER)
        forged = datagram[:8] + (2**40).to_bytes(8, "big") + datagram[16:]
        self.assertRaises(NotAuthentic, self.there.open, forged)
        self.assertEqual(self.there.open(datagram), INNER)

    def test_a_datagram_of_ours_sent_back_is_refused(self) -> None:
        datagram = self.here.seal(INNER)
        to_us = datagram[:4] + (7).to_bytes(4, "big") + datagram[8:]
        self.assertRaises(NotAuthentic, self.here.open, to_us)

    def test_a_datagram_under_our_keys_with_another_index_is_refused(self) -> None:
        ours, theirs = agree()
        elsewhere = TransportSession(evolve(ours, remote_index=theirs.local_index + 1))
        self.assertRaises(NotAuthentic, TransportSession(theirs).open, elsewhere.seal(INNER))

    def test_a_counter_beyond_the_limit_is_refused(self) -> None:
        self.here._counter = REJECT_AFTER_MESSAGES - 1
        datagram = self.here.seal(INNER)
        forged = datagram[:8] + REJECT_AFTER_MESSAGES.to_bytes(8, "big") + datagram[16:]
        self.assertRaises(Replayed, self.there.open, forged)

    @settings(max_examples=200, deadline=None)
    @given(st.binary(max_size=120), st.booleans())
    def test_garbage_raises_only_remote_errors(self, garbage: bytes, looks_right: bool) -> None:
        head = b"\x93\x00\x00\x00" + (9).to_bytes(4, "big") if looks_right else b""
        with self.assertRaises(RemoteError):
            self.there.open(head + garbage)


class KeysTests(SynchronousTestCase):
    def test_keys_do_not_show_in_a_repr(self) -> None:
        keys = SessionKeys(
            local_index=1,
            remote_index=2,
            send_key=b"S" * 32,
            receive_key=b"R" * 32,
            suite=Suite.AESGCM,
            is_initiator=True,
            handshake_hash=b"H" * 32,
        )
        shown = repr(keys) + repr(TransportSession(keys))
        for letter in "SRH":
            self.assertNotIn(letter * 8, shown)
