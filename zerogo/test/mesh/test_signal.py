"""The blobs that travel through the controller."""

from __future__ import annotations

import hashlib

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.errors import ParseError
from zerogo.ice.candidate import Candidate, CandidateKind
from zerogo.ice.nature import NatBehaviour, PortPattern
from zerogo.ice.prediction import PortWindow
from zerogo.ids import SocketAddress
from zerogo.mesh.signal import (
    BLOB_BYTES_LIMIT,
    CANDIDATES_LIMIT,
    STREAMS_LIMIT,
    NatMapping,
    Offer,
    Signal,
    emit_signal,
    parse_signal,
)

KEY = bytes(range(32))
HOST = Candidate.host(SocketAddress.of("192.168.1.2", 9993))
SEEN = Candidate.server_reflexive(
    SocketAddress.of("192.0.2.1", 40000), SocketAddress.of("192.168.1.2", 9993), SocketAddress.of("192.0.2.9", 3478)
)
OPEN = Candidate.passive(SocketAddress.of("192.0.2.1", 443), CandidateKind.MAPPED)
SIX = Candidate.host(SocketAddress.of("2001:db8::1", 9993))


def tagged(body: bytes, version: int = 1) -> bytes:
    """A blob with the right tag."""
    head = bytes([version])
    return head + hashlib.blake2s(head + body, key=KEY, digest_size=16, person=b"zg-sig").digest() + body


signals = st.builds(
    Signal,
    epoch=st.integers(0, 2**32 - 1),
    sequence=st.integers(0, 2**32 - 1),
    wants_answer=st.booleans(),
    window=st.none()
    | st.builds(
        PortWindow,
        number=st.integers(0, 2**32 - 1),
        host=st.ip_addresses(v=4).map(str),
        low=st.integers(1024, 30000),
        high=st.integers(30000, 65535),
        sockets=st.integers(1, 256),
    ),
    offer=st.builds(
        Offer,
        candidates=st.lists(st.sampled_from([HOST, SEEN, SIX]), max_size=CANDIDATES_LIMIT - STREAMS_LIMIT).map(tuple),
        streams=st.lists(st.just(OPEN), max_size=STREAMS_LIMIT).map(tuple),
        nat=st.builds(
            NatBehaviour,
            mapping=st.sampled_from(NatMapping),
            ports=st.sampled_from(PortPattern),
            step=st.integers(-65535, 65535),
        ),
        carriers=st.integers(0, 2),
        is_complete=st.booleans(),
    ),
)


class SignalTests(SynchronousTestCase):
    """Emitted, parsed, refused."""

    @given(signals)
    @settings(deadline=None, max_examples=100)
    def test_what_was_emitted_is_parsed(self, signal: Signal) -> None:
        self.assertEqual(parse_signal(emit_signal(signal, KEY), KEY), signal)

    @given(st.binary(max_size=300))
    @settings(deadline=None, max_examples=200)
    def test_garbage_is_a_parse_error(self, blob: bytes) -> None:
        self.assertRaises(ParseError, parse_signal, blob, KEY)

    @given(st.binary(max_size=300))
    @settings(deadline=None, max_examples=200)
    def test_a_member_that_lies_can_only_make_a_parse_error(self, body: bytes) -> None:
        try:
            signal = parse_signal(tagged(body), KEY)
        except ParseError:
            return
        self.assertLessEqual(len(signal.offer.candidates), CANDIDATES_LIMIT)

    def test_each_flipped_bit_is_noticed(self) -> None:
        blob = emit_signal(Signal(epoch=1, sequence=2, offer=Offer(candidates=(HOST,))), KEY)
        for position in range(len(blob) * 8):
            flipped = bytearray(blob)
            flipped[position // 8] ^= 1 << position % 8
            self.assertRaises(ParseError, parse_signal, bytes(flipped), KEY)

    def test_another_key_is_refused(self) -> None:
        blob = emit_signal(Signal(epoch=1, sequence=2, offer=Offer()), KEY)
        self.assertRaises(ParseError, parse_signal, blob, bytes(32))

    def test_another_version_is_refused_by_name(self) -> None:
        self.assertIn("version 2", str(self.assertRaises(ParseError, parse_signal, tagged(b"\x80", 2), KEY)))

    def test_unknown_fields_are_ignored(self) -> None:
        body = msgspec.msgpack.encode({"e": 7, "s": 8, "future": [1, 2, {"x": 3}]})
        self.assertEqual(parse_signal(tagged(body), KEY), Signal(epoch=7, sequence=8, offer=Offer()))

    def test_a_candidate_of_a_later_release_is_skipped(self) -> None:
        body = msgspec.msgpack.encode({"e": 7, "s": 8, "c": ["candidate:x 1 tcp 1 teleport", SIX.to_text()]})
        self.assertEqual(parse_signal(tagged(body), KEY).offer.candidates, (SIX,))

    def test_an_unknown_mapping_is_unknown(self) -> None:
        body = msgspec.msgpack.encode({"e": 7, "s": 8, "m": "quantum"})
        self.assertIs(parse_signal(tagged(body), KEY).offer.mapping, NatMapping.UNKNOWN)

    def test_too_many_candidates_are_refused(self) -> None:
        body = msgspec.msgpack.encode({"e": 7, "s": 8, "c": ["x"] * (CANDIDATES_LIMIT + 1)})
        self.assertRaises(ParseError, parse_signal, tagged(body), KEY)

    def test_a_full_signal_stays_below_the_limit(self) -> None:
        longest = Candidate.server_reflexive(
            SocketAddress.of("2001:db8:1111:2222:3333:4444:5555:6666", 65535),
            SocketAddress.of("2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff", 65535),
            SocketAddress.of("2001:db8::9", 3478),
        )
        signal = Signal(epoch=2**32 - 1, sequence=2**32 - 1, offer=Offer(candidates=(longest,) * 100))
        blob = emit_signal(signal, KEY)
        self.assertLessEqual(len(blob), BLOB_BYTES_LIMIT)
        self.assertEqual(len(parse_signal(blob, KEY).offer.candidates), CANDIDATES_LIMIT)

    def test_a_blob_over_the_limit_is_refused(self) -> None:
        self.assertRaises(ParseError, parse_signal, bytes([1]) + bytes(BLOB_BYTES_LIMIT), KEY)
