from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.control.fellow_words import (
    LIMITS_LIMIT,
    MEMBERS_LIMIT,
    WORD_LIMIT,
    AreaOutdated,
    Attempted,
    ExitsChanged,
    ForGateways,
    ForMember,
    GatewayAnswered,
    GatewayLeft,
    GatewaysAsked,
    GatewayTold,
    Looking,
    MemberDecided,
    MemberGone,
    MemberHere,
    MemberReported,
    MembersHere,
    NetworkChanged,
    NetworkDeleted,
    Spent,
    Step,
    emit_word,
    parse_word,
)
from zerogo.control.gateway_messages import UserActivity
from zerogo.errors import ParseError
from zerogo.ids import NetworkId, NodeId

networks, nodes = st.binary(min_size=5, max_size=5), st.binary(min_size=10, max_size=10)
activities = st.builds(UserActivity, st.text(max_size=64), *[st.integers(0, 2**53)] * 3, st.booleans(), st.booleans())
words = st.one_of(
    st.builds(NetworkChanged, networks),
    st.builds(NetworkDeleted, networks),
    st.builds(MemberDecided, networks, nodes),
    st.builds(MemberHere, networks, nodes),
    st.builds(MemberGone, networks, nodes),
    st.builds(MembersHere, networks, st.lists(nodes, max_size=5)),
    st.builds(MemberReported, networks, nodes, st.binary(max_size=100)),
    st.builds(Looking, st.booleans()),
    st.builds(AreaOutdated, st.text(max_size=32), st.text(max_size=32)),
    st.builds(ForMember, networks, nodes, st.binary(max_size=100)),
    st.builds(ForGateways, st.binary(max_size=100), st.none() | nodes),
    st.builds(GatewayTold, nodes, streams=st.integers(0, 2**53), users=st.lists(activities, max_size=3)),
    st.builds(GatewayLeft, nodes),
    st.builds(ExitsChanged),
    st.builds(GatewaysAsked, st.integers(0, 2**53), st.text(max_size=64), st.text(max_size=400)),
    st.builds(GatewayAnswered, nodes, st.integers(0, 2**53), st.binary(max_size=100)),
    st.builds(Spent, st.dictionaries(st.text(max_size=20), st.integers(1, 2**20), max_size=5)),
    st.builds(Attempted, st.text(max_size=64), st.text(max_size=60), st.sampled_from(Step)),
)


class WordTests(SynchronousTestCase):
    @settings(max_examples=100, deadline=None)
    @given(words)
    def test_what_was_emitted_parses_back(self, word: NetworkChanged) -> None:
        self.assertEqual(parse_word(emit_word(word)), word)

    @settings(max_examples=200, deadline=None)
    @given(st.binary(max_size=200))
    def test_garbage_is_a_parse_error(self, data: bytes) -> None:
        try:
            parse_word(data)
        except ParseError:
            return
        self.fail("garbage is not expected to be a word")

    @settings(max_examples=50, deadline=None)
    @given(words, st.integers(0, 200))
    def test_a_word_cut_short_is_a_parse_error(self, word: NetworkChanged, length: int) -> None:
        data = emit_word(word)
        self.assertRaises(ParseError, parse_word, data[: min(length, len(data) - 1)])

    def test_ids_of_another_length_and_what_is_too_long_are_refused(self) -> None:
        for word in (
            NetworkChanged(bytes(4)),
            MemberHere(bytes(5), bytes(11)),
            ForMember(bytes(5), bytes(10), bytes(WORD_LIMIT + 1)),
            MembersHere(bytes(5), [bytes(10)] * (MEMBERS_LIMIT + 1)),
            MemberReported(bytes(5), bytes(10), bytes(WORD_LIMIT + 1)),
            Spent({str(number): 1 for number in range(LIMITS_LIMIT + 1)}),
            Spent({"user:ann": 0}),
            Spent({"user:ann": -1}),
            Spent({"user:ann": 2**21}),
            Spent({"x" * 129: 1}),
            Attempted("x" * 129, "192.0.2.1", Step.BEGUN),
            Attempted("ann", "x" * 129, Step.BEGUN),
        ):
            self.assertRaises(ParseError, parse_word, emit_word(word))

    def test_ids_come_out_as_such(self) -> None:
        word = MemberDecided(b"12345", b"1234567890")
        self.assertEqual((word.network, word.node_id), (NetworkId(b"12345"), NodeId(b"1234567890")))
