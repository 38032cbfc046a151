"""What two members derive from their static keys."""

from __future__ import annotations

import base64
import hashlib

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from twisted.trial.unittest import SynchronousTestCase

from zerogo.ice.credentials import Credentials
from zerogo.ids import NetworkId
from zerogo.mesh.credentials import derive_pair_secrets
from zerogo.noise.errors import NotAuthentic
from zerogo.noise.identity import Identity
from zerogo.testing.clock import seeded_bytes

NETWORK = NetworkId(b"abcde")
ANN = Identity.generate(seeded_bytes("ann"))
BOB = Identity.generate(seeded_bytes("bob"))


class PairSecretTests(SynchronousTestCase):
    """Both ends agree, nobody else can."""

    def test_both_ends_derive_the_same(self) -> None:
        ours = derive_pair_secrets(ANN, BOB.static_public, NETWORK)
        theirs = derive_pair_secrets(BOB, ANN.static_public, NETWORK)
        self.assertEqual((ours.local, ours.remote), (theirs.remote, theirs.local))
        self.assertEqual(ours.signal_send_key, theirs.signal_receive_key)
        self.assertEqual(ours.signal_receive_key, theirs.signal_send_key)

    def test_they_are_those_of_the_specification(self) -> None:
        """Section 11 of docs/PROTOCOL.md, computed apart."""
        key = X25519PrivateKey.from_private_bytes(ANN.static_private)
        shared = key.exchange(X25519PublicKey.from_public_bytes(BOB.static_public))

        def value(label: bytes, owner: Identity, length: int) -> bytes:
            covered = label + b"abcde" + owner.static_public
            return hashlib.blake2s(covered, key=shared, digest_size=length, person=b"zg-pair").digest()

        ours = derive_pair_secrets(ANN, BOB.static_public, NETWORK)
        for credentials, owner in ((ours.local, ANN), (ours.remote, BOB)):
            self.assertEqual(base64.b64decode(credentials.ufrag), value(b"ufrag", owner, 9))
            self.assertEqual(base64.b64decode(credentials.pwd), value(b"pwd", owner, 24))
        self.assertEqual(ours.signal_send_key, value(b"signal", ANN, 32))
        self.assertEqual(ours.signal_receive_key, value(b"signal", BOB, 32))

    def test_directions_peers_and_networks_differ(self) -> None:
        ours = derive_pair_secrets(ANN, BOB.static_public, NETWORK)
        other_network = derive_pair_secrets(ANN, BOB.static_public, NetworkId(b"edcba"))
        other_peer = derive_pair_secrets(ANN, Identity.generate(seeded_bytes("eve")).static_public, NETWORK)
        seen = [each for one in (ours, other_network, other_peer) for each in (one.local.pwd, one.remote.pwd)]
        self.assertEqual(len(set(seen)), 6)
        self.assertNotEqual(ours.signal_send_key, ours.signal_receive_key)

    def test_they_are_what_ice_takes(self) -> None:
        local = derive_pair_secrets(ANN, BOB.static_public, NETWORK).local
        self.assertEqual(Credentials.of(local.ufrag, local.pwd), local)

    def test_secrets_do_not_show(self) -> None:
        secrets = derive_pair_secrets(ANN, BOB.static_public, NETWORK)
        self.assertNotIn(secrets.local.pwd, repr(secrets))
        self.assertNotIn(repr(secrets.signal_send_key), repr(secrets))

    def test_a_key_of_low_order_is_refused(self) -> None:
        self.assertRaises(NotAuthentic, derive_pair_secrets, ANN, bytes(32), NETWORK)
