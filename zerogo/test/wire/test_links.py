"""Requests for links and adverts of them, byte by byte."""

from __future__ import annotations

import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.errors import ParseError
from zerogo.ids import NetworkId, NodeId
from zerogo.wire.links import (
    GONE,
    LOSS_STEPS,
    NODES_LIMIT,
    AdvertisedLink,
    LinkAdvert,
    LinkRequest,
    emit_advert,
    emit_request,
    parse_advert,
    parse_request,
    quantise_loss,
    quantise_seconds,
    seconds_of,
    signed_part,
)

ANN, BOB, EVE = NodeId(b"a" * 10), NodeId(b"b" * 10), NodeId(b"e" * 10)
NODES = st.binary(min_size=10, max_size=10).map(NodeId)
LINKS = st.builds(AdvertisedLink, NODES, st.integers(0, GONE), st.integers(0, LOSS_STEPS), st.integers(0, GONE - 1))
ADVERTS = st.builds(
    LinkAdvert,
    NODES,
    st.integers(0, 2**64 - 1),
    st.lists(LINKS, min_size=1, max_size=NODES_LIMIT).map(tuple),
    st.binary(min_size=64, max_size=64),
)


class LayoutTests(SynchronousTestCase):
    """The bytes of docs/PROTOCOL.md, section 5.5."""

    def test_request(self) -> None:
        self.assertEqual(emit_request(LinkRequest((ANN, BOB))), b"\x04\x00\x02" + b"a" * 10 + b"b" * 10)
        self.assertEqual(emit_request(LinkRequest((ANN,), ask_on=True)), b"\x04\x01\x01" + b"a" * 10)

    def test_advert(self) -> None:
        links = (AdvertisedLink(BOB, 71, 5, 16), AdvertisedLink(EVE, GONE))
        body = b"\x05" + b"a" * 10 + b"\0\0\0\0\0\0\x01\x02" + b"\x02" + b"b" * 10 + b"\x47\x05\x10"
        body += b"e" * 10 + b"\xff\0\0"
        self.assertEqual(emit_advert(LinkAdvert(ANN, 258, links, b"s" * 64)), body + b"s" * 64)
        self.assertEqual(signed_part(NetworkId(b"netid"), ANN, 258, links), b"zerogo links 1\0" + b"netid" + body)

    def test_the_largest_advert_fits_the_least_path(self) -> None:
        advert = LinkAdvert(ANN, 1, tuple(AdvertisedLink(BOB, 1) for _ in range(NODES_LIMIT)), bytes(64))
        self.assertLessEqual(len(emit_advert(advert)) + 36, 1052)

    def test_scale(self) -> None:
        for milliseconds, step in ((0, 0), (1, 16), (20, 70), (100, 107), (100_000, 254)):
            self.assertEqual(quantise_seconds(milliseconds / 1000), step)
        self.assertEqual([quantise_loss(share) for share in (-1, 0, 0.004, 0.5, 1, 7)], [0, 0, 1, 125, 250, 250])
        self.assertAlmostEqual(AdvertisedLink(ANN, 16, 125).latency_seconds, 0.001)
        self.assertEqual(AdvertisedLink(ANN, 16, 125).loss_share, 0.5)

    @given(st.floats(0.0005, 50))
    @settings(deadline=None, max_examples=200)
    def test_a_step_is_five_percent(self, seconds: float) -> None:
        off = seconds_of(quantise_seconds(seconds)) - seconds
        self.assertLessEqual(abs(off), 0.025 * (seconds + 0.001))


class ParserTests(SynchronousTestCase):
    """What was emitted parses back, garbage is refused."""

    @given(st.lists(NODES, min_size=1, max_size=NODES_LIMIT).map(tuple), st.booleans(), st.binary(max_size=20))
    @settings(deadline=None, max_examples=100)
    def test_requests_come_back(self, nodes: tuple[NodeId, ...], ask_on: bool, trailing: bytes) -> None:
        request = LinkRequest(nodes, ask_on)
        self.assertEqual(parse_request(emit_request(request) + trailing), request)

    @given(ADVERTS, st.binary(max_size=20))
    @settings(deadline=None, max_examples=100)
    def test_adverts_come_back(self, advert: LinkAdvert, trailing: bytes) -> None:
        self.assertEqual(parse_advert(emit_advert(advert) + trailing), advert)

    @given(st.binary(max_size=300))
    @settings(deadline=None, max_examples=200)
    def test_garbage_is_a_parse_error(self, garbage: bytes) -> None:
        for parse in (parse_request, parse_advert):
            with contextlib.suppress(ParseError):
                parse(garbage)

    @given(ADVERTS, st.data())
    @settings(deadline=None, max_examples=100)
    def test_short_ones_are_refused(self, advert: LinkAdvert, data: st.DataObject) -> None:
        raw = emit_advert(advert)
        with self.assertRaises(ParseError):
            parse_advert(raw[: data.draw(st.integers(0, len(raw) - 1))])

    def test_counts_and_scales_are_bounded(self) -> None:
        with self.assertRaises(ParseError):
            parse_request(b"\x04\x00\x00" + b"a" * 10)
        with self.assertRaises(ParseError):
            parse_request(b"\x04\x00\x41" + b"a" * 650)
        for link in (AdvertisedLink(ANN, 1, LOSS_STEPS + 1), AdvertisedLink(ANN, 1, 0, GONE)):
            with self.assertRaises(ParseError):
                parse_advert(emit_advert(LinkAdvert(ANN, 1, (link,), bytes(64))))
