"""Where unauthentic datagrams come in: what each kind of refusal costs and yields."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from zerogo.ice.binding import Check, emit_check
from zerogo.ids import SocketAddress
from zerogo.mesh import Node, NodeSettings, Refusal
from zerogo.mesh.credentials import derive_pair_secrets
from zerogo.mesh.door import SIGNALLED_BURST
from zerogo.mesh.events import SignalToSend
from zerogo.mesh.peer import SIGNALLED_BURST as PEER_BURST
from zerogo.noise.cookie import LOAD_BURST
from zerogo.noise.exchange import Initiator, Responder
from zerogo.noise.identity import Identity
from zerogo.stun.attributes import Username
from zerogo.stun.integrity import Integrity
from zerogo.stun.message import Message, MessageClass, Method, emit
from zerogo.test.mesh.parts import ANN, BOB, EVE, NETWORK, PSK, spec
from zerogo.testing.clock import seeded_bytes
from zerogo.wire.handshake import CookieReply, Suite, emit_cookie_reply

SOURCE = SocketAddress.of("192.0.2.66", 666)


class DoorTests(SynchronousTestCase):
    """Ann knows Bob."""

    def setUp(self) -> None:
        settings = NodeSettings(identity=ANN, network=NETWORK, psk=PSK)
        self.node = Node(settings, seeded_bytes("door"), 1e9)
        self.node.update_peers([spec(BOB)], 0.0)
        list(self.node.events())
        self.rng = seeded_bytes("others")

    def refused(self, data: bytes) -> dict[Refusal, int]:
        """Give Ann a datagram; what she counted. She must not have answered."""
        before = self.node.counters().refusals
        self.node.receive_datagram(data, SOURCE, 1.0)
        self.assertEqual(list(self.node.transmits()), [])
        after = self.node.counters().refusals
        return {reason: after[reason] - before[reason] for reason in Refusal if after[reason] != before[reason]}

    def initiation(self, initiator: Initiator, index: int = 1) -> bytes:
        """A first message to Ann."""
        return initiator.create_initiation(index, b"\1" * 12)

    def initiator(self, **changed: object) -> Initiator:
        """Bob, or someone with something changed."""
        values = {
            "local": BOB,
            "remote_static": ANN.static_public,
            "network": NETWORK,
            "psk": PSK,
            "suite": Suite.CHACHAPOLY,
            "rng": self.rng,
            **changed,
        }
        return Initiator(**values)  # type: ignore[arg-type]

    def test_an_initiation_that_the_controller_carried_is_answered_the_same_way(self) -> None:
        initiator = self.initiator()
        self.node.receive_signal(BOB.node_id, self.initiation(initiator), 1.0)
        [answer] = [event for event in self.node.events() if isinstance(event, SignalToSend)]
        self.assertEqual((answer.to, list(self.node.transmits())), (BOB.node_id, []))
        keys, _ = initiator.consume_response(answer.blob)
        self.assertTrue(keys.is_initiator)

    def test_what_the_controller_carried_for_one_member_is_not_taken_for_another(self) -> None:
        self.node.update_peers([spec(BOB), spec(EVE)], 1.0)
        list(self.node.events())
        self.node.receive_signal(EVE.node_id, self.initiation(self.initiator()), 1.0)
        self.assertEqual([], [event for event in self.node.events() if isinstance(event, SignalToSend)])
        self.assertEqual(self.node.counters().refusals[Refusal.UNKNOWN_PEER], 1)

    def answered(self, initiation: bytes, sender: Identity = BOB, now: float = 1.0) -> list[bytes]:
        """What Ann has the controller carry back to `sender`."""
        self.node.receive_signal(sender.node_id, initiation, now)
        return [each.blob for each in self.node.events() if isinstance(each, SignalToSend) and each.blob[0] >= 0x90]

    def test_a_member_that_sends_too_many_by_the_controller_is_not_answered_and_another_one_is(self) -> None:
        self.node.update_peers([spec(BOB), spec(EVE)], 1.0)
        datagram = self.initiation(self.initiator())
        for _ in range(int(PEER_BURST)):
            self.answered(datagram)
        self.assertEqual(self.node.counters().refusals[Refusal.TOO_MANY_INITIATIONS], 0)
        fresh = self.initiator().create_initiation(2, b"\2" * 12)
        self.assertEqual(self.answered(fresh), [])
        self.assertEqual(self.node.counters().refusals[Refusal.TOO_MANY_INITIATIONS], 1)
        self.assertEqual(len(self.answered(self.initiation(self.initiator(local=EVE)), EVE)), 1)
        self.assertEqual(len(self.answered(fresh, now=2.0)), 1)

    def test_all_members_together_draw_so_many_answers_by_the_controller_and_no_more(self) -> None:
        members = [Identity.generate(self.rng) for _ in range(int(SIGNALLED_BURST / PEER_BURST) + 1)]
        self.node.update_peers([spec(member) for member in members], 1.0)
        # With a right mac1 and nothing behind it: under load, each is worth a cookie reply.
        datagram = self.initiation(self.initiator(local=EVE))
        drawn = sum(len(self.answered(datagram, member)) for member in members for _ in range(int(PEER_BURST)))
        self.assertEqual(drawn, int(SIGNALLED_BURST) - LOAD_BURST)

    def test_under_load_a_cookie_by_the_controller_is_for_one_member_and_so_is_its_budget(self) -> None:
        self.node.update_peers([spec(BOB), spec(EVE)], 1.0)
        stranger = self.initiation(self.initiator(local=Identity.generate(self.rng)))
        for _ in range(LOAD_BURST + 1):
            self.node.receive_datagram(stranger, SOURCE, 1.0)
        cookies = {}
        for member in (BOB, EVE):
            initiator = self.initiator(local=member)
            [reply] = self.answered(self.initiation(initiator), member)
            cookies[member.node_id] = initiator.consume_cookie_reply(reply)
        with_eves = self.initiator().create_initiation(2, b"\2" * 12, cookie=cookies[EVE.node_id])
        [reply] = self.answered(with_eves)
        self.assertEqual(reply[0], 0x92)
        with_own = self.initiator().create_initiation(3, b"\3" * 12, cookie=cookies[BOB.node_id])
        [response] = self.answered(with_own)
        self.assertEqual(response[0], 0x91)

    def test_what_is_of_no_family_is_counted(self) -> None:
        for data in (b"", b"\x17\x03\x01", b"\x40\0\0\0", b"\x93" + bytes(40), b"GET / HTTP/1.1\r\n\r\n"):
            self.assertEqual(self.refused(data), {Refusal.UNKNOWN_DATAGRAM: 1})

    def test_stun_for_nobody_is_not_answered(self) -> None:
        for message_class in MessageClass:
            message = Message(Method.BINDING, message_class, b"x" * 12, (Username("nobody:either"),))
            self.assertEqual(self.refused(emit(message)), {Refusal.FOREIGN_STUN: 1})

    def test_broken_stun_is_counted(self) -> None:
        data = emit(Message(Method.BINDING, MessageClass.REQUEST, b"x" * 12, ()))
        self.assertEqual(self.refused(data[:-1] + b"\0"), {Refusal.MALFORMED_STUN: 1})

    def test_a_check_with_a_wrong_password_is_counted(self) -> None:
        pair = derive_pair_secrets(BOB, ANN.static_public, NETWORK)
        check = Check(controlling=True, tie_breaker=1, priority=1)
        forged = evolve(pair.remote, pwd="x" * 32)
        data = emit_check(check, b"x" * 12, pair.local, forged, Integrity.SHA256)
        self.assertEqual(self.refused(data), {Refusal.FORGED_STUN: 1})

    def test_a_check_that_was_seen_from_elsewhere_is_counted(self) -> None:
        pair = derive_pair_secrets(BOB, ANN.static_public, NETWORK)
        check = Check(controlling=True, tie_breaker=1, priority=1)
        data = emit_check(check, b"x" * 12, pair.local, pair.remote, Integrity.SHA256)
        self.node.receive_datagram(data, SocketAddress.of("192.0.2.65", 665), 1.0)
        self.assertTrue(list(self.node.transmits()))
        self.assertEqual(self.refused(data), {Refusal.FORGED_STUN: 1})

    def test_an_initiation_of_a_stranger_is_not_answered(self) -> None:
        self.assertEqual(self.refused(self.initiation(self.initiator(local=EVE))), {Refusal.UNKNOWN_PEER: 1})

    def test_an_initiation_for_another_network_fails_at_mac1(self) -> None:
        foreign = self.initiator(network=type(NETWORK)(b"other"))
        self.assertEqual(self.refused(self.initiation(foreign)), {Refusal.FORGED_HANDSHAKE: 1})

    def test_a_flipped_bit_makes_an_initiation_forged_or_malformed(self) -> None:
        datagram = self.initiation(self.initiator())
        for position in range(0, len(datagram) - 16, 7):
            flipped = datagram[:position] + bytes([datagram[position] ^ 4]) + datagram[position + 1 :]
            [reason] = self.refused(flipped)
            allowed = (Refusal.FORGED_HANDSHAKE, Refusal.MALFORMED_HANDSHAKE, Refusal.UNKNOWN_DATAGRAM)
            self.assertIn(reason, allowed)

    def test_a_member_is_answered_once_per_initiation(self) -> None:
        datagram = self.initiation(self.initiator())
        self.node.receive_datagram(datagram, SOURCE, 1.0)
        self.assertEqual([each.destination for each in self.node.transmits()], [SOURCE])
        self.assertEqual(self.refused(datagram), {Refusal.REPLAYED_INITIATION: 1})

    def test_answers_to_nothing_are_counted(self) -> None:
        responder = Responder(BOB, NETWORK, PSK, self.rng)
        asked = self.initiator(local=ANN, remote_static=BOB.static_public)
        received = responder.consume_initiation(self.initiation(asked, 1234))
        response, _ = responder.create_response(received, 4321)
        self.assertEqual(self.refused(response), {Refusal.STALE_RESPONSE: 1})
        cookie_reply = emit_cookie_reply(CookieReply(1234, bytes(24), bytes(32)))
        self.assertEqual(self.refused(cookie_reply), {Refusal.STALE_COOKIE: 1})

    def test_a_removed_member_is_a_stranger(self) -> None:
        self.node.update_peers([], 1.0)
        self.assertEqual(self.refused(self.initiation(self.initiator())), {Refusal.UNKNOWN_PEER: 1})
