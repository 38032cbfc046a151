# -*- test-case-name: zerogo.test.noise.test_identity -*-
"""Who a node is: an X25519 key pair for Noise and an Ed25519 key pair for signatures.

The two pairs are independent; what binds them is the signed map, which lists both public keys of each member. The
secret text form (`Identity.export`) is one line that `config` keeps in a file of mode 0600:

    zerogo-identity-1 base64url( X25519 private key 32 | Ed25519 seed 32 | check 4 )

`check` is the first 4 bytes of BLAKE2s over the 64 before it, person `zg-check`; it finds slips of the pen only.
X25519 is RFC 7748, Ed25519 is RFC 8032.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

from attrs import field, frozen
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from zerogo.core import RandomBytes
from zerogo.errors import LocalError, ParseError
from zerogo.ids import KEY_BYTES, NodeId
from zerogo.noise.errors import NotAuthentic

SIGNATURE_BYTES = 64
_LABEL = "zerogo-identity-1"
_CHECK_BYTES = 4


def _check_key(instance: object, attribute: object, value: bytes) -> None:
    if not isinstance(value, bytes) or len(value) != KEY_BYTES:
        raise LocalError(f"{type(instance).__name__} takes keys of {KEY_BYTES} bytes")


def _checksum(secret: bytes) -> bytes:
    return hashlib.blake2s(secret, digest_size=_CHECK_BYTES, person=b"zg-check").digest()


@frozen
class PublicIdentity:
    """What others know of a node."""

    static_public: bytes = field(validator=_check_key)
    """X25519, 32 bytes."""
    signing_public: bytes = field(validator=_check_key)
    """Ed25519, 32 bytes."""

    @property
    def node_id(self) -> NodeId:
        """The short name that follows from the X25519 key."""
        return NodeId.from_key(self.static_public)

    def verify(self, message: bytes, signature: bytes) -> None:
        """Check an Ed25519 signature (64 bytes) of this node over `message`; raises `NotAuthentic`."""
        verify(self.signing_public, message, signature)


def verify(signing_public: bytes, message: bytes, signature: bytes) -> None:
    """Check an Ed25519 signature against a public key of 32 bytes; raises `NotAuthentic`."""
    try:
        VerifyKey(signing_public).verify(message, signature)
    except (BadSignatureError, ValueError, TypeError) as error:
        raise NotAuthentic("a signature does not verify") from error


@frozen(repr=False, eq=False)
class Identity:
    """A node's own keys. The private halves never show in a repr; two identities compare by being the same object."""

    static_private: bytes = field(validator=_check_key)
    signing_seed: bytes = field(validator=_check_key)
    public: PublicIdentity = field(init=False)
    _exchange_key: X25519PrivateKey = field(init=False)
    _signing_key: SigningKey = field(init=False)

    def __attrs_post_init__(self) -> None:
        exchange_key = X25519PrivateKey.from_private_bytes(self.static_private)
        signing_key = SigningKey(self.signing_seed)
        public = PublicIdentity(exchange_key.public_key().public_bytes_raw(), bytes(signing_key.verify_key))
        object.__setattr__(self, "_exchange_key", exchange_key)
        object.__setattr__(self, "_signing_key", signing_key)
        object.__setattr__(self, "public", public)

    @classmethod
    def generate(cls, rng: RandomBytes) -> Identity:
        """A new identity from 64 random bytes."""
        return cls(rng(KEY_BYTES), rng(KEY_BYTES))

    @classmethod
    def parse(cls, text: str) -> Identity:
        """Read what `export` wrote; raises `ParseError`, which never quotes the text."""
        label, _, encoded = text.strip().partition(" ")
        if label != _LABEL:
            raise ParseError(f"an identity begins with {_LABEL!r}")
        try:
            raw = base64.b64decode(encoded.encode("ascii"), altchars=b"-_", validate=True)
        except (binascii.Error, UnicodeEncodeError):
            raise ParseError("the identity is not base64url text") from None
        if len(raw) != 2 * KEY_BYTES + _CHECK_BYTES:
            raise ParseError(f"the identity holds {len(raw)} bytes, not {2 * KEY_BYTES + _CHECK_BYTES}")
        secret = raw[: 2 * KEY_BYTES]
        if not hmac.compare_digest(_checksum(secret), raw[2 * KEY_BYTES :]):
            raise ParseError("the identity's check bytes are wrong: it was damaged")
        return cls(secret[:KEY_BYTES], secret[KEY_BYTES:])

    def export(self) -> str:
        """The secret text form, one line without its end. Keep it from everyone."""
        secret = self.static_private + self.signing_seed
        return f"{_LABEL} {base64.urlsafe_b64encode(secret + _checksum(secret)).decode('ascii')}"

    @property
    def static_public(self) -> bytes:
        """X25519, 32 bytes."""
        return self.public.static_public

    @property
    def signing_public(self) -> bytes:
        """Ed25519, 32 bytes."""
        return self.public.signing_public

    @property
    def node_id(self) -> NodeId:
        """The short name of this node."""
        return self.public.node_id

    def sign(self, message: bytes) -> bytes:
        """Ed25519 signature over `message`, 64 bytes."""
        return bytes(self._signing_key.sign(message).signature)

    def exchange(self, static_public: bytes) -> bytes:
        """X25519 with another's public key, 32 bytes; raises `NotAuthentic` on a low-order point or a wrong length."""
        try:
            return self._exchange_key.exchange(X25519PublicKey.from_public_bytes(static_public))
        except ValueError as error:
            raise NotAuthentic("a public key is of low order or has a wrong length") from error

    def __repr__(self) -> str:
        return f"<Identity {self.node_id}>"
