"""The golden datagrams of vectors/golden.json: emitted and parsed to the byte.

The file is the contract between releases and between implementations. A change of any byte in it is a change of the
wire version. Each case holds all that makes it: keys, randomness, indexes, fields. The handshake cases are emitted a
second time by the oracle, which shares no code with ours.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from zerogo.core import RandomBytes
from zerogo.ids import MacAddress, NetworkId, NodeId, SocketAddress
from zerogo.noise.cookie import CookieIssuer
from zerogo.noise.exchange import Initiator, Responder
from zerogo.noise.identity import Identity
from zerogo.noise.keys import SessionKeys
from zerogo.noise.session import TransportSession
from zerogo.test.noise.oracle import OracleInitiator, OracleResponder, seal_forward, seal_transport
from zerogo.wire.control import Close, ControlMessage, Probe, ProbeAnswer, emit_control, parse_control
from zerogo.wire.datagram import DatagramKind, classify
from zerogo.wire.forward import Forward, emit_forward, parse_forward
from zerogo.wire.handshake import Suite
from zerogo.wire.links import AdvertisedLink, LinkAdvert, LinkRequest, signed_part
from zerogo.wire.transport import (
    INNER_BYTES,
    Fragment,
    InnerHeader,
    Kind,
    TransportHeader,
    emit_fragment,
    emit_inner,
    parse_fragment,
    parse_header,
    parse_inner,
)

GOLDEN = Path(__file__).parent.parent / "vectors" / "golden.json"
Case = dict[str, Any]


def load() -> Case:
    loaded: Case = json.loads(GOLDEN.read_text())
    return loaded


def raw(text: str) -> bytes:
    return bytes.fromhex(text)


def script(*values: str) -> RandomBytes:
    """Randomness that gives out these values (hex) in turn."""
    remaining = iter(values)
    return lambda count: raw(next(remaining))


def identity(case: Case) -> Identity:
    return Identity(raw(case["static_private"]), raw(case["signing_seed"]))


def message_of(case: Case) -> ControlMessage:
    match case["message"]:
        case "probe":
            return Probe(case["probe_id"], case["padding"])
        case "probe answer":
            return ProbeAnswer(case["probe_id"])
        case _:
            return Close(case["reason"])


def fragment_of(case: Case) -> Fragment:
    return Fragment(
        frame_id=case["frame_id"],
        position=case["position"],
        is_last=case["is_last"],
        kind_and_flags=case["kind_and_flags"],
        piece=raw(case["piece"]),
    )


def forward_of(case: Case) -> Forward:
    route = tuple(NodeId(raw(hop)) for hop in case["route"])
    return Forward(route, case["position"], raw(case["carried"]), case["band"])


def session_of(case: Case, *, is_sender: bool) -> TransportSession:
    """The session of one datagram."""
    index, key = case["receiver_index"], raw(case["key"])
    return TransportSession(
        SessionKeys(
            local_index=0 if is_sender else index,
            remote_index=index if is_sender else 0,
            send_key=key if is_sender else bytes(32),
            receive_key=bytes(32) if is_sender else key,
            suite=Suite(case["suite"]),
            is_initiator=is_sender,
            handshake_hash=bytes(32),
        )
    )


def inner_of(case: Case) -> InnerHeader:
    return InnerHeader(
        kind=Kind[case["kind"]],
        checksum_partial=case["checksum_partial"],
        checksum_verified=case["checksum_verified"],
        band=case["band"],
        run_id=case["run_id"],
        position=case["position"],
        is_last=case["is_last"],
    )


class IdentityTests(SynchronousTestCase):
    def test_public_values_follow_from_the_private_ones(self) -> None:
        golden = load()
        network = NetworkId.parse(golden["network"]["text"])
        self.assertEqual(network.raw.hex(), golden["network"]["raw"])
        for name in ("initiator", "responder"):
            case = golden[name]
            node = identity(case)
            self.assertEqual(node.static_public.hex(), case["static_public"])
            self.assertEqual(node.signing_public.hex(), case["signing_public"])
            self.assertEqual(node.export(), case["identity_text"])
            self.assertEqual(node.node_id, NodeId.parse(case["node_id"]))
            self.assertEqual(str(MacAddress.for_node(network, node.static_public)), case["mac"])


class HandshakeTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.golden = load()
        self.network = NetworkId(raw(self.golden["network"]["raw"]))
        self.psk = raw(self.golden["psk"])
        self.here, self.there = identity(self.golden["initiator"]), identity(self.golden["responder"])

    def _initiator(self, case: Case, *random: str) -> Initiator:
        suite = Suite(case["suite"])
        return Initiator(self.here, self.there.static_public, self.network, self.psk, suite, script(*random))

    def _responder(self, *random: str) -> Responder:
        return Responder(self.there, self.network, self.psk, script(*random))

    def test_initiation_and_response_are_emitted_and_parsed(self) -> None:
        self.assertEqual([case["suite"] for case in self.golden["handshakes"]], [1, 2])
        for case in self.golden["handshakes"]:
            initiator = self._initiator(case, case["initiator_ephemeral"])
            initiation = initiator.create_initiation(
                case["initiator_index"], raw(case["timestamp"]), raw(case["initiator_capabilities"])
            )
            self.assertEqual(initiation.hex(), case["initiation"])
            self.assertEqual(classify(initiation), DatagramKind.INITIATION)
            responder = self._responder(case["responder_ephemeral"])
            received = responder.consume_initiation(initiation)
            self.assertEqual(received.timestamp.hex(), case["timestamp"])
            self.assertEqual(received.payload.hex(), case["initiator_capabilities"])
            response, theirs = responder.create_response(
                received, case["responder_index"], raw(case["responder_capabilities"])
            )
            self.assertEqual(response.hex(), case["response"])
            self.assertEqual(classify(response), DatagramKind.RESPONSE)
            ours, capabilities = initiator.consume_response(response)
            self.assertEqual(capabilities.hex(), case["responder_capabilities"])
            self._check_keys(case, ours, theirs)

    def _check_keys(self, case: Case, ours: SessionKeys, theirs: SessionKeys) -> None:
        self.assertEqual(ours.send_key.hex(), case["initiator_to_responder_key"])
        self.assertEqual(ours.receive_key.hex(), case["responder_to_initiator_key"])
        self.assertEqual(ours.handshake_hash.hex(), case["handshake_hash"])
        self.assertEqual((theirs.receive_key, theirs.send_key), (ours.send_key, ours.receive_key))

    def test_the_oracle_emits_the_same_bytes(self) -> None:
        for case in self.golden["handshakes"]:
            oracle = OracleInitiator(
                self.here.static_private,
                raw(case["initiator_ephemeral"]),
                self.there.static_public,
                self.network.raw,
                self.psk,
                case["suite"],
            )
            payload = raw(case["timestamp"]) + bytes(16) + raw(case["initiator_capabilities"])
            self.assertEqual(oracle.initiation(case["initiator_index"], payload).hex(), case["initiation"])
            other = OracleResponder(
                self.there.static_private, raw(case["responder_ephemeral"]), self.network.raw, self.psk
            )
            other.initiation(raw(case["initiation"]))
            response, keys = other.response(case["responder_index"], raw(case["responder_capabilities"]))
            self.assertEqual(response.hex(), case["response"])
            self.assertEqual(keys[2].hex(), case["handshake_hash"])

    def test_cookie_reply_and_the_initiation_that_follows(self) -> None:
        case = self.golden["cookie"]
        issuer = CookieIssuer(self.network, self.there.static_public, script(case["nonce"], case["secret"]))
        initiator = self._initiator(case, case["first_ephemeral"], case["second_ephemeral"])
        source = SocketAddress.parse(case["source"])
        first = initiator.create_initiation(case["initiator_index"], raw(case["timestamp"]))
        reply = issuer.reply(first, case["initiator_index"], source, 0.0)
        self.assertEqual(reply.hex(), case["cookie_reply"])
        self.assertEqual(classify(reply), DatagramKind.COOKIE_REPLY)
        cookie = initiator.consume_cookie_reply(reply)
        self.assertEqual(cookie.hex(), case["cookie"])
        second = initiator.create_initiation(case["second_index"], raw(case["second_timestamp"]), cookie=cookie)
        self.assertEqual(second.hex(), case["initiation_with_cookie"])
        self.assertTrue(issuer.has_valid_mac2(second, source, 0.0))
        self.assertEqual(self._responder().consume_initiation(second).cookie, cookie)


class TransportTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.cases: list[Case] = load()["transport"]

    def test_there_is_one_of_each_kind_and_both_suites(self) -> None:
        self.assertEqual({case["kind"] for case in self.cases}, {kind.name for kind in Kind})
        self.assertEqual({case["suite"] for case in self.cases}, {1, 2})
        messages = {case["control"]["message"] for case in self.cases if case["control"]}
        self.assertEqual(messages, {"probe", "probe answer", "close"})

    def test_each_is_emitted_to_the_byte(self) -> None:
        for case in self.cases:
            session = session_of(case, is_sender=True)
            session._counter = case["counter"]
            plaintext = emit_inner(inner_of(case)) + raw(case["payload"])
            self.assertEqual(session.seal(plaintext, case["lane"]).hex(), case["datagram"], case["name"])

    def test_each_is_opened_and_parsed(self) -> None:
        for case in self.cases:
            datagram = raw(case["datagram"])
            self.assertEqual(classify(datagram), DatagramKind.TRANSPORT)
            header = TransportHeader(case["lane"], case["receiver_index"], case["counter"])
            self.assertEqual(parse_header(datagram), header)
            plaintext = session_of(case, is_sender=False).open(datagram)
            self.assertEqual(parse_inner(plaintext), inner_of(case))
            self.assertEqual(plaintext[INNER_BYTES:].hex(), case["payload"])

    def test_the_oracle_seals_those_of_lane_0_alike(self) -> None:
        for case in self.cases:
            if case["lane"] == 0:
                plaintext = emit_inner(inner_of(case)) + raw(case["payload"])
                datagram = seal_transport(
                    case["suite"], raw(case["key"]), case["receiver_index"], case["counter"], plaintext
                )
                self.assertEqual(datagram.hex(), case["datagram"], case["name"])

    def test_control_messages_are_emitted_and_parsed(self) -> None:
        for case in self.cases:
            if case["control"]:
                message = message_of(case["control"])
                self.assertEqual(emit_control(message).hex(), case["payload"])
                self.assertEqual(parse_control(raw(case["payload"])), message)

    def test_fragments_are_emitted_and_parsed(self) -> None:
        pieces = [fragment_of(case["fragment"]) for case in self.cases if case["fragment"]]
        payloads = [case["payload"] for case in self.cases if case["fragment"]]
        self.assertEqual([emit_fragment(piece).hex() for piece in pieces], payloads)
        self.assertEqual([parse_fragment(raw(payload)) for payload in payloads], pieces)
        whole = next(case["payload"] for case in self.cases if case["kind"] == "ETHERNET")
        self.assertEqual(b"".join(piece.piece for piece in pieces).hex(), whole)


class ForwardTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.cases: list[Case] = load()["forwards"]

    def test_there_is_one_of_each_place_and_both_suites(self) -> None:
        self.assertEqual([False, True, False], [forward_of(case).is_last for case in self.cases])
        self.assertEqual({case["suite"] for case in self.cases}, {1, 2})

    def test_each_is_emitted_to_the_byte(self) -> None:
        for case in self.cases:
            session = session_of(case, is_sender=True)
            session._counter = case["counter"]
            self.assertEqual(session.seal_forward(*emit_forward(forward_of(case))).hex(), case["datagram"])

    def test_each_is_opened_and_parsed(self) -> None:
        for case in self.cases:
            datagram = raw(case["datagram"])
            self.assertEqual(classify(datagram), DatagramKind.FORWARD)
            clear, opened = session_of(case, is_sender=False).open_forward(datagram)
            self.assertEqual(parse_forward(clear, opened), forward_of(case))

    def test_the_oracle_seals_them_alike(self) -> None:
        for case in self.cases:
            route = b"".join(map(raw, case["route"])) + bytes(
                [case["position"] | case["band"] << 4, len(case["route"])]
            )
            datagram = seal_forward(
                case["suite"], raw(case["key"]), case["receiver_index"], case["counter"], raw(case["carried"]), route
            )
            self.assertEqual(datagram.hex(), case["datagram"], case["name"])


class LinkTests(SynchronousTestCase):
    def setUp(self) -> None:
        golden = load()
        self.cases: Case = golden["links"]
        self.origin = identity(golden["initiator"])
        self.network = NetworkId(raw(golden["network"]["raw"]))

    def test_the_request_is_emitted_and_parsed(self) -> None:
        case = self.cases["request"]
        request = LinkRequest(tuple(NodeId.parse(node) for node in case["nodes"]), case["ask_on"])
        self.assertEqual(emit_control(request).hex(), case["payload"])
        self.assertEqual(parse_control(raw(case["payload"])), request)

    def test_the_advert_is_signed_emitted_and_parsed(self) -> None:
        case = self.cases["advert"]
        links = tuple(
            AdvertisedLink(NodeId.parse(link["node"]), link["latency"], link["loss"], link["jitter"])
            for link in case["links"]
        )
        signed = signed_part(self.network, self.origin.node_id, case["sequence"], links)
        self.assertEqual(signed.hex(), case["signed"])
        advert = LinkAdvert(self.origin.node_id, case["sequence"], links, self.origin.sign(signed))
        self.assertEqual(emit_control(advert).hex(), case["payload"])
        self.assertEqual(parse_control(raw(case["payload"])), advert)
        self.origin.public.verify(signed, advert.signature)
