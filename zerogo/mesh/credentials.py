# -*- test-case-name: zerogo.test.mesh.test_credentials -*-
"""What two members share before they ever spoke: secrets derived from their static keys (docs/PROTOCOL.md, "Pairs").

Both ends know the X25519 product of their static keys. From it, the network and the owner of a direction come the ICE
credentials of each end, so that a connectivity check can be made and answered before any signalling, one key per
direction for the tags of signals, so that the controller which carries them cannot make them up, and one for the proof
of TCP connections (`zerogo.mesh.stream_proof`). Each value is BLAKE2s, keyed with the product, over label, network id
and the owner's static public key.
"""

from __future__ import annotations

import base64
import hashlib

from attrs import field, frozen

from zerogo.ice.credentials import Credentials
from zerogo.ids import NetworkId
from zerogo.noise.identity import Identity

_UFRAG_BYTES = 9
_PASSWORD_BYTES = 24
_KEY_BYTES = 32


@frozen(kw_only=True)
class PairSecrets:
    """Everything derived for one pair, seen from one end. Secrets do not show in a repr."""

    local: Credentials = field(repr=False)
    remote: Credentials = field(repr=False)
    signal_send_key: bytes = field(repr=False)
    signal_receive_key: bytes = field(repr=False)
    stream_dial_key: bytes = field(repr=False)
    """Proves a TCP connection that this end dials."""
    stream_accept_key: bytes = field(repr=False)


def _derive(shared: bytes, label: bytes, network: NetworkId, owner: bytes, length: int) -> bytes:
    return hashlib.blake2s(label + network.raw + owner, key=shared, digest_size=length, person=b"zg-pair").digest()


def _credentials(shared: bytes, network: NetworkId, owner: bytes) -> Credentials:
    ufrag = _derive(shared, b"ufrag", network, owner, _UFRAG_BYTES)
    password = _derive(shared, b"pwd", network, owner, _PASSWORD_BYTES)
    return Credentials(base64.b64encode(ufrag).decode("ascii"), base64.b64encode(password).decode("ascii"))


def derive_pair_secrets(identity: Identity, remote_static: bytes, network: NetworkId) -> PairSecrets:
    """The secrets of `identity` and the owner of `remote_static` (32 bytes); raises `NotAuthentic` on a bad key."""
    shared = identity.exchange(remote_static)
    ours, theirs = identity.static_public, remote_static
    return PairSecrets(
        local=_credentials(shared, network, ours),
        remote=_credentials(shared, network, theirs),
        signal_send_key=_derive(shared, b"signal", network, ours, _KEY_BYTES),
        signal_receive_key=_derive(shared, b"signal", network, theirs, _KEY_BYTES),
        stream_dial_key=_derive(shared, b"stream", network, ours, _KEY_BYTES),
        stream_accept_key=_derive(shared, b"stream", network, theirs, _KEY_BYTES),
    )
