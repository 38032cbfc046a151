from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.dataplane.door import is_for_us
from zerogo.ids import NetworkId
from zerogo.noise.cookie import mac1_key
from zerogo.test.wire.test_golden import load, raw


class DoorTests(SynchronousTestCase):
    def setUp(self) -> None:
        golden = load()
        network = NetworkId.parse(golden["network"]["text"])
        self.keys = {name: mac1_key(network, raw(golden[name]["static_public"])) for name in ("initiator", "responder")}
        self.handshakes = golden["handshakes"]

    def test_each_handshake_message_is_for_its_receiver_alone(self) -> None:
        for case in self.handshakes:
            self.assertTrue(is_for_us(self.keys["responder"], raw(case["initiation"])))
            self.assertFalse(is_for_us(self.keys["initiator"], raw(case["initiation"])))
            self.assertTrue(is_for_us(self.keys["initiator"], raw(case["response"])))
            self.assertFalse(is_for_us(self.keys["responder"], raw(case["response"])))

    def test_a_changed_bit_is_seen(self) -> None:
        initiation = raw(self.handshakes[0]["initiation"])
        for at in range(0, len(initiation) - 16, 7):
            changed = initiation[:at] + bytes([initiation[at] ^ 1]) + initiation[at + 1 :]
            self.assertFalse(is_for_us(self.keys["responder"], changed))

    def test_what_is_too_short_is_for_nobody(self) -> None:
        for size in range(33):
            self.assertFalse(is_for_us(self.keys["responder"], b"\x90" * size))
