"""Which member is meant."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.cli.peer_names import NoSuchPeer, find_peer
from zerogo.test.cli.fake_agent import BOB, CAROL


class PeerNameTests(SynchronousTestCase):
    """Names, ids, addresses, and what is nearly one."""

    def test_a_peer_is_found_by_name_node_id_or_address(self) -> None:
        for name in ("bob", BOB.node_id, "10.1.0.3", "fd00::3"):
            self.assertIs(find_peer([CAROL, BOB], name), BOB)

    def test_a_name_that_is_nearly_one_is_suggested(self) -> None:
        error = self.assertRaises(NoSuchPeer, find_peer, [CAROL, BOB], "karol")
        self.assertEqual(str(error), "no other member is called 'karol'. Did you mean 'carol'?")

    def test_else_the_members_are_named(self) -> None:
        error = self.assertRaises(NoSuchPeer, find_peer, [CAROL, BOB], "xyz")
        self.assertIn("There are: carol, bob", str(error))
        self.assertIn("none yet", str(self.assertRaises(NoSuchPeer, find_peer, [], "xyz")))
