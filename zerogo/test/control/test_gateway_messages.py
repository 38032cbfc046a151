import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.control.gateway_messages import (
    Accounts,
    Claimed,
    ClaimRequest,
    Enter,
    Forgotten,
    GatewayMessage,
    Lease,
    Presence,
    Usage,
    UsageRow,
    emit,
    parse_gateway_message,
    parse_office_message,
)
from zerogo.control.messages import MEMBER_MESSAGE_LIMIT
from zerogo.errors import ParseError
from zerogo.exit.account import Account
from zerogo.exit.claims import CLAIMS_LIMIT, EDGES_IN_CLAIM, EdgeClaim, EdgeHeld, SessionClaim, SessionHeld

ENTER = Enter(signing=bytes(32), boot=bytes(8), name="fra", addresses=["192.0.2.1:9396"], secret=b"s" * 20)

SESSION = SessionClaim("u" * 64, "-" + "s" * 16, "e" * 16, 2**31, 86_400.0, 86_399.5, "f" * 16, 2**31)
EDGE = EdgeClaim("u" * 64, ["e" * 16] * EDGES_IN_CLAIM, True, "f" * 16)


class GatewayMessageTests(SynchronousTestCase):
    def test_what_was_emitted_parses_back(self) -> None:
        messages: list[GatewayMessage] = [
            ENTER,
            Usage(1, [UsageRow("alice", "e" * 16, "de", 1, 2, 3)]),
            Presence(gone=["e" * 16]),
            ClaimRequest(7, [SESSION], [EDGE]),
        ]
        for message in messages:
            self.assertEqual(parse_gateway_message(emit(message)), message)
        for told in (
            Accounts(3, [Account(name="alice", upload=7)]),
            Lease("alice", 1, 5),
            Claimed(7, [SessionHeld("e" * 16, 3, 600.0, -5.0)], [EdgeHeld("", True)]),
            Claimed(8, is_away=True),
            Forgotten(),
        ):
            self.assertEqual(parse_office_message(emit(told)), told)

    def test_as_many_claims_as_there_may_be_fit_a_message(self) -> None:
        most = ClaimRequest(2**53, [SESSION] * CLAIMS_LIMIT, [EDGE] * (CLAIMS_LIMIT // 4))
        self.assertEqual(parse_gateway_message(emit(most)), most)

    def test_what_a_later_release_says_is_passed_over(self) -> None:
        later = msgspec.msgpack.encode({"t": "later", "x": 1})
        self.assertIsNone(parse_gateway_message(later))
        self.assertIsNone(parse_office_message(later))

    def test_secrets_and_hashes_show_in_no_repr(self) -> None:
        account = Account(name="alice", password_hash="$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA")
        for shown in (repr(ENTER), repr(account), repr(Accounts(1, [account]))):
            self.assertNotIn("ssss", shown)
            self.assertNotIn("argon2id", shown)

    def test_what_is_too_much_is_refused(self) -> None:
        for bad in (
            bytes(MEMBER_MESSAGE_LIMIT + 1),
            msgspec.msgpack.encode({"t": "presence", "gone": ["e"] * 401}),
            msgspec.msgpack.encode({"t": "enter", "signing": bytes(31), "boot": bytes(8)}),
            msgspec.msgpack.encode({"t": "usage", "number": -1}),
            msgspec.msgpack.encode({"t": "claims", "number": 1, "edges": [["u", ["e"] * 65]]}),
            msgspec.msgpack.encode({"t": "claims", "number": 1, "sessions": [["u", "a:b", "e", 0, 60.0]]}),
        ):
            self.assertRaises(ParseError, parse_gateway_message, bad)

    @settings(deadline=None, max_examples=100)
    @given(st.binary(max_size=200))
    def test_garbage_is_a_parse_error_and_nothing_else(self, data: bytes) -> None:
        for parse in (parse_gateway_message, parse_office_message):
            try:
                parse(data)
            except ParseError as error:
                self.assertNotIn(repr(data), str(error))
