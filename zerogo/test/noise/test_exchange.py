"""Tests for zerogo.noise.exchange: our ends against each other, against the oracle, and against forgers."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.core import RandomBytes
from zerogo.errors import LocalError, ParseError, RemoteError
from zerogo.ids import NetworkId
from zerogo.noise.cookie import mac, mac1_key
from zerogo.noise.errors import NotAuthentic
from zerogo.noise.exchange import CAPABILITIES_LIMIT, Initiator, Responder
from zerogo.noise.handshake import NoiseHandshake
from zerogo.noise.identity import Identity
from zerogo.noise.keys import SessionKeys
from zerogo.noise.session import TransportSession
from zerogo.test.noise.oracle import OracleInitiator, OracleResponder, seal_transport
from zerogo.test.noise.test_handshake import LOW_ORDER_POINTS
from zerogo.wire.handshake import Suite, initiation_body

NETWORK = NetworkId(b"\x01\x02\x03\x04\x05")
PSK = b"\x77" * 32
TIMESTAMP = (1700000000 << 32).to_bytes(12, "big")
ALICE = Identity(b"\xa1" * 32, b"\xa2" * 32)
BOB = Identity(b"\xb1" * 32, b"\xb2" * 32)


def counting_random(seed: int) -> RandomBytes:
    """Other bytes at each call, the same in each run."""
    calls = iter(range(seed * 1000, seed * 1000 + 1000))
    return lambda count: next(calls).to_bytes(4, "big") * (count // 4)


def initiator(suite: Suite = Suite.CHACHAPOLY, psk: bytes = PSK, network: NetworkId = NETWORK) -> Initiator:
    return Initiator(ALICE, BOB.static_public, network, psk, suite, counting_random(1))


def responder(psk: bytes = PSK, network: NetworkId = NETWORK, local: Identity = BOB) -> Responder:
    return Responder(local, network, psk, counting_random(2))


def agree(suite: Suite = Suite.CHACHAPOLY) -> tuple[SessionKeys, SessionKeys]:
    """Both ends' keys of a finished handshake, initiator's first."""
    here, there = initiator(suite), responder()
    received = there.consume_initiation(here.create_initiation(7, TIMESTAMP))
    response, their_keys = there.create_response(received, 9)
    our_keys, _ = here.consume_response(response)
    return our_keys, their_keys


def with_mac1(datagram: bytes, receiver: bytes, network: NetworkId = NETWORK) -> bytes:
    """The datagram with mac1 made anew: what a forger can do who knows the public key and the network."""
    body = datagram[:-32]
    return body + mac(mac1_key(network, receiver), body) + datagram[-16:]


def flipped(datagram: bytes, position: int) -> bytes:
    return datagram[:position] + bytes([datagram[position] ^ 0x01]) + datagram[position + 1 :]


class AgreementTests(SynchronousTestCase):
    def test_both_ends_hold_mirrored_keys(self) -> None:
        for suite in Suite:
            ours, theirs = agree(suite)
            self.assertEqual((ours.send_key, ours.receive_key), (theirs.receive_key, theirs.send_key))
            self.assertEqual(ours.handshake_hash, theirs.handshake_hash)
            self.assertEqual((ours.local_index, ours.remote_index), (7, 9))
            self.assertEqual((theirs.local_index, theirs.remote_index), (9, 7))
            self.assertEqual((ours.is_initiator, theirs.is_initiator), (True, False))
            self.assertEqual((ours.suite, theirs.suite), (suite, suite))

    def test_capabilities_and_timestamp_arrive(self) -> None:
        here, there = initiator(), responder()
        received = there.consume_initiation(here.create_initiation(7, TIMESTAMP, b"ours"))
        self.assertEqual((received.payload, received.timestamp), (b"ours", TIMESTAMP))
        self.assertEqual((received.remote_static, received.cookie), (ALICE.static_public, None))
        response, _ = there.create_response(received, 9, b"theirs")
        self.assertEqual(here.consume_response(response)[1], b"theirs")

    def test_the_largest_capabilities_pass_and_larger_are_the_callers_fault(self) -> None:
        here, there = initiator(), responder()
        received = there.consume_initiation(here.create_initiation(7, TIMESTAMP, bytes(CAPABILITIES_LIMIT)))
        response, _ = there.create_response(received, 9, bytes(CAPABILITIES_LIMIT))
        self.assertEqual(len(here.consume_response(response)[1]), CAPABILITIES_LIMIT)
        with self.assertRaises(LocalError):
            here.create_initiation(7, TIMESTAMP, bytes(CAPABILITIES_LIMIT + 1))

    def test_the_same_randomness_gives_the_same_bytes(self) -> None:
        self.assertEqual(initiator().create_initiation(7, TIMESTAMP), initiator().create_initiation(7, TIMESTAMP))

    def test_two_handshakes_have_different_keys(self) -> None:
        here, there = initiator(), responder()
        first = there.create_response(there.consume_initiation(here.create_initiation(7, TIMESTAMP)), 9)[1]
        second = there.create_response(there.consume_initiation(here.create_initiation(7, TIMESTAMP)), 9)[1]
        self.assertNotEqual(first.send_key, second.send_key)

    def test_wrong_arguments_are_the_callers_fault(self) -> None:
        for index, timestamp, cookie in [(-1, TIMESTAMP, None), (2**32, TIMESTAMP, None), (7, b"", None)]:
            with self.assertRaises(LocalError):
                initiator().create_initiation(index, timestamp, cookie=cookie)
        with self.assertRaises(LocalError):
            initiator().create_initiation(7, TIMESTAMP, cookie=b"short")

    def test_an_initiation_is_answered_once(self) -> None:
        there = responder()
        received = there.consume_initiation(initiator().create_initiation(7, TIMESTAMP))
        there.create_response(received, 9)
        self.assertRaises(LocalError, there.create_response, received, 10)

    def test_secrets_do_not_show_in_a_repr(self) -> None:
        here, there = initiator(), responder()
        received = there.consume_initiation(here.create_initiation(7, TIMESTAMP, cookie=b"\x55" * 16))
        keys = there.create_response(received, 9)[1]
        shown = " ".join(map(repr, [here, there, received, keys, ALICE, TransportSession(keys)]))
        for secret in (PSK, ALICE.static_private, ALICE.signing_seed, keys.send_key, keys.receive_key, b"\x55" * 16):
            self.assertNotIn(repr(secret)[2:-1], shown)
            self.assertNotIn(secret.hex(), shown)


class OracleTests(SynchronousTestCase):
    """The second implementation as the other end, through real datagrams."""

    def test_oracle_initiates(self) -> None:
        for suite in Suite:
            oracle = OracleInitiator(
                ALICE.static_private, b"\x31" * 32, BOB.static_public, NETWORK.raw, PSK, int(suite)
            )
            there = responder()
            received = there.consume_initiation(oracle.initiation(7, TIMESTAMP + bytes(16) + b"caps"))
            self.assertEqual((received.remote_static, received.payload), (ALICE.static_public, b"caps"))
            response, keys = there.create_response(received, 9, b"back")
            payload, (send, receive, digest) = oracle.response(response)
            self.assertEqual(payload, (9).to_bytes(4, "big") + b"back")
            self.assertEqual((keys.receive_key, keys.send_key, keys.handshake_hash), (send, receive, digest))
            self._check_transport(keys, send, receive)

    def test_oracle_responds(self) -> None:
        for suite in Suite:
            here = initiator(suite)
            oracle = OracleResponder(BOB.static_private, b"\x32" * 32, NETWORK.raw, PSK)
            remote, payload = oracle.initiation(here.create_initiation(7, TIMESTAMP, b"caps"))
            self.assertEqual((remote, payload), (ALICE.static_public, TIMESTAMP + bytes(16) + b"caps"))
            response, (send, receive, digest) = oracle.response(9, b"back")
            keys, answer = here.consume_response(response)
            self.assertEqual(answer, b"back")
            self.assertEqual((keys.receive_key, keys.send_key, keys.handshake_hash), (send, receive, digest))
            self._check_transport(keys, send, receive)

    def _check_transport(self, keys: SessionKeys, send: bytes, receive: bytes) -> None:
        session = TransportSession(keys)
        for counter in range(3):
            datagram = seal_transport(int(keys.suite), send, keys.local_index, counter, b"from the oracle")
            self.assertEqual(session.open(datagram), b"from the oracle")
            expected = seal_transport(int(keys.suite), receive, keys.remote_index, counter, b"to the oracle")
            self.assertEqual(session.seal(b"to the oracle"), expected)


class ForgedInitiationTests(SynchronousTestCase):
    """Forged initiations raise and leave nothing behind; the true one is taken after all of them."""

    def setUp(self) -> None:
        self.there = responder()
        self.datagram = initiator().create_initiation(7, TIMESTAMP, b"caps")

    def _refuses(self, datagram: bytes, there: Responder | None = None) -> None:
        with self.assertRaises((NotAuthentic, ParseError)):
            (there or self.there).consume_initiation(datagram)

    def test_every_flipped_byte_is_refused(self) -> None:
        for position in range(len(self.datagram) - 16):
            self._refuses(flipped(self.datagram, position))
        self.assertEqual(self.there.consume_initiation(self.datagram).payload, b"caps")

    def test_every_flipped_byte_is_refused_with_mac1_made_anew(self) -> None:
        for position in range(len(self.datagram) - 32):
            if position == 3:  # the reserved byte is not looked at
                continue
            self._refuses(with_mac1(flipped(self.datagram, position), BOB.static_public))
        self.assertEqual(self.there.consume_initiation(self.datagram).payload, b"caps")

    def test_every_truncation_and_an_extra_byte_are_refused(self) -> None:
        for length in range(len(self.datagram)):
            self._refuses(self.datagram[:length])
        self._refuses(self.datagram + b"\x00")

    def test_a_stranger_costs_no_diffie_hellman(self) -> None:
        def refuse(*args: object) -> None:
            raise AssertionError("a handshake was begun for a stranger")

        self.patch(NoiseHandshake, "responder", refuse)
        self._refuses(flipped(self.datagram, 20))

    def test_wrong_network_is_refused_even_with_its_mac1(self) -> None:
        other = NetworkId(b"other")
        self._refuses(self.datagram, responder(network=other))
        self._refuses(with_mac1(self.datagram, BOB.static_public, other), responder(network=other))

    def test_another_suite_is_refused_even_with_its_mac1(self) -> None:
        for suite in (0, 2, 3, 255):
            body = self.datagram[:2] + bytes([suite]) + self.datagram[3:]
            self._refuses(with_mac1(body, BOB.static_public))

    def test_another_version_is_refused(self) -> None:
        self._refuses(with_mac1(self.datagram[:1] + b"\x02" + self.datagram[2:], BOB.static_public))

    def test_an_initiation_for_another_node_is_refused(self) -> None:
        carol = Identity(b"\xc1" * 32, b"\xc2" * 32)
        self._refuses(self.datagram, responder(local=carol))
        self._refuses(with_mac1(self.datagram, carol.static_public), responder(local=carol))

    def test_our_own_static_key_is_refused(self) -> None:
        mirror = Initiator(BOB, BOB.static_public, NETWORK, PSK, Suite.CHACHAPOLY, counting_random(3))
        self._refuses(mirror.create_initiation(7, TIMESTAMP))

    def test_a_low_order_ephemeral_is_refused(self) -> None:
        for point in LOW_ORDER_POINTS:
            self._refuses(with_mac1(self.datagram[:8] + point + self.datagram[40:], BOB.static_public))

    def test_a_payload_without_room_for_timestamp_and_cookie_is_refused(self) -> None:
        oracle = OracleInitiator(ALICE.static_private, b"\x31" * 32, BOB.static_public, NETWORK.raw, PSK, 1)
        self._refuses(oracle.initiation(7, bytes(27)))
        self.assertEqual(self.there.consume_initiation(oracle.initiation(7, bytes(28))).payload, b"")

    @settings(max_examples=200, deadline=None)
    @given(st.binary(max_size=300), st.sampled_from([b"", b"\x90\x01\x01\x00", b"\x90\x01\x02\x00"]))
    def test_garbage_raises_only_remote_errors(self, garbage: bytes, head: bytes) -> None:
        with self.assertRaises(RemoteError):
            responder().consume_initiation(head + garbage)


class ForgedResponseTests(SynchronousTestCase):
    """Forged responses leave the attempt alive; the true one ends it."""

    def setUp(self) -> None:
        self.here, self.there = initiator(), responder()
        received = self.there.consume_initiation(self.here.create_initiation(7, TIMESTAMP))
        self.datagram, self.their_keys = self.there.create_response(received, 9, b"caps")

    def _refuses(self, datagram: bytes) -> None:
        with self.assertRaises((NotAuthentic, ParseError)):
            self.here.consume_response(datagram)

    def _still_works(self) -> None:
        keys, payload = self.here.consume_response(self.datagram)
        self.assertEqual((keys.send_key, payload), (self.their_keys.receive_key, b"caps"))

    def test_every_flipped_byte_is_refused(self) -> None:
        for position in range(len(self.datagram) - 16):
            self._refuses(flipped(self.datagram, position))
        self._still_works()

    def test_every_flipped_byte_is_refused_with_mac1_made_anew(self) -> None:
        for position in range(len(self.datagram) - 32):
            if position == 3:  # the reserved byte is not looked at
                continue
            self._refuses(with_mac1(flipped(self.datagram, position), ALICE.static_public))
        self._still_works()

    def test_every_truncation_is_refused(self) -> None:
        for length in range(len(self.datagram)):
            self._refuses(self.datagram[:length])
        self._still_works()

    def test_a_response_counts_once(self) -> None:
        self._still_works()
        self._refuses(self.datagram)

    def test_only_the_last_initiation_is_answered(self) -> None:
        self.here.create_initiation(8, TIMESTAMP)
        self._refuses(self.datagram)

    def test_a_responder_with_another_psk_is_refused(self) -> None:
        received = responder(psk=b"\x78" * 32).consume_initiation(self.here.create_initiation(7, TIMESTAMP))
        other, _ = responder(psk=b"\x78" * 32).create_response(received, 9)
        self._refuses(other)

    def test_a_low_order_ephemeral_is_refused(self) -> None:
        for point in LOW_ORDER_POINTS:
            self._refuses(with_mac1(self.datagram[:12] + point + self.datagram[44:], ALICE.static_public))
        self._still_works()

    @settings(max_examples=200, deadline=None)
    @given(st.binary(max_size=200), st.sampled_from([b"", b"\x91\x01\x01\x00\x00\x00\x00\x09\x00\x00\x00\x07"]))
    def test_garbage_raises_only_remote_errors(self, garbage: bytes, head: bytes) -> None:
        with self.assertRaises(RemoteError):
            self.here.consume_response(head + garbage)
        with self.assertRaises(RemoteError):
            self.here.consume_cookie_reply(head + garbage)


class PrologueTests(SynchronousTestCase):
    def test_prologue_ends_with_the_head_of_the_initiation(self) -> None:
        datagram = initiator().create_initiation(7, TIMESTAMP)
        self.assertEqual(initiation_body(Suite.CHACHAPOLY, 7, b""), datagram[:8])
