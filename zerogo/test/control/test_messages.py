import contextlib

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.control import messages as m
from zerogo.control.netmap import MapDelta
from zerogo.errors import ParseError

NODE = bytes(10)
MEMBER_MESSAGES = (
    m.Register(network=bytes(5), signing=bytes(32), binding=bytes(64), name="a", caps=["aes"], secret=bytes(20)),
    m.Publish(caps=["aes"], nets=["192.168.7.0/24"]),
    m.SignalTo(NODE, b"blob"),
    m.PunchRequest(NODE),
    m.GrantRequest(NODE),
    m.LinksReport(
        is_whole=True,
        links=[
            m.LinkReport(
                NODE,
                "peer",
                via=[NODE],
                state="connected",
                mtu=1400,
                cipher="AESGCM",
                local="host",
                remote="srflx",
                age=1.5,
                handshake_age=0.5,
                reason="first path",
                why="bob is reached.",
            )
        ],
        samples=[m.LinkSample(NODE, 1.5, 0.25, 0.0, 1000.0, 500.0, 89.5)],
        gone=[NODE],
        about=m.AgentFacts("native", "per-destination", "random"),
    ),
    m.FlowsReport(60.0, [m.FlowRow(NODE, True, 6, 443, 3, 0), m.FlowRow(NODE, False, 257, 0, 0, 9)], 1, 2),
    m.Pong(1),
    m.Resync(),
    m.Leave(),
)
CONTROLLER_MESSAGES = (
    m.Welcome(name="a", addresses=["10.0.0.1"], psk=bytes(32)),
    m.Waiting("wait"),
    m.WholeMap(b"map"),
    MapDelta(base=1, header=b"h", changed=[b"c"], removed=[NODE], signature=bytes(64)),
    m.MapUnchanged(3),
    m.SignalFrom(NODE, b"blob"),
    m.Punch(NODE, 12.5),
    m.RelayPasswords(
        14400.0, [m.RelayPassword("here", "1700014400:aaaaaaaaaaaaaaaa", "cGFzc3dvcmQ=", b"ZVPxAAAAAAAAAAAA")]
    ),
    m.PeerGrants(NODE, bytes((8, 8, 4, 4)), 3600.0, [m.RelayGrant("here", bytes(range(20)))]),
    m.Ping(1),
    m.Watch(60.0, 1.0, 64),
    m.RelayTest(NODE, 30.0),
    m.Controllers(["a.example.net:9394", "[2001:db8::1]:9394"]),
    m.Refusal("removed", "gone"),
)


class MessageTests(SynchronousTestCase):
    def test_every_message_parses_to_itself_at_its_end(self) -> None:
        for message in MEMBER_MESSAGES:
            self.assertEqual(m.parse_member_message(m.emit_message(message)), message)
        for answer in CONTROLLER_MESSAGES:
            self.assertEqual(m.parse_controller_message(m.emit_message(answer)), answer)

    def test_messages_of_the_other_direction_are_unknown(self) -> None:
        for message in MEMBER_MESSAGES:
            self.assertIsNone(m.parse_controller_message(m.emit_message(message)))

    def test_unknown_types_and_fields_are_ignored(self) -> None:
        self.assertIsNone(m.parse_member_message(msgspec.msgpack.encode({"t": "later", "x": 1})))
        later = msgspec.msgpack.encode({"t": "pong", "number": 4, "more": {"a": [1]}})
        self.assertEqual(m.parse_member_message(later), m.Pong(4))

    def test_what_people_are_shown_holds_nothing_that_a_terminal_obeys(self) -> None:
        for bad in ("\x1b[2J", "\x9b2J", "a\nb", "\u202eab", "a\x00"):
            for message in (
                m.Register(network=bytes(5), signing=bytes(32), binding=bytes(64), name="a", version=bad),
                m.LinksReport(links=[m.LinkReport(NODE, bad)]),
                m.LinksReport(links=[m.LinkReport(NODE, why=bad)]),
                m.LinksReport(about=m.AgentFacts(bad)),
            ):
                self.assertRaises(ParseError, m.parse_member_message, m.emit_message(message))
            for answer in (m.Waiting(bad), m.Refusal(bad, ""), m.Refusal("", bad), m.Welcome(bad, [])):
                self.assertRaises(ParseError, m.parse_controller_message, m.emit_message(answer))
        self.assertEqual(m.parse_controller_message(m.emit_message(m.Waiting("等待 é"))), m.Waiting("等待 é"))

    def test_what_is_too_long_is_refused(self) -> None:
        for message in (
            m.SignalTo(NODE, bytes(m.BLOB_LIMIT + 1)),
            m.LinksReport(links=[m.LinkReport(NODE, "direct")] * (m.LINKS_LIMIT + 1)),
            m.LinksReport(samples=[m.LinkSample(NODE)] * (m.LINKS_LIMIT + 1)),
            m.LinksReport(gone=[NODE] * (m.LINKS_GONE_LIMIT + 1)),
            m.FlowsReport(60.0, [m.FlowRow(NODE, True, 6, 443, 3, 0)] * (m.FLOWS_LIMIT + 1)),
            m.FlowsReport(60.0, [m.FlowRow(NODE, True, 258, 443, 3, 0)]),
            m.Publish(caps=["x"] * 17),
            m.PunchRequest(bytes(11)),
        ):
            self.assertRaises(ParseError, m.parse_member_message, m.emit_message(message))
        self.assertRaises(ParseError, m.parse_member_message, bytes(m.MEMBER_MESSAGE_LIMIT + 1))

    @settings(deadline=None, max_examples=200)
    @given(st.binary(max_size=200))
    def test_garbage_raises_parse_error_only(self, data: bytes) -> None:
        for parse in (m.parse_member_message, m.parse_controller_message):
            with contextlib.suppress(ParseError):
                parse(data)

    @settings(deadline=None, max_examples=150)
    @given(st.sampled_from(MEMBER_MESSAGES), st.integers(0, 200), st.integers(0, 255))
    def test_a_changed_byte_is_another_message_or_a_parse_error(
        self, message: msgspec.Struct, place: int, value: int
    ) -> None:
        data = bytearray(m.emit_message(message))  # type: ignore[arg-type]
        data[place % len(data)] = value
        with contextlib.suppress(ParseError):
            found = m.parse_member_message(bytes(data))
            told = m.emit_message(found)
            self.assertEqual(m.emit_message(m.parse_member_message(told)), told)

    def test_deep_nesting_is_a_parse_error(self) -> None:
        self.assertRaises(ParseError, m.parse_member_message, b"\x91" * 5000)

    def test_secrets_do_not_show(self) -> None:
        secret = b"\xaa" * 20
        register = m.Register(network=bytes(5), signing=bytes(32), binding=bytes(64), name="a", secret=secret)
        self.assertNotIn("\\xaa", repr(register))
        self.assertNotIn("\\xaa", repr(m.Welcome(name="a", addresses=[], psk=b"\xaa" * 32)))
