"""A second implementation of Noise IKpsk2 (revision 34) with BLAKE2s, written apart from the one under test.

It shares no code with `zerogo.noise`: own HKDF over hashlib and hmac, X25519 and AEADs from `cryptography`. It builds
whole datagrams from docs/PROTOCOL.md, byte by byte, with no help of `zerogo.wire`.
"""

from __future__ import annotations

import hashlib
import hmac
import struct

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

NAMES = {1: b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s", 2: b"Noise_IKpsk2_25519_AESGCM_BLAKE2s"}


def digest(data: bytes) -> bytes:
    return hashlib.blake2s(data).digest()


def hkdf(key: bytes, material: bytes, count: int) -> list[bytes]:
    secret = hmac.new(key, material, hashlib.blake2s).digest()
    outputs = [b""]
    for number in range(1, count + 1):
        outputs.append(hmac.new(secret, outputs[-1] + bytes([number]), hashlib.blake2s).digest())
    return outputs[1:]


def public(private: bytes) -> bytes:
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def exchange(private: bytes, remote: bytes) -> bytes:
    return X25519PrivateKey.from_private_bytes(private).exchange(X25519PublicKey.from_public_bytes(remote))


def cipher(suite: int, key: bytes, counter: int) -> tuple[AESGCM | ChaCha20Poly1305, bytes]:
    if suite == 2:
        return AESGCM(key), bytes(4) + struct.pack(">Q", counter)
    return ChaCha20Poly1305(key), bytes(4) + struct.pack("<Q", counter)


class Symmetric:
    """Noise's SymmetricState; the key is used at most once between two mixes, so the nonce is a local matter."""

    def __init__(self, suite: int, prologue: bytes) -> None:
        self.suite = suite
        self.h = self.ck = digest(NAMES[suite])
        self.k = b""
        self.n = 0
        self.mix_hash(prologue)

    def mix_hash(self, data: bytes) -> None:
        self.h = digest(self.h + data)

    def mix_key(self, material: bytes) -> None:
        self.ck, self.k = hkdf(self.ck, material, 2)
        self.n = 0

    def mix_psk(self, psk: bytes) -> None:
        self.ck, extra, self.k = hkdf(self.ck, psk, 3)
        self.mix_hash(extra)
        self.n = 0

    def seal(self, plaintext: bytes) -> bytes:
        aead, nonce = cipher(self.suite, self.k, self.n)
        sealed = aead.encrypt(nonce, plaintext, self.h)
        self.n += 1
        self.mix_hash(sealed)
        return sealed

    def open(self, sealed: bytes) -> bytes:
        aead, nonce = cipher(self.suite, self.k, self.n)
        plaintext = aead.decrypt(nonce, sealed, self.h)
        self.n += 1
        self.mix_hash(sealed)
        return plaintext


def prologue(network: bytes, suite: int, sender_index: int) -> bytes:
    return b"ZeroGo" + network + bytes([0x90, 1, suite, 0]) + struct.pack(">I", sender_index)


def mac1(network: bytes, receiver: bytes, body: bytes) -> bytes:
    key = hashlib.blake2s(network + receiver, person=b"zg-mac1").digest()
    return hashlib.blake2s(body, key=key, digest_size=16).digest()


class OracleInitiator:
    """The initiating end, from private keys to datagrams."""

    def __init__(self, static: bytes, ephemeral: bytes, remote: bytes, network: bytes, psk: bytes, suite: int) -> None:
        self.static, self.ephemeral, self.remote = static, ephemeral, remote
        self.network, self.psk, self.suite = network, psk, suite

    def initiation(self, sender_index: int, payload: bytes) -> bytes:
        state = self.state = Symmetric(self.suite, prologue(self.network, self.suite, sender_index))
        state.mix_hash(self.remote)
        e = public(self.ephemeral)
        state.mix_hash(e)
        state.mix_key(e)
        state.mix_key(exchange(self.ephemeral, self.remote))
        sealed_static = state.seal(public(self.static))
        state.mix_key(exchange(self.static, self.remote))
        head = bytes([0x90, 1, self.suite, 0]) + struct.pack(">I", sender_index)
        body = head + e + sealed_static + state.seal(payload)
        return body + mac1(self.network, self.remote, body) + bytes(16)

    def response(self, datagram: bytes) -> tuple[bytes, list[bytes]]:
        """The payload, and send key, receive key, handshake hash."""
        state = self.state
        assert datagram[-32:-16] == mac1(self.network, public(self.static), datagram[:-32])
        e, sealed = datagram[12:44], datagram[44:-32]
        state.mix_hash(e)
        state.mix_key(e)
        state.mix_key(exchange(self.ephemeral, e))
        state.mix_key(exchange(self.static, e))
        state.mix_psk(self.psk)
        payload = state.open(sealed)
        return payload, [*hkdf(state.ck, b"", 2), state.h]


class OracleResponder:
    """The answering end."""

    def __init__(self, static: bytes, ephemeral: bytes, network: bytes, psk: bytes) -> None:
        self.static, self.ephemeral, self.network, self.psk = static, ephemeral, network, psk

    def initiation(self, datagram: bytes) -> tuple[bytes, bytes]:
        """The initiator's static key and payload."""
        self.suite, self.remote_index = datagram[2], struct.unpack(">I", datagram[4:8])[0]
        assert datagram[-32:-16] == mac1(self.network, public(self.static), datagram[:-32])
        state = self.state = Symmetric(self.suite, prologue(self.network, self.suite, self.remote_index))
        state.mix_hash(public(self.static))
        self.remote_ephemeral = e = datagram[8:40]
        state.mix_hash(e)
        state.mix_key(e)
        state.mix_key(exchange(self.static, e))
        self.remote = state.open(datagram[40:88])
        state.mix_key(exchange(self.static, self.remote))
        return self.remote, state.open(datagram[88:-32])

    def response(self, sender_index: int, payload: bytes) -> tuple[bytes, list[bytes]]:
        """The datagram, and send key, receive key, handshake hash."""
        state = self.state
        e = public(self.ephemeral)
        state.mix_hash(e)
        state.mix_key(e)
        state.mix_key(exchange(self.ephemeral, self.remote_ephemeral))
        state.mix_key(exchange(self.ephemeral, self.remote))
        state.mix_psk(self.psk)
        head = bytes([0x91, 1, self.suite, 0]) + struct.pack(">II", sender_index, self.remote_index)
        body = head + e + state.seal(struct.pack(">I", sender_index) + payload)
        send, receive = reversed(hkdf(state.ck, b"", 2))
        return body + mac1(self.network, self.remote, body) + bytes(16), [send, receive, state.h]


def seal_transport(suite: int, key: bytes, receiver_index: int, counter: int, inner: bytes) -> bytes:
    header = bytes([0x93, 0, 0, 0]) + struct.pack(">IQ", receiver_index, counter)
    aead, nonce = cipher(suite, key, counter)
    return header + aead.encrypt(nonce, inner, header)


def seal_forward(suite: int, key: bytes, receiver_index: int, counter: int, carried: bytes, route: bytes) -> bytes:
    """`route` is the ids, position and band, and count."""
    start = len(carried) - 16 if carried[0] == 0x93 else 16
    header = bytes([0x98, 0]) + struct.pack(">HIQ", start, receiver_index, counter)
    aead, nonce = cipher(suite, key, counter)
    return header + carried[16:start] + aead.encrypt(nonce, carried[start:] + carried[:16] + route, header)
