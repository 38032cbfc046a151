"""Pairs that meet at relays, in the simulated internet: before they are direct, instead of it, and after it."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.ids import ChannelAddress
from zerogo.mesh.events import PathKind
from zerogo.testing.mesh import Member, VirtualMesh
from zerogo.testing.nat import FULL_CONE, PORT_RESTRICTED, SYMMETRIC_RANDOM


def kind(member: Member, other: Member) -> PathKind | None:
    path = member.status(other).path
    return None if path is None else path.kind


class RelayedPairTests(SynchronousTestCase):
    def mesh(self, ann: object = SYMMETRIC_RANDOM, bob: object = SYMMETRIC_RANDOM, seed: int = 1) -> VirtualMesh:
        mesh = VirtualMesh(seed)
        mesh.add_relay("near")
        self.ann = mesh.add_member("ann", ann)  # type: ignore[arg-type]
        self.bob = mesh.add_member("bob", bob)  # type: ignore[arg-type]
        return mesh

    def test_hopeless_pair_is_connected_within_a_second(self) -> None:
        mesh = self.mesh()
        mesh.start()
        self.assertTrue(mesh.run_until_connected(1.0))
        self.assertEqual((kind(self.ann, self.bob), kind(self.bob, self.ann)), (PathKind.RELAY, PathKind.RELAY))
        self.ann.send(self.bob, b"hello")
        mesh.run_for(0.2)
        self.assertEqual(self.bob.received(self.ann), [b"hello"])

    def test_relayed_pair_says_which_relay_and_why(self) -> None:
        mesh = self.mesh()
        mesh.start()
        mesh.run_for(10.0)
        status = self.ann.status(self.bob)
        assert status.path is not None
        self.assertEqual(status.path.relay, "near")
        self.assertIsInstance(status.path.destination, ChannelAddress)
        self.assertIn("symmetric NAT", status.reason)
        self.assertIsNone(status.seconds_to_direct)

    def test_relay_stays_warm_beside_a_direct_path(self) -> None:
        mesh = self.mesh(PORT_RESTRICTED, FULL_CONE)
        mesh.start()
        mesh.run_for(30.0)
        self.assertEqual(kind(self.ann, self.bob), PathKind.DIRECT)
        relayed = [path for path in self.ann.status(self.bob).paths if path.kind is PathKind.RELAY]
        self.assertEqual([(path.is_alive, path.rtt is not None) for path in relayed], [(True, True)])
