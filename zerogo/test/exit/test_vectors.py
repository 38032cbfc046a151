"""The examples in `vectors/exit.json` are what this release writes, and it reads them (PROTOCOL.md, section 12)."""

import json
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from zerogo.control.edge_token import EdgeToken, GatewayToken, hash_secret
from zerogo.control.gateway_messages import (
    Accounts,
    ClosedStream,
    Enter,
    GatewayMessage,
    Lease,
    LeaseRequest,
    OfficeMessage,
    Returned,
    Settings,
    Share,
    Shares,
    Usage,
    UsageRow,
    emit,
    parse_gateway_message,
    parse_office_message,
)
from zerogo.control.gateway_messages import GatewayPlace as GatewayEntry
from zerogo.exit.account import Account
from zerogo.exit.frames import (
    Command,
    Datagram,
    Kind,
    Open,
    Opened,
    Reset,
    emit_address,
    emit_credit,
    emit_datagram,
    emit_open,
    emit_opened,
    emit_reset,
    frame,
    split_frames,
)
from zerogo.exit.greeting import Answer, Join, Refusal, Welcome, emit_greeting, parse_answer, parse_join
from zerogo.exit.notes import Note, Place, Places, StreamTally, Tally, emit_note, parse_note
from zerogo.exit.reason import Reason
from zerogo.exit.target import Target
from zerogo.ids import SocketAddress

PATH = Path(__file__).parent.parent / "vectors" / "exit.json"
SECRET, KEY_HASH = bytes(range(20)), bytes(range(20, 40))
BOUND = SocketAddress("192.0.2.1", 4000)
JOIN = Join(secret=SECRET, name="kiel", country="de", tags=["home"], ports=[(80, 80), (443, 443)], consent_at=1.5)
ANSWERS: list[Answer] = [
    Welcome(tunnel=bytes(16), is_resumed=True, received=7, seen="192.0.2.9"),
    Refusal("not wanted here", is_final=True),
]
NOTES: list[Note] = [Places(2, [Place(["192.0.2.1:9396"], KEY_HASH)]), Tally([StreamTally(1, 20, 300)])]
FRAMES = {
    "open": frame(Kind.OPEN, 1, emit_open(Open(Command.CONNECT, 262_144, Target("example.net", 443)))),
    "opened": frame(Kind.OPENED, 1, emit_opened(Opened(262_144, 1500, BOUND))),
    "data": frame(Kind.DATA, 1, b"hello"),
    "fin": frame(Kind.FIN, 1),
    "reset": frame(Kind.RESET, 1, emit_reset(Reset(Reason.REFUSED, "no"))),
    "credit": frame(Kind.CREDIT, 1, emit_credit(65_536)),
    "datagram": frame(Kind.DATAGRAM, 1, emit_datagram(Datagram(Target("192.0.2.1", 53), b"query"))),
    "accepted": frame(Kind.ACCEPTED, 1, emit_address(SocketAddress("2001:db8::1", 5000))),
    "goaway": frame(Kind.GOAWAY, 0, bytes([Reason.DRAINING])),
}
EDGE = "a" * 16
OF_GATEWAY: list[GatewayMessage] = [
    Enter(signing=bytes(32), boot=bytes(8), name="fra", addresses=["192.0.2.1:9396"], revision=3, secret=SECRET),
    Usage(
        1,
        [UsageRow("alice", EDGE, "de", 10, 20, 1)],
        [ClosedStream("alice", "192.0.2.7", EDGE, "192.0.2.9", "x:443", "connect", 5.5, 1.5, 10, 20, "closed")],
        [Returned("alice", 30)],
    ),
    LeaseRequest("alice", 7, -300),
]
OF_CONTROLLER: list[OfficeMessage] = [
    Accounts(3, [Account(name="alice", download=500, countries=["de"], has_package=True)], is_first=True),
    Settings([hash_secret(SECRET)], ["b" * 16], [GatewayEntry(EDGE, ["192.0.2.1:9396"], KEY_HASH, region="eu")]),
    Lease("alice", 7, 1000),
    Shares([Share("alice", 0, 250, 2)]),
]


def examples() -> dict[str, Any]:
    """What this release writes."""
    return {
        "about": "Examples of docs/PROTOCOL.md, section 12. Byte strings are hex. Test keys: never use them.",
        "edge_token": EdgeToken(("gw.example.org:9396", "[2001:db8::1]:9396"), KEY_HASH, SECRET, True).format(),
        "gateway_token": GatewayToken(("vpn.example.org:9394",), KEY_HASH, SECRET).format(),
        "secret_hash": hash_secret(SECRET).hex(),
        "join": emit_greeting(JOIN).hex(),
        "answers": [emit_greeting(answer).hex() for answer in ANSWERS],
        "notes": [emit_note(note).hex() for note in NOTES],
        "frames": {name: data.hex() for name, data in FRAMES.items()},
        "of_gateway": [emit(message).hex() for message in OF_GATEWAY],
        "of_controller": [emit(message).hex() for message in OF_CONTROLLER],
    }


class VectorTests(SynchronousTestCase):
    def test_this_release_writes_them(self) -> None:
        self.assertEqual(examples(), json.loads(PATH.read_text()))

    def test_this_release_reads_them(self) -> None:
        found = json.loads(PATH.read_text())
        self.assertEqual(EdgeToken.parse(found["edge_token"]).format(), found["edge_token"])
        self.assertEqual(GatewayToken.parse(found["gateway_token"]).secret, SECRET)
        self.assertEqual(parse_join(bytes.fromhex(found["join"])), JOIN)
        self.assertEqual([parse_answer(bytes.fromhex(text)) for text in found["answers"]], ANSWERS)
        self.assertEqual([parse_note(bytes.fromhex(text)) for text in found["notes"]], NOTES)
        self.assertEqual([parse_gateway_message(bytes.fromhex(text)) for text in found["of_gateway"]], OF_GATEWAY)
        self.assertEqual([parse_office_message(bytes.fromhex(text)) for text in found["of_controller"]], OF_CONTROLLER)
        packet = memoryview(b"".join(map(bytes.fromhex, found["frames"].values())))
        kinds = [Kind(kind).name.lower() for kind, _, _ in split_frames(packet)]
        self.assertEqual(kinds, list(found["frames"]))
