"""The examples in `vectors/control.json` are what this release writes, and it reads them."""

import json
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from zerogo.control.channel import ChannelInitiator, ChannelResponder
from zerogo.control.messages import emit_message, parse_controller_message, parse_member_message
from zerogo.control.netmap import SignedMap
from zerogo.control.relays import RelayPlace
from zerogo.control.token import JoinToken, controller_key_hash, emit_base32
from zerogo.ids import NetworkId
from zerogo.noise.identity import Identity
from zerogo.test.control.pair import NETWORK, record_of
from zerogo.test.control.test_messages import CONTROLLER_MESSAGES, MEMBER_MESSAGES
from zerogo.test.control.test_netmap import make_map

PATH = Path(__file__).parent.parent / "vectors" / "control.json"
CONTROLLER = Identity(bytes([1]) * 32, bytes([2]) * 32)
AGENT = Identity(bytes([3]) * 32, bytes([4]) * 32)
RELAYS = (
    RelayPlace(name="controller", udp=3478, tcp=3478, tls=443, tls_pin=bytes(range(32))),
    RelayPlace(name="frankfurt", host="relay.example.org", udp=3478, tcp=3478, tls=443),
)
KEY_HASH = controller_key_hash(CONTROLLER.static_public, CONTROLLER.signing_public)


def examples() -> dict[str, Any]:
    """What this release writes."""
    token = JoinToken(("vpn.example.org:9394", "[2001:db8::1]:9394"), KEY_HASH, NETWORK, emit_base32(bytes(range(20))))
    before = SignedMap.sign(make_map(1, [record_of(AGENT, "agent")]), CONTROLLER)
    other = record_of(Identity(bytes([7]) * 32, bytes([8]) * 32), "other", 2)
    members = [evolve(record_of(AGENT, "agent"), is_bridge=True, subnets=("192.168.7.0/24", "::/0")), other]
    after = SignedMap.sign(evolve(make_map(2, members), relays=RELAYS), CONTROLLER)
    delta = after.delta_from(1, [AGENT.node_id, other.node_id], [])
    return {
        "about": "Examples of docs/PROTOCOL.md, sections 8 to 10. Byte strings are hex. Test keys: never use them.",
        "controller": {
            "static_private": CONTROLLER.static_private.hex(),
            "signing_seed": CONTROLLER.signing_seed.hex(),
        },
        "agent": {"static_private": AGENT.static_private.hex(), "signing_seed": AGENT.signing_seed.hex()},
        "key_hash": KEY_HASH.hex(),
        "tokens": [token.format(), evolve(token, psk=bytes([9]) * 32).format()],
        "channel": channel(),
        "member_messages": {type(one).__name__: emit_message(one).hex() for one in MEMBER_MESSAGES},
        "controller_messages": {type(one).__name__: emit_message(one).hex() for one in CONTROLLER_MESSAGES},
        "map_before": before.encode().hex(),
        "delta": emit_message(delta).hex(),
        "map_after": after.encode().hex(),
    }


def channel() -> dict[str, str]:
    """The first frames of a channel, with ephemeral keys of 05 and 06 bytes."""
    agent = ChannelInitiator(AGENT, KEY_HASH, lambda count: bytes([5]) * count)
    controller = ChannelResponder(CONTROLLER, lambda count: bytes([6]) * count)
    frames = {"hello": next(controller.outgoing())}
    agent.receive(frames["hello"])
    frames["message_1"] = next(agent.outgoing())
    controller.receive(frames["message_1"])
    frames["message_2"] = next(controller.outgoing())
    agent.receive(frames["message_2"])
    agent.send(b"from the agent")
    controller.send(b"from the controller")
    frames["sealed_by_agent"], frames["sealed_by_controller"] = next(agent.outgoing()), next(controller.outgoing())
    return {name: frame.hex() for name, frame in frames.items()} | {"handshake_hash": agent.handshake_hash.hex()}


class VectorTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.golden = json.loads(PATH.read_text())

    def test_this_release_writes_the_examples(self) -> None:
        self.assertEqual(examples(), self.golden)

    def test_this_release_reads_the_examples(self) -> None:
        for text in self.golden["tokens"]:
            self.assertEqual(JoinToken.parse(text).format(), text)
        for name, text in self.golden["member_messages"].items():
            self.assertEqual(type(parse_member_message(bytes.fromhex(text))).__name__, name)
        for name, text in self.golden["controller_messages"].items():
            self.assertEqual(type(parse_controller_message(bytes.fromhex(text))).__name__, name)

    def test_the_delta_leads_from_the_one_map_to_the_other(self) -> None:
        before = SignedMap.decode(bytes.fromhex(self.golden["map_before"]))
        before.verify(bytes.fromhex(self.golden["key_hash"]), NetworkId(NETWORK.raw))
        delta: Any = parse_controller_message(bytes.fromhex(self.golden["delta"]))
        self.assertEqual(before.apply(delta).encode().hex(), self.golden["map_after"])
