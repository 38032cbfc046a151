"""The kinds of value."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.config import values
from zerogo.config.document import Items, Section, Text
from zerogo.config.errors import ValueRefused
from zerogo.config.private_file import write_private
from zerogo.config.schema import Kind
from zerogo.ids import SocketAddress
from zerogo.secret import Secret

GOOD_SECRET = "8d1f6b0ac2e94735b0f1d2c3a4958677"
HOW = "run the generator"


def read(kind: Kind[Any], text: str) -> Any:
    """What `kind` makes of a scalar."""
    return kind.parse(Text(text, 1))


class ValueTests(SynchronousTestCase):
    """Each kind, with what it takes and what it refuses."""

    def refusal(self, kind: Kind[Any], text: str) -> str:
        return str(self.assertRaises(ValueRefused, read, kind, text))

    def test_integer_keeps_to_its_range(self) -> None:
        kind = values.integer(1280, 9000, "bytes")
        self.assertEqual([read(kind, text) for text in ("1280", "9000")], [1280, 9000])
        for wrong in ("1279", "9001", "-1", "1e3", "0x10", "", "1_400", "\u0661\u0664\u0660\u0660", "9" * 50):
            self.assertIn("from 1280 to 9000 bytes", self.refusal(kind, wrong))

    def test_switch_takes_the_words_of_yaml(self) -> None:
        self.assertEqual([read(values.SWITCH, text) for text in ("true", "Yes", "on")], [True] * 3)
        self.assertEqual([read(values.SWITCH, text) for text in ("false", "no", "OFF")], [False] * 3)
        self.assertIn("true nor false", self.refusal(values.SWITCH, "1"))

    def test_refused_word_comes_with_its_reason(self) -> None:
        kind = values.one_of(("high", "medium"), {"none": "we always encrypt"})
        self.assertEqual(read(kind, "HIGH"), "high")
        self.assertIn("we always encrypt; write high or medium", self.refusal(kind, "none"))
        self.assertIn("not known", self.refusal(kind, "extreme"))

    def test_list_takes_one_value_several_and_commas(self) -> None:
        kind = values.many(values.HOST_PORT)
        self.assertEqual(read(kind, "a.example:1"), ("a.example:1",))
        self.assertEqual(read(kind, "a.example:1, b.example:2"), ("a.example:1", "b.example:2"))
        self.assertEqual(kind.parse(Items((Text("a.example:1", 1),), 1)), ("a.example:1",))
        self.assertRaises(ValueRefused, kind.parse, Section({}, 1))
        self.assertRaises(ValueRefused, kind.parse, Items((Text("a:1", 1),) * 65, 1))

    def test_url_needs_a_scheme_and_a_host(self) -> None:
        for good in ("https://controller.example.com", "http://192.0.2.7:9394", "wss://[2001:db8::1]/base"):
            self.assertEqual(read(values.URL, good), good)
        for wrong in ("controller.example.com", "ftp://x", "https://", "https://u:p@x", "http://x:99999", "http://a b"):
            self.assertIn("https://controller.example.net", self.refusal(values.URL, wrong))

    def test_listen_address_may_leave_out_the_host(self) -> None:
        self.assertEqual(read(values.SOCKET_ADDRESS, ":3478"), SocketAddress("0.0.0.0", 3478))
        self.assertEqual(read(values.SOCKET_ADDRESS, "[::]:9394"), SocketAddress("::", 9394))
        for wrong in ("localhost:1", "0.0.0.0", "::1:80", "1.2.3.4:65536"):
            self.assertIn("0.0.0.0:9394", self.refusal(values.SOCKET_ADDRESS, wrong))

    def test_host_and_port_take_names_and_addresses(self) -> None:
        self.assertEqual(read(values.HOST_PORT, "VPN.Example.net:9394"), "vpn.example.net:9394")
        self.assertEqual(read(values.HOST_PORT, "[2001:DB8::7]:1"), "[2001:db8::7]:1")
        for wrong in ("vpn.example.net", "vpn:0", "vpn:65536", "-a.example:1", "a..b:1", "1.2.3:1", "a_b:1", ":1"):
            self.assertIn("vpn.example.net:9394", self.refusal(values.HOST_PORT, wrong))

    def test_device_name_fits_the_kernel(self) -> None:
        self.assertEqual(read(values.DEVICE_NAME, "zerogo0"), "zerogo0")
        for wrong in ("", "..", "a/b", "a b", "x" * 16):
            self.refusal(values.DEVICE_NAME, wrong)

    def test_prefix_has_no_host_bits(self) -> None:
        kind = values.prefix(4, 8, 30)
        self.assertEqual(read(kind, "10.66.0.0/16"), "10.66.0.0/16")
        for wrong in ("10.66.0.1/16", "10.66.0.0/31", "fd00::/64", "10.66.0.0", "x"):
            self.assertIn("10.66.0.0/16", self.refusal(kind, wrong))

    def test_a_range_of_addresses_may_be_one_address(self) -> None:
        found = [read(values.ADDRESS_RANGE, each) for each in ("10.0.0.5", "10.0.0.0/24", "::1")]
        self.assertEqual(found, ["10.0.0.5/32", "10.0.0.0/24", "::1/128"])
        for wrong in ("10.0.0.5/24", "proxy.example", ""):
            self.assertIn("10.0.0.0/24", self.refusal(values.ADDRESS_RANGE, wrong))

    def test_log_levels_take_subsystems(self) -> None:
        self.assertEqual(read(values.LOG_LEVELS, "info, ice=debug,store=warning"), "info,ice=debug,store=warn")
        for wrong in ("loud", "info,ice", "info,ice=loud", "ice=debug", "info,=debug", ""):
            self.assertIn("info,ice=debug", self.refusal(values.LOG_LEVELS, wrong))

    def test_path_is_made_absolute_and_needs_no_shell(self) -> None:
        self.assertEqual(read(values.PATH, "state"), Path("state").absolute())
        self.assertIn("empty", self.refusal(values.PATH, ""))
        self.assertIn("whole path", self.refusal(values.PATH, "~root/state"))

    def test_database_is_a_path_or_a_url(self) -> None:
        self.assertEqual(read(values.DATABASE, "data/controller.db"), Path("data/controller.db").absolute())
        self.assertEqual(read(values.DATABASE, "sqlite:////var/lib/x.db"), Path("/var/lib/x.db"))
        self.assertEqual(read(values.DATABASE, "sqlite:///x.db"), Path("x.db").absolute())
        self.assertIn("SQLite", self.refusal(values.DATABASE, "mysql://u:p@h/d"))

    def test_redis_is_a_url(self) -> None:
        for text in (
            "redis://127.0.0.1:6379",
            "rediss://u:pw@redis.example.net",
            "unix:///run/redis/redis.sock",
            "redis://h:1/3",
        ):
            self.assertEqual(read(values.REDIS, text), Secret(text))
            self.assertNotIn("pw", values.REDIS.show(Secret(text)))
        for text in (
            "127.0.0.1:6379",
            "redis://",
            "unix://",
            "http://x",
            "redis://u:pw@h:x",
            "redis://h/x",
            "redis://h?db=3",
        ):
            self.assertNotIn("pw", self.refusal(values.REDIS, text))

    def test_the_password_of_a_database_is_not_shown(self) -> None:
        for text, shown in (
            ("postgresql://u:pw@h:5432/d", "postgresql://u:<secret>@h:5432/d"),
            ("postgresql:///d?host=/run/postgresql", "postgresql:///d?host=/run/postgresql"),
        ):
            value = read(values.DATABASE, text)
            self.assertEqual(value, Secret(text))
            self.assertEqual(values.DATABASE.show(value), shown)
        for text in ("postgresql://u:pw@h", "postgresql://u:pw@h/d/e", "postgresql://u:pw@h:x/d", "postgres://u:pw@h/"):
            self.assertNotIn("pw", self.refusal(values.DATABASE, text))

    def test_control_characters_are_refused_everywhere(self) -> None:
        for kind in (values.PATH, values.URL, values.NODE_NAME, values.DATABASE, values.secret(8, HOW)):
            self.assertIn("control character", self.refusal(kind, "ab\x1b[31mcdefgh"))


class SecretValueTests(SynchronousTestCase):
    """Secrets in a file."""

    def setUp(self) -> None:
        self.kind = values.secret(32, HOW)

    def refusal(self, text: str) -> str:
        return str(self.assertRaises(ValueRefused, read, self.kind, text))

    def test_random_text_is_taken(self) -> None:
        self.assertEqual(read(self.kind, GOOD_SECRET), Secret(GOOD_SECRET))

    def test_placeholders_are_refused_with_a_reason_and_a_way_out(self) -> None:
        for text in (
            "change-me", "changeme", "change-me-in-production", "secret", "password", "zerogo", "your-secret-key",
            "your-jwt-token", "<your-token>", "your-secret-key-goes-here", "${JWT_SECRET}", "REPLACE_ME",
        ):  # fmt: skip
            self.assertIn("placeholder", self.refusal(text))
            self.assertIn(HOW, self.refusal(text))

    def test_short_and_monotonous_texts_are_refused(self) -> None:
        self.assertIn("fewer than 32", self.refusal(GOOD_SECRET[:31]))
        self.assertIn("repeats", self.refusal("ab" * 20))
        self.assertIn("white space", self.refusal(GOOD_SECRET + " x"))

    def test_refusal_never_quotes_the_secret(self) -> None:
        self.assertNotIn(GOOD_SECRET[:20], self.refusal(GOOD_SECRET[:31]))

    def test_is_read_from_a_private_file(self) -> None:
        path = Path(self.mktemp()).absolute() / "jwt"
        write_private(path, GOOD_SECRET.encode() + b"\n")
        self.assertEqual(read(self.kind, f"file:{path}"), Secret(GOOD_SECRET))
        path.chmod(0o644)
        self.assertIn("chmod 600", self.refusal(f"file:{path}"))

    @settings(deadline=None, max_examples=100)
    @given(st.text(max_size=80))
    def test_any_text_is_taken_or_refused(self, text: str) -> None:
        kinds: list[Kind[Any]] = [
            getattr(values, name) for name in ("URL", "SOCKET_ADDRESS", "HOST_PORT", "LOG_LEVELS")
        ]
        for kind in [*kinds, values.prefix(6, 32, 120), values.DATABASE, values.NODE_NAME, self.kind]:
            try:
                read(kind, text)
            except ValueRefused as error:
                self.assertNotEqual(str(error), "")
