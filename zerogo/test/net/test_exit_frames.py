"""Plain frames are taken the short way, whatever they are cut into; everything else is given back untouched."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.net.exit_frames import PlainFrames, binary_head
from zerogo.net.websocket import WebSocketClient, accept_key

LIMIT = 100_000


def masked(payload: bytes) -> bytes:
    """As an edge sends it: by the other end's own code."""
    client = WebSocketClient(host="x", path="/", rng=bytes, message_limit=LIMIT, is_masking=False)
    key = accept_key(client._key)
    client.receive(f"HTTP/1.1 101 x\r\nSec-WebSocket-Accept: {key}\r\n\r\n".encode())
    list(client.outgoing())
    client.send(payload)
    return b"".join(client.outgoing())


class PlainFramesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.frames = PlainFrames(LIMIT)

    def test_payloads_of_all_lengths_come_out(self) -> None:
        sizes = (0, 1, 125, 126, 65_535, 65_536, LIMIT)
        found, rest = self.frames.receive(b"".join(masked(bytes(size)) for size in sizes))
        self.assertEqual(([len(payload) for payload in found], rest), (list(sizes), b""))

    def test_what_is_found_outlives_the_next_bytes(self) -> None:
        first, second = masked(b"one" * 100), masked(b"two" * 100)
        self.frames.receive(first[:50])
        found, _ = self.frames.receive(first[50:] + second[:50])
        self.frames.receive(second[50:])
        self.assertEqual(bytes(found[0]), b"one" * 100)

    def test_frames_of_a_server_have_no_mask(self) -> None:
        sizes = (0, 1, 125, 126, 65_535, 65_536, LIMIT)
        plain = b"".join(binary_head(size) + bytes(size) for size in sizes)
        found, rest = PlainFrames(LIMIT, is_masked=False).receive(plain + masked(b"x"))
        self.assertEqual(([len(payload) for payload in found], rest), (list(sizes), masked(b"x")))

    def test_other_kinds_are_given_back_with_all_that_follows(self) -> None:
        plain = masked(b"plain")
        others = {
            "close": b"\x88\x80\0\0\0\0",
            "text": b"\x81\x81\0\0\0\0x",
            "a piece": b"\x02\x81\0\0\0\0x",
            "reserved": b"\xc2\x81\0\0\0\0x",
            "another mask": b"\x82\x81\0\0\0\1x",
            "no mask": b"\x82\x01x",
            "not minimal": b"\x82\xfe\0\x01\0\0\0\0x",
            "nor this": b"\x82\xff\0\0\0\0\0\0\0\xff\0\0\0\0x",
            "too long": b"\x82\xff\0\0\0\0\xff\0\0\0\0\0\0\0",
        }
        for name, other in others.items():
            found, rest = PlainFrames(LIMIT).receive(plain + other + plain)
            self.assertEqual((list(map(bytes, found)), rest), ([b"plain"], other + plain), name)

    @settings(deadline=None, max_examples=100)
    @given(st.lists(st.binary(max_size=300), max_size=6), st.lists(st.integers(1, 400), min_size=1, max_size=30))
    def test_cuts_change_nothing(self, payloads: list[bytes], cuts: list[int]) -> None:
        data, frames, found, at = b"".join(map(masked, payloads)), PlainFrames(LIMIT), [], 0
        for cut in [*cuts, len(data)]:
            more, rest = frames.receive(data[at : at + cut])
            found += map(bytes, more)
            at += cut
            self.assertEqual(rest, b"")
        self.assertEqual(found, payloads)

    @settings(deadline=None, max_examples=200)
    @given(st.lists(st.binary(max_size=40), max_size=10))
    def test_garbage_is_found_kept_or_given_back(self, pieces: list[bytes]) -> None:
        frames = PlainFrames(20)
        for piece in pieces:
            found, rest = frames.receive(piece)
            self.assertTrue(all(len(payload) <= 20 for payload in found))
            if rest:
                break

    def test_heads_of_the_gateways_own_frames_are_minimal(self) -> None:
        client = WebSocketClient(host="x", path="/", rng=bytes, message_limit=LIMIT)
        client.receive(f"HTTP/1.1 101 x\r\nSec-WebSocket-Accept: {accept_key(client._key)}\r\n\r\n".encode())
        list(client.events())
        for size in (0, 125, 126, 65_535, 65_536):
            client.receive(binary_head(size) + bytes(size))
            (event,) = client.events()
            self.assertEqual(len(getattr(event, "payload", b"?")), size)
        self.assertEqual([len(binary_head(size)) for size in (125, 126, 65_535, 65_536)], [2, 4, 4, 10])
