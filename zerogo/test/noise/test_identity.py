"""Tests for zerogo.noise.identity."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.errors import LocalError, ParseError
from zerogo.ids import NodeId
from zerogo.noise.errors import NotAuthentic
from zerogo.noise.identity import Identity, PublicIdentity, verify
from zerogo.test.noise.test_exchange import ALICE, BOB, counting_random
from zerogo.test.noise.test_handshake import LOW_ORDER_POINTS

RFC7748_BOB_PRIVATE = "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"
RFC7748_BOB_PUBLIC = "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"
RFC7748_ALICE_PUBLIC = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
RFC7748_SHARED = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"


class KeyTests(SynchronousTestCase):
    def test_x25519_is_that_of_rfc_7748(self) -> None:
        """RFC 7748, section 6.1."""
        bob = Identity(bytes.fromhex(RFC7748_BOB_PRIVATE), bytes(32))
        self.assertEqual(bob.static_public.hex(), RFC7748_BOB_PUBLIC)
        self.assertEqual(bob.exchange(bytes.fromhex(RFC7748_ALICE_PUBLIC)).hex(), RFC7748_SHARED)

    def test_ed25519_is_that_of_rfc_8032(self) -> None:
        """RFC 8032, section 7.1, test 1."""
        seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
        identity = Identity(b"\x01" * 32, seed)
        self.assertEqual(
            identity.signing_public.hex(), "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
        )
        self.assertEqual(
            identity.sign(b"").hex(),
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
            "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        )

    def test_exchange_is_symmetric(self) -> None:
        self.assertEqual(ALICE.exchange(BOB.static_public), BOB.exchange(ALICE.static_public))

    def test_low_order_points_are_refused(self) -> None:
        for point in LOW_ORDER_POINTS:
            self.assertRaises(NotAuthentic, ALICE.exchange, point)

    def test_public_keys_of_a_wrong_length_are_refused(self) -> None:
        self.assertRaises(NotAuthentic, ALICE.exchange, bytes(31))
        self.assertRaises(LocalError, PublicIdentity, bytes(31), bytes(32))
        self.assertRaises(LocalError, Identity, bytes(32), bytes(33))

    def test_node_id_follows_from_the_x25519_key(self) -> None:
        self.assertEqual(ALICE.node_id, NodeId.from_key(ALICE.static_public))
        self.assertEqual(ALICE.public.node_id, ALICE.node_id)

    def test_generate_takes_both_halves_from_the_randomness(self) -> None:
        identity = Identity.generate(counting_random(5))
        again = Identity.generate(counting_random(5))
        self.assertEqual(identity.export(), again.export())
        self.assertNotEqual(identity.static_private, identity.signing_seed)


class SignatureTests(SynchronousTestCase):
    def test_own_signature_verifies(self) -> None:
        ALICE.public.verify(b"message", ALICE.sign(b"message"))

    def test_changed_message_key_or_signature_is_refused(self) -> None:
        signature = ALICE.sign(b"message")
        changed = bytes([signature[0] ^ 1]) + signature[1:]
        for key, message, given_signature in [
            (ALICE.signing_public, b"massage", signature),
            (BOB.signing_public, b"message", signature),
            (ALICE.signing_public, b"message", changed),
            (ALICE.signing_public, b"message", signature[:63]),
            (ALICE.signing_public, b"message", b""),
            (bytes(31), b"message", signature),
        ]:
            with self.assertRaises(NotAuthentic):
                verify(key, message, given_signature)


class TextTests(SynchronousTestCase):
    def test_export_is_one_line_that_parses_to_the_same_keys(self) -> None:
        text = ALICE.export()
        self.assertNotIn("\n", text)
        self.assertTrue(text.startswith("zerogo-identity-1 "))
        parsed = Identity.parse(text + "\n")
        self.assertEqual((parsed.static_private, parsed.signing_seed), (ALICE.static_private, ALICE.signing_seed))

    def test_every_changed_character_is_found(self) -> None:
        text = ALICE.export()
        for position in range(len(text)):
            changed = text[:position] + ("A" if text[position] != "A" else "B") + text[position + 1 :]
            with self.assertRaises(ParseError):
                Identity.parse(changed)

    def test_errors_do_not_quote_the_secret(self) -> None:
        text = ALICE.export()
        for damaged in (text[:-8], text[:30] + "!" + text[31:], text + "AAAA"):
            with self.assertRaises(ParseError) as caught:
                Identity.parse(damaged)
            self.assertNotIn(text[20:40], str(caught.exception))

    def test_secrets_do_not_show_in_a_repr(self) -> None:
        self.assertEqual(repr(ALICE), f"<Identity {ALICE.node_id}>")
        self.assertNotIn(ALICE.export()[18:30], str(ALICE))

    @settings(max_examples=200, deadline=None)
    @given(st.one_of(st.text(max_size=120), st.text(max_size=120).map("zerogo-identity-1 {}".format)))
    def test_garbage_raises_only_parse_errors(self, text: str) -> None:
        with self.assertRaises(ParseError):
            Identity.parse(text)
