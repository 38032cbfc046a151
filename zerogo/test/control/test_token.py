import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.control.token import (
    ADDRESSES_LIMIT,
    TOKEN_LIMIT,
    JoinToken,
    controller_key_hash,
    emit_base32,
    join_host_port,
    parse_base32,
    split_host_port,
)
from zerogo.errors import ParseError
from zerogo.ids import NetworkId

HASH = emit_base32(bytes(20))
SECRET = emit_base32(bytes(range(20)))
GOOD = f"zerogo://vpn.example.org:9394/{NetworkId(bytes(5))}/{SECRET}?k={HASH}"

labels = st.from_regex(r"[a-z]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
hosts = st.one_of(
    st.lists(labels, min_size=1, max_size=3).map(".".join),
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(str),
)
addresses = st.builds(join_host_port, hosts, st.integers(1, 65535))
tokens = st.builds(
    JoinToken,
    addresses=st.lists(addresses, min_size=1, max_size=ADDRESSES_LIMIT).map(tuple),
    key_hash=st.binary(min_size=20, max_size=20),
    network=st.builds(NetworkId, st.binary(min_size=5, max_size=5)),
    secret=st.binary(min_size=20, max_size=20).map(emit_base32),
    psk=st.none() | st.binary(min_size=32, max_size=32),
    lock=st.none() | st.binary(min_size=32, max_size=32),
    onion_key=st.none() | st.binary(min_size=32, max_size=32),
)


class JoinTokenTests(SynchronousTestCase):
    def refusal(self, text: str) -> str:
        return str(self.assertRaises(ParseError, JoinToken.parse, text))

    @settings(deadline=None, max_examples=150)
    @given(tokens)
    def test_what_is_formatted_parses_to_an_equal_token(self, token: JoinToken) -> None:
        self.assertEqual(JoinToken.parse(token.format()), token)

    @settings(deadline=None, max_examples=200)
    @given(st.one_of(st.text(max_size=200), st.text(max_size=200).map("zerogo://".__add__)))
    def test_garbage_raises_parse_error_only(self, text: str) -> None:
        with contextlib.suppress(ParseError):
            JoinToken.parse(text)

    @settings(deadline=None, max_examples=200)
    @given(st.integers(0, len(GOOD) - 1), st.characters())
    def test_a_slip_of_one_character_parses_or_is_a_parse_error(self, place: int, character: str) -> None:
        with contextlib.suppress(ParseError):
            JoinToken.parse(GOOD[:place] + character + GOOD[place + 1 :])

    def test_letters_may_be_large_and_quotes_and_spaces_around_are_ignored(self) -> None:
        self.assertEqual(JoinToken.parse(f"  '{GOOD}' \n"), JoinToken.parse(GOOD))
        upper = GOOD.replace(SECRET, SECRET.upper())
        self.assertEqual(JoinToken.parse(upper), JoinToken.parse(GOOD))

    def test_a_missing_port_is_9394(self) -> None:
        token = JoinToken.parse(GOOD.replace(":9394", ""))
        self.assertEqual(token.addresses, ("vpn.example.org:9394",))

    def test_the_sentence_says_what_is_wrong(self) -> None:
        self.assertIn("must begin with zerogo://", self.refusal("https://example.org/"))
        self.assertIn("was all of it copied", self.refusal("zerogo://a:1/abc"))
        for parts in ("aaaaaaaa", f"aaaaaaaa/{SECRET}/more"):
            self.assertIn("must have the form", self.refusal(GOOD.replace(f"aaaaaaaa/{SECRET}", parts, 1)))
        self.assertIn("?k=..., is missing", self.refusal(GOOD.partition("?")[0]))
        self.assertIn("secret is damaged", self.refusal(GOOD.replace(SECRET, SECRET[:-1])))
        self.assertIn("network id is damaged", self.refusal(GOOD.replace("aaaaaaaa", "aaaaaaa1", 1)))
        self.assertIn("key hash is damaged", self.refusal(GOOD[:-1]))
        self.assertIn("pre-shared key is damaged", self.refusal(GOOD + "#abc"))
        self.assertIn("longer than", self.refusal(GOOD + "a" * TOKEN_LIMIT))
        self.assertIn("1 to 8", self.refusal(GOOD.replace("vpn.example.org:9394", ",".join(["a:1"] * 9))))
        self.assertIn("in brackets", self.refusal(GOOD.replace("vpn.example.org", "2001:db8::1")))
        self.assertIn("1 to 65535", self.refusal(GOOD.replace("9394", "65536")))

    def test_neither_secret_nor_psk_shows_in_a_repr_or_in_a_refusal(self) -> None:
        token = JoinToken.parse(GOOD + "#" + emit_base32(b"\xaa" * 32))
        self.assertNotIn(SECRET, repr(token))
        self.assertNotIn("\\xaa", repr(token))
        self.assertNotIn(SECRET[:-1], self.refusal(GOOD.replace(SECRET, SECRET[:-1])))

    def test_base32_with_stray_bits_is_refused(self) -> None:
        self.assertRaises(ParseError, parse_base32, "ab", 1, "x")
        self.assertEqual(parse_base32("aa", 1, "x"), b"\0")

    def test_the_key_hash_covers_both_keys(self) -> None:
        first, second = bytes(32), bytes([1]) * 32
        hashes = {controller_key_hash(a, b) for a in (first, second) for b in (first, second)}
        self.assertEqual(len(hashes), 4)


class HostPortTests(SynchronousTestCase):
    @settings(deadline=None, max_examples=200)
    @given(st.text(max_size=60))
    def test_garbage_raises_parse_error_only(self, text: str) -> None:
        try:
            host, port = split_host_port(text)
        except ParseError:
            return
        self.assertEqual(split_host_port(join_host_port(host, port)), (host, port))

    def test_ipv6_is_written_in_brackets_and_canonical(self) -> None:
        self.assertEqual(split_host_port("[2001:DB8:0::1]:80"), ("2001:db8::1", 80))
        self.assertEqual(join_host_port("2001:db8::1", 80), "[2001:db8::1]:80")

    def test_wrong_hosts_are_refused(self) -> None:
        for text in (
            "",
            ":1",
            "a b:1",
            "a:",
            "a:0",
            "[::1",
            "[x]:1",
            "[fe80::1%eth0]:1",
            "999.1.1.1:1",
            "1.2.3:1",
            "a..b:1",
            "-a:1",
            "ä:1",
        ):
            self.assertRaises(ParseError, split_host_port, text)
