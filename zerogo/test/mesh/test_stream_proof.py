"""Both ends of a stream show each other who they are; nobody else gets past the first word."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.errors import ParseError
from zerogo.ids import NetworkId
from zerogo.mesh.credentials import derive_pair_secrets
from zerogo.mesh.stream_proof import AcceptingProof, DiallingProof, StreamKey, fragment_of, ufrag_of
from zerogo.noise.errors import NotAuthentic
from zerogo.noise.identity import Identity
from zerogo.testing.clock import seeded_bytes

NETWORK = NetworkId(b"abcde")
ANN, BOB, EVE = (Identity.generate(seeded_bytes(name)) for name in ("ann", "bob", "eve"))
OURS = derive_pair_secrets(ANN, BOB.static_public, NETWORK)
THEIRS = derive_pair_secrets(BOB, ANN.static_public, NETWORK)
DIALS = StreamKey(7, fragment_of(OURS.remote.ufrag), OURS.stream_dial_key)
"""Ann dials Bob."""


def find(fragment: bytes) -> StreamKey | None:
    """Bob's members: Ann."""
    return StreamKey(3, fragment, THEIRS.stream_accept_key) if ufrag_of(fragment) == THEIRS.local.ufrag else None


class StreamProofTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.rng = seeded_bytes("proofs")
        self.dialling = DiallingProof(DIALS, self.rng)
        self.accepting = AcceptingProof(find, self.rng)

    def test_both_ends_know_each_other_after_one_round_trip(self) -> None:
        answer = self.accepting.receive(self.dialling.greeting)
        assert answer is not None
        self.assertIsNone(self.accepting.peer)
        confirm = self.dialling.receive(answer)
        assert confirm is not None
        self.assertEqual(self.dialling.peer, 7)
        self.assertIsNone(self.accepting.receive(confirm))
        self.assertEqual(self.accepting.peer, 3)

    def test_each_message_has_the_length_that_is_due(self) -> None:
        self.assertEqual(len(self.dialling.greeting), self.accepting.due)
        answer = self.accepting.receive(self.dialling.greeting)
        assert answer is not None
        self.assertEqual(len(answer), self.dialling.due)
        confirm = self.dialling.receive(answer)
        assert confirm is not None
        self.assertEqual(len(confirm), self.accepting.due)

    def test_a_stranger_is_not_answered(self) -> None:
        strangers = derive_pair_secrets(EVE, BOB.static_public, NETWORK)
        for key in (
            StreamKey(1, fragment_of(strangers.remote.ufrag), strangers.stream_dial_key),
            StreamKey(1, DIALS.fragment, strangers.stream_dial_key),
        ):
            greeting = DiallingProof(key, self.rng).greeting
            self.assertRaises(NotAuthentic, AcceptingProof(find, self.rng).receive, greeting)

    def test_a_copied_hello_gets_no_further_than_the_answer(self) -> None:
        answer = self.accepting.receive(self.dialling.greeting)
        assert answer is not None
        confirm = self.dialling.receive(answer)
        assert confirm is not None
        again = AcceptingProof(find, self.rng)
        self.assertNotEqual(again.receive(self.dialling.greeting), answer)
        self.assertRaises(NotAuthentic, again.receive, confirm)
        self.assertIsNone(again.peer)

    def test_who_is_removed_after_the_hello_is_no_member(self) -> None:
        members = {DIALS.fragment: StreamKey(3, DIALS.fragment, THEIRS.stream_accept_key)}
        accepting = AcceptingProof(members.get, self.rng)
        answer = accepting.receive(self.dialling.greeting)
        assert answer is not None
        confirm = self.dialling.receive(answer)
        assert confirm is not None
        members.clear()
        self.assertRaises(NotAuthentic, accepting.receive, confirm)
        self.assertIsNone(accepting.peer)

    def test_an_answer_to_another_hello_proves_nothing(self) -> None:
        other = DiallingProof(DIALS, self.rng)
        answer = self.accepting.receive(other.greeting)
        assert answer is not None
        self.assertRaises(NotAuthentic, self.dialling.receive, answer)

    def test_words_of_one_direction_are_none_in_the_other(self) -> None:
        """Who is dialled cannot be made to answer itself."""
        mirrored = AcceptingProof(lambda fragment: StreamKey(7, fragment, OURS.stream_accept_key), self.rng)
        self.assertRaises(NotAuthentic, mirrored.receive, self.dialling.greeting)

    @given(st.binary(max_size=60))
    @settings(deadline=None, max_examples=100)
    def test_garbage_raises_what_is_expected(self, data: bytes) -> None:
        for proof in (DiallingProof(DIALS, self.rng), AcceptingProof(find, self.rng)):
            self.assertRaises((ParseError, NotAuthentic), proof.receive, data)

    def test_keys_do_not_show(self) -> None:
        self.assertNotIn(repr(DIALS.key), repr(DIALS))
