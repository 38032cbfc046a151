"""Which member leads to a network behind several of them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.ids import NodeId
from zerogo.routing.subnets import MARGIN, Offer, choose_gateways

BOB, BEA = NodeId(b"b" * 10), NodeId(b"e" * 10)
LAN = "192.168.7.0/24"


def offer(node_id: NodeId, worth: float, *, is_reached: bool = True) -> Offer:
    return Offer(subnet=LAN, node_id=node_id, is_reached=is_reached, worth=worth)


class GatewayTests(SynchronousTestCase):
    def choose(self, *offers: Offer, held: NodeId | None = None) -> NodeId:
        return choose_gateways(offers, {} if held is None else {LAN: held})[LAN]

    def test_the_best_path_wins(self) -> None:
        self.assertEqual(self.choose(offer(BOB, 60.0), offer(BEA, 90.0)), BEA)

    def test_the_one_in_use_is_kept_unless_another_is_much_better(self) -> None:
        self.assertEqual(self.choose(offer(BOB, 60.0), offer(BEA, 60.0 + MARGIN), held=BOB), BOB)
        self.assertEqual(self.choose(offer(BOB, 60.0), offer(BEA, 61.0 + MARGIN), held=BOB), BEA)

    def test_a_lost_one_is_left_at_once(self) -> None:
        self.assertEqual(self.choose(offer(BOB, 100.0, is_reached=False), offer(BEA, 1.0), held=BOB), BEA)

    def test_the_last_one_is_kept_while_none_is_reached(self) -> None:
        lost = (offer(BOB, 0.0, is_reached=False), offer(BEA, 0.0, is_reached=False))
        self.assertEqual(self.choose(*lost, held=BEA), BEA)
        self.assertEqual(self.choose(*lost), BOB)

    def test_one_that_announces_no_more_is_not_kept(self) -> None:
        self.assertEqual(self.choose(offer(BEA, 1.0), held=BOB), BEA)
        self.assertEqual(choose_gateways([], {LAN: BOB}), {})
