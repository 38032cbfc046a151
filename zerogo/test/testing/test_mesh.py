"""The stand-in for the controller and the members on it."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.testing.mesh import VirtualMesh
from zerogo.testing.nat import PORT_RESTRICTED


class VirtualMeshTests(SynchronousTestCase):
    """As the module's own example says."""

    def test_the_example_works(self) -> None:
        mesh = VirtualMesh(seed=7)
        ann, bob = mesh.add_member("ann", PORT_RESTRICTED), mesh.add_member("bob")
        mesh.start()
        self.assertTrue(mesh.run_until_connected(10.0))
        ann.send(bob, b"hello")
        mesh.run_for(0.1)
        self.assertEqual(bob.received(ann), [b"hello"])
        self.assertEqual(ann.received(bob), [])

    def test_no_frame_is_on_the_internet_in_clear(self) -> None:
        mesh = VirtualMesh(seed=8)
        ann, bob = mesh.add_member("ann"), mesh.add_member("bob")
        seen: list[bytes] = []
        mesh.internet.on_datagram = lambda source, destination, payload: seen.append(payload)
        mesh.start()
        self.assertTrue(mesh.run_until_connected(10.0))
        ann.send(bob, b"a very secret sentence")
        mesh.internet.send(ann.host, 1, bob.host.address(1), b"a control: a very public sentence")
        mesh.run_for(0.1)
        self.assertEqual(bob.received(ann), [b"a very secret sentence"])
        self.assertFalse(any(b"secret sentence" in payload for payload in seen))
        self.assertTrue(any(b"public sentence" in payload for payload in seen))

    def test_a_switchboard_that_is_down_passes_nothing(self) -> None:
        mesh = VirtualMesh(seed=9)
        mesh.add_member("ann", PORT_RESTRICTED)
        mesh.add_member("bob", PORT_RESTRICTED)
        mesh.switchboard.is_down = True
        mesh.start()
        self.assertFalse(mesh.run_until_connected(5.0))
        self.assertGreater(mesh.switchboard.signals, 0)
        self.assertEqual(mesh.switchboard.punches, 0)

    def test_a_killed_member_says_nothing_and_its_successor_is_another_process(self) -> None:
        mesh = VirtualMesh(seed=10)
        ann, bob = mesh.add_member("ann"), mesh.add_member("bob")
        mesh.start()
        mesh.run_until_connected(5.0)
        node = ann.node
        ann.kill()
        sent = mesh.internet.sent
        bob.kill()
        mesh.run_for(60.0)
        self.assertEqual(mesh.internet.sent, sent)
        ann.start()
        self.assertIsNot(ann.node, node)
        self.assertEqual(ann.plane.session_count, 0)
