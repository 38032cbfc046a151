# -*- test-case-name: zerogo.test.noise.test_handshake -*-
"""One Noise handshake (Noise Protocol Framework, revision 34), over the `noiseprotocol` library behind our own type.

The library does the pattern; this type adds what a network service needs of it:

- Ephemeral keys come from the `rng` that is passed in, so a run can be repeated byte for byte.
- A message that fails leaves the handshake as it was: reading works on a copy of the state, which takes the place of
  the original only after all of the message authenticated. A forged answer cannot spoil the handshake for the true one.
- One failure, `NotAuthentic`, for a bad tag, a low-order point and a message that is too short.
- `bytes` in and out. Transport is not here: `split` hands out the two keys, see `zerogo.noise.session`.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from attrs import frozen
from cryptography.exceptions import InvalidTag
from noise.connection import Keypair, NoiseConnection

from zerogo.core import RandomBytes
from zerogo.errors import LocalError
from zerogo.ids import KEY_BYTES
from zerogo.noise.errors import NotAuthentic
from zerogo.noise.identity import Identity

IKPSK2_CHACHAPOLY = b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s"
IKPSK2_AESGCM = b"Noise_IKpsk2_25519_AESGCM_BLAKE2s"
IK_CHACHAPOLY = b"Noise_IK_25519_ChaChaPoly_BLAKE2s"
"""Of the control connection."""
IK_AESGCM = b"Noise_IK_25519_AESGCM_BLAKE2s"
"""Of tunnels between machines whose processors have AES instructions."""
PSK_BYTES = 32
MESSAGE_LIMIT = 65535
"""Bytes of a Noise message, at most (Noise, section 3)."""


@frozen
class Split:
    """What a finished handshake yields; unpacks as `send_key, receive_key, handshake_hash`."""

    send_key: bytes
    receive_key: bytes
    handshake_hash: bytes

    def __iter__(self) -> Iterator[bytes]:
        return iter((self.send_key, self.receive_key, self.handshake_hash))

    def __repr__(self) -> str:
        return "<Split>"


class NoiseHandshake:
    """Either end of a handshake. Make it with `initiator` or `responder`, then write and read in turn, then `split`.

    Invariants: a call that raises `NotAuthentic` changes nothing; writing out of turn raises `LocalError`.
    """

    def __init__(self, connection: NoiseConnection, *, is_initiator: bool, rng: RandomBytes) -> None:
        self._protocol: Any = connection.noise_protocol
        self._state: Any = self._protocol.handshake_state
        self._rng = rng
        self._may_write = is_initiator

    @classmethod
    def initiator(
        cls,
        pattern: bytes,
        local: Identity,
        remote_static: bytes,
        prologue: bytes,
        psk: bytes | None,
        rng: RandomBytes,
    ) -> NoiseHandshake:
        """The end that writes first and knows the other's X25519 key; `psk` is None where the pattern has none."""
        connection = _connection(pattern, local, prologue, psk)
        connection.set_as_initiator()
        try:
            connection.set_keypair_from_public_bytes(Keypair.REMOTE_STATIC, remote_static)
        except Exception as error:
            raise LocalError("the remote static key must have 32 bytes") from error
        connection.start_handshake()
        return cls(connection, is_initiator=True, rng=rng)

    @classmethod
    def responder(
        cls, pattern: bytes, local: Identity, prologue: bytes, psk: bytes | None, rng: RandomBytes
    ) -> NoiseHandshake:
        """The end that reads first and learns the other's X25519 key from message 1."""
        if psk is not None:
            return cls(_responder(pattern, local, prologue, psk), is_initiator=False, rng=rng)
        other = cls(_same_responder(pattern, local, prologue), is_initiator=False, rng=rng)
        return other.fork()

    def write_message(self, payload: bytes = b"") -> bytes:
        """The next handshake message, with `payload` sealed as far as the pattern has come; raises `LocalError`."""
        if not self._may_write or not self._state.message_patterns:
            raise LocalError("it is not this end's turn to write a handshake message")
        if not isinstance(payload, bytes):
            raise LocalError("a handshake payload is bytes")
        protocol, state = _fork(self._protocol, self._state)
        state.e = protocol.dh_fn.klass.from_private_bytes(self._rng(KEY_BYTES))
        message = bytearray()
        try:
            state.write_message(payload, message)
        except ValueError as error:
            raise NotAuthentic("the other side's key is of low order") from error
        self._adopt(protocol, state, may_write=False)
        return bytes(message)

    def read_message(self, message: bytes) -> bytes:
        """Check the other side's next message and return its payload; raises `NotAuthentic` and stays as it was."""
        if self._may_write or not self._state.message_patterns:
            raise LocalError("it is not the other side's turn to write a handshake message")
        if not isinstance(message, bytes) or len(message) > MESSAGE_LIMIT:
            raise NotAuthentic("a handshake message is too long")
        protocol, state = _fork(self._protocol, self._state)
        payload = bytearray()
        try:
            state.read_message(message, payload)
        except (InvalidTag, ValueError) as error:
            raise NotAuthentic("a handshake message does not authenticate") from error
        except Exception as error:
            if type(error).__module__ != "noise.exceptions":
                raise
            raise NotAuthentic("a handshake message is too short") from error
        self._adopt(protocol, state, may_write=True)
        return bytes(payload)

    def _adopt(self, protocol: Any, state: Any, *, may_write: bool) -> None:
        self._protocol, self._state, self._may_write = protocol, state, may_write

    def fork(self) -> NoiseHandshake:
        """A handshake of its own in the same state, for a message that may yet be refused for other reasons."""
        other = copy.copy(self)
        other._adopt(*_fork(self._protocol, self._state), may_write=self._may_write)
        return other

    @property
    def remote_static(self) -> bytes:
        """The other side's X25519 key; raises `LocalError` while it is not known."""
        key = getattr(self._state.rs, "public_bytes", None)
        if not isinstance(key, bytes):
            raise LocalError("the remote static key is not known before message 1")
        return key

    @property
    def is_finished(self) -> bool:
        """True once both messages went through."""
        return not self._state.message_patterns

    def split(self) -> Split:
        """The transport keys as seen from this end, and the handshake hash; raises `LocalError` before the end."""
        if not self.is_finished:
            raise LocalError("the handshake has not finished")
        protocol = self._protocol
        return Split(protocol.cipher_state_encrypt.k, protocol.cipher_state_decrypt.k, protocol.handshake_hash)

    def __repr__(self) -> str:
        return f"<NoiseHandshake {'finished' if self.is_finished else 'under way'}>"


