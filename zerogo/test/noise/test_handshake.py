"""Tests for zerogo.noise.handshake."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from twisted.trial.unittest import SynchronousTestCase

from zerogo.core import RandomBytes
from zerogo.errors import LocalError
from zerogo.noise.errors import NotAuthentic
from zerogo.noise.handshake import IK_CHACHAPOLY, IKPSK2_AESGCM, IKPSK2_CHACHAPOLY, NoiseHandshake
from zerogo.noise.identity import Identity
from zerogo.noise.session import nonce
from zerogo.wire.handshake import Suite

VECTORS = Path(__file__).parent.parent / "vectors" / "noise_ikpsk2.json"
LOW_ORDER_POINTS = [
    bytes(32),
    b"\x01" + bytes(31),
    bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    b"\xec" + b"\xff" * 30 + b"\x7f",
    b"\xed" + b"\xff" * 30 + b"\x7f",
    b"\xee" + b"\xff" * 30 + b"\x7f",
]


def _once(value: bytes) -> RandomBytes:
    """Randomness that is `value`, once: a second ephemeral key of one handshake would be a fault."""
    values: Iterator[bytes] = iter([value])
    return lambda count: next(values)


def _pair(vector: dict[str, Any]) -> tuple[NoiseHandshake, NoiseHandshake]:
    raw = bytes.fromhex
    pattern = vector["protocol_name"].encode()
    psk = raw(vector["init_psks"][0]) if vector.get("init_psks") else None
    initiator = NoiseHandshake.initiator(
        pattern,
        Identity(raw(vector["init_static"]), bytes(32)),
        raw(vector["init_remote_static"]),
        raw(vector["init_prologue"]),
        psk,
        _once(raw(vector["init_ephemeral"])),
    )
    responder = NoiseHandshake.responder(
        pattern,
        Identity(raw(vector["resp_static"]), bytes(32)),
        raw(vector["resp_prologue"]),
        psk,
        _once(raw(vector["resp_ephemeral"])),
    )
    return initiator, responder


class PublishedVectorTests(SynchronousTestCase):
    """The cacophony vectors: every handshake message, the handshake hash and the transport messages."""

    def _check(self, vector: dict[str, Any]) -> None:
        raw = bytes.fromhex
        initiator, responder = _pair(vector)
        first, second, *transport = vector["messages"]
        message = initiator.write_message(raw(first["payload"]))
        self.assertEqual(message.hex(), first["ciphertext"])
        self.assertEqual(responder.read_message(message).hex(), first["payload"])
        message = responder.write_message(raw(second["payload"]))
        self.assertEqual(message.hex(), second["ciphertext"])
        self.assertEqual(initiator.read_message(message).hex(), second["payload"])
        send, receive, digest = initiator.split()
        self.assertEqual(digest.hex(), vector["handshake_hash"])
        self.assertEqual(tuple(responder.split()), (receive, send, digest))
        self._check_transport(vector["protocol_name"], (send, receive), transport)

    def _check_transport(self, name: str, keys: tuple[bytes, bytes], messages: list[dict[str, str]]) -> None:
        suite = Suite.AESGCM if "AESGCM" in name else Suite.CHACHAPOLY
        aead = AESGCM if suite is Suite.AESGCM else ChaCha20Poly1305
        self.assertGreaterEqual(len(messages), 4)
        for number, message in enumerate(messages):
            payload = bytes.fromhex(message["payload"])
            sealed = aead(keys[number % 2]).encrypt(nonce(suite, number // 2), payload, None)
            self.assertEqual(sealed.hex(), message["ciphertext"])

    def test_all_patterns_in_use_give_the_published_bytes(self) -> None:
        vectors = json.loads(VECTORS.read_text())["vectors"]
        names = {vector["protocol_name"].encode() for vector in vectors}
        self.assertEqual(names, {IKPSK2_CHACHAPOLY, IKPSK2_AESGCM, IK_CHACHAPOLY})
        for vector in vectors:
            self._check(vector)


class FailureTests(SynchronousTestCase):
    """A message that fails changes nothing; all causes look the same."""

    def setUp(self) -> None:
        vectors = json.loads(VECTORS.read_text())["vectors"]
        self.vector = next(v for v in vectors if v["protocol_name"].encode() == IKPSK2_CHACHAPOLY)
        self.initiator, self.responder = _pair(self.vector)

    def test_every_flipped_byte_of_both_messages_is_refused_and_the_true_ones_still_pass(self) -> None:
        first = self.initiator.write_message(b"one")
        self._refuse_all_flips(self.responder, first)
        self.assertEqual(self.responder.read_message(first), b"one")
        second = self.responder.write_message(b"two")
        self._refuse_all_flips(self.initiator, second)
        self.assertEqual(self.initiator.read_message(second), b"two")
        self.assertEqual(self.initiator.split().send_key, self.responder.split().receive_key)

    def _refuse_all_flips(self, reader: NoiseHandshake, message: bytes) -> None:
        for position in range(len(message)):
            flipped = bytearray(message)
            flipped[position] ^= 0x01
            with self.assertRaises(NotAuthentic):
                reader.read_message(bytes(flipped))

    def test_every_truncation_is_refused(self) -> None:
        first = self.initiator.write_message(b"one")
        for length in range(len(first)):
            with self.assertRaises(NotAuthentic):
                self.responder.read_message(first[:length])
        self.assertEqual(self.responder.read_message(first), b"one")

    def test_low_order_ephemeral_is_refused(self) -> None:
        first = self.initiator.write_message(b"")
        for point in LOW_ORDER_POINTS:
            with self.assertRaises(NotAuthentic):
                self.responder.read_message(point + first[32:])

    def test_low_order_static_of_the_other_side_is_refused(self) -> None:
        local = Identity(b"\x11" * 32, bytes(32))
        for point in LOW_ORDER_POINTS:
            handshake = NoiseHandshake.initiator(IKPSK2_CHACHAPOLY, local, point, b"", bytes(32), lambda n: b"\x22" * n)
            with self.assertRaises(NotAuthentic):
                handshake.write_message()

    def test_another_prologue_is_refused(self) -> None:
        self.vector["resp_prologue"] = "00"
        _, responder = _pair(self.vector)
        with self.assertRaises(NotAuthentic):
            responder.read_message(self.initiator.write_message())

    def test_over_long_message_is_refused(self) -> None:
        with self.assertRaises(NotAuthentic):
            self.responder.read_message(bytes(65536))


class TurnTests(SynchronousTestCase):
    """Calls out of turn are the caller's fault."""

    def setUp(self) -> None:
        self.initiator, self.responder = _pair(json.loads(VECTORS.read_text())["vectors"][0])

    def test_initiator_cannot_read_first(self) -> None:
        self.assertRaises(LocalError, self.initiator.read_message, bytes(96))

    def test_responder_cannot_write_first(self) -> None:
        self.assertRaises(LocalError, self.responder.write_message)

    def test_a_message_is_written_once(self) -> None:
        self.initiator.write_message()
        self.assertRaises(LocalError, self.initiator.write_message)

    def test_no_keys_before_the_end(self) -> None:
        self.assertRaises(LocalError, self.initiator.split)

    def test_responder_learns_the_static_key_from_message_one(self) -> None:
        with self.assertRaises(LocalError):
            _ = self.responder.remote_static
        self.responder.read_message(self.initiator.write_message())
        vector = json.loads(VECTORS.read_text())["vectors"][0]
        local = Identity(bytes.fromhex(vector["init_static"]), bytes(32))
        self.assertEqual(self.responder.remote_static, local.static_public)

    def test_psk_must_fit_the_pattern(self) -> None:
        local = Identity(b"\x11" * 32, bytes(32))
        for pattern, psk in [(IKPSK2_CHACHAPOLY, None), (IK_CHACHAPOLY, bytes(32)), (IKPSK2_CHACHAPOLY, bytes(31))]:
            with self.assertRaises(LocalError):
                NoiseHandshake.responder(pattern, local, b"", psk, lambda n: bytes(n))

    def test_remote_static_of_a_wrong_length_is_refused(self) -> None:
        local = Identity(b"\x11" * 32, bytes(32))
        with self.assertRaises(LocalError):
            NoiseHandshake.initiator(IK_CHACHAPOLY, local, bytes(31), b"", None, lambda n: bytes(n))

    def test_keys_do_not_show_in_a_repr(self) -> None:
        self.responder.read_message(self.initiator.write_message())
        self.initiator.read_message(self.responder.write_message())
        split = self.initiator.split()
        self.assertEqual(repr(split), "<Split>")
        self.assertEqual(repr(self.initiator), "<NoiseHandshake finished>")
