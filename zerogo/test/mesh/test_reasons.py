"""Sentences for people."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.ice.candidate import Candidate
from zerogo.ice.nature import NatBehaviour
from zerogo.ids import SocketAddress
from zerogo.mesh.reasons import NO_SIGNAL, explain_failure
from zerogo.mesh.signal import NatMapping, Offer

SOME = (Candidate.host(SocketAddress.of("192.0.2.1", 1)),)


def offer(mapping: NatMapping) -> Offer:
    """An offer with an address."""
    return Offer(candidates=SOME, nat=NatBehaviour(mapping=mapping))


class ReasonTests(SynchronousTestCase):
    """Why a peer is not reached."""

    def test_the_symmetric_end_is_named(self) -> None:
        symmetric, stable = offer(NatMapping.PER_DESTINATION), offer(NatMapping.STABLE)
        self.assertTrue(explain_failure("x", symmetric, stable).startswith("this node is behind a symmetric NAT"))
        self.assertTrue(explain_failure("x", stable, symmetric).startswith("the peer is behind a symmetric NAT"))
        self.assertTrue(explain_failure("x", symmetric, symmetric).startswith("each end is behind a symmetric NAT"))

    def test_missing_addresses_are_named(self) -> None:
        stable = offer(NatMapping.STABLE)
        self.assertEqual(explain_failure("x", stable, Offer()), NO_SIGNAL)
        self.assertIn("is its network up?", explain_failure("x", Offer(), stable))

    def test_otherwise_the_checks_have_the_word(self) -> None:
        self.assertEqual(explain_failure("verdict", offer(NatMapping.STABLE), offer(NatMapping.NONE)), "verdict")
