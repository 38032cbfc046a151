"""Tests for zerogo.noise.keys."""

from __future__ import annotations

from attrs.exceptions import FrozenInstanceError
from twisted.trial.unittest import SynchronousTestCase

from zerogo.test.noise.test_exchange import agree


class SessionKeysTests(SynchronousTestCase):
    def test_keys_have_32_bytes_and_differ(self) -> None:
        keys, _ = agree()
        self.assertEqual([len(keys.send_key), len(keys.receive_key), len(keys.handshake_hash)], [32, 32, 32])
        self.assertEqual(len({keys.send_key, keys.receive_key, keys.handshake_hash}), 3)

    def test_keys_are_frozen(self) -> None:
        keys, _ = agree()
        with self.assertRaises(FrozenInstanceError):
            keys.send_key = bytes(32)  # type: ignore[misc]
