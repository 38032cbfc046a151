"""Where an agent dials its controller."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from zerogo.agent.control import controller_addresses
from zerogo.agent.joining import settle_membership
from zerogo.test.agent.test_record import TOKEN


class AddressTests(SynchronousTestCase):
    def test_a_proxy_is_tried_after_the_straight_ways(self) -> None:
        membership = settle_membership(None, TOKEN)
        straight = controller_addresses(membership, None)
        both = controller_addresses(membership, None, leads_to=lambda host, port: True)
        self.assertEqual(both[: len(straight)], straight)
        self.assertEqual([each.is_proxied for each in both], [False] * len(straight) + [True] * len(straight))
        self.assertEqual([each.netloc for each in both[len(straight) :]], [each.netloc for each in straight])

    def test_what_the_controller_told_comes_before_the_token(self) -> None:
        membership = evolve(settle_membership(None, TOKEN), told=("b.example.net:9394", "192.0.2.1:9394"))
        found = [each.netloc for each in controller_addresses(membership, None)]
        self.assertEqual(found, ["b.example.net:9394", "192.0.2.1:9394"])
        alone = [each.netloc for each in controller_addresses(membership, "http://mesh.example.net:81")]
        self.assertEqual(alone, ["mesh.example.net:81"])

    def test_a_configured_url_is_dialled_alone_and_through_the_proxy(self) -> None:
        membership = settle_membership(None, TOKEN)
        found = controller_addresses(membership, "http://mesh.example.net:81", leads_to=lambda host, port: True)
        self.assertEqual(
            [str(each) for each in found], ["ws://mesh.example.net:81", "ws://mesh.example.net:81 by the proxy"]
        )