def _responder(pattern: bytes, local: Identity, prologue: bytes, psk: bytes | None) -> NoiseConnection:
    connection = _connection(pattern, local, prologue, psk)
    connection.set_as_responder()
    connection.start_handshake()
    return connection


@lru_cache(maxsize=4)
def _same_responder(pattern: bytes, local: Identity, prologue: bytes) -> NoiseConnection:
    """What a server begins each handshake with, to be copied: making it costs as much as three copies and a key."""
    return _responder(pattern, local, prologue, None)


def _connection(pattern: bytes, local: Identity, prologue: bytes, psk: bytes | None) -> NoiseConnection:
    if psk is not None and len(psk) != PSK_BYTES:
        raise LocalError(f"a pre-shared key has {PSK_BYTES} bytes")
    if (psk is not None) != (b"psk" in pattern):
        raise LocalError("a pre-shared key goes with a psk pattern, and only with one")
    connection = NoiseConnection.from_name(pattern)
    connection.set_prologue(prologue)
    if psk is not None:
        connection.set_psks(psk)
    connection.set_keypair_from_private_bytes(Keypair.STATIC, local.static_private)
    return connection


def _fork(protocol: Any, state: Any) -> tuple[Any, Any]:
    """Copies of the library's two objects, and of all below them that a message changes."""
    protocol, state = _copy(protocol), _copy(state)
    symmetric = _copy(state.symmetric_state)
    cipher_state = _copy(symmetric.cipher_state)
    cipher_state.cipher = _copy(cipher_state.cipher)
    symmetric.cipher_state, symmetric.noise_protocol = cipher_state, protocol
    state.symmetric_state, state.noise_protocol = symmetric, protocol
    state.message_patterns = list(state.message_patterns)
    protocol.handshake_state, protocol.symmetric_state = state, symmetric
    protocol.cipher_state_handshake = cipher_state
    protocol.psks = list(protocol.psks) if protocol.psks else protocol.psks
    return protocol, state


def _copy(one: Any) -> Any:
    """As `copy.copy` does it for an object that has nothing but attributes, in a third of the time."""
    other = object.__new__(type(one))
    other.__dict__.update(one.__dict__)
    return other
