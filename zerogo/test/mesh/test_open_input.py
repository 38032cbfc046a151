"""Pairs behind routers of Linux that masquerade and take what comes in for themselves, so that who checks too early
costs its peer the port by which it is known (`zerogo.testing.conntrack`)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.ids import SocketAddress
from zerogo.mesh.search import QUIET_SECONDS
from zerogo.testing.conntrack import ConntrackNat
from zerogo.testing.internet import LinkQuality
from zerogo.testing.mesh import DATA_PORT, Member, VirtualMesh
from zerogo.testing.nat import OPEN_INPUT

SEEDS = 6
"""It is chance which end leads."""


class OpenInputTests(SynchronousTestCase):
    """Two members, a relay, a controller 40 ms away, and links of 20 ms."""

    def pair(self, seed: int) -> tuple[VirtualMesh, Member, Member]:
        """Not started."""
        mesh = VirtualMesh(f"open input {seed}", LinkQuality(delay=0.020))
        mesh.switchboard.delay = 0.040
        mesh.add_relay("relay")
        return mesh, mesh.add_member("resident", OPEN_INPUT), mesh.add_member("guest", OPEN_INPUT)

    def seconds_to_direct(self, mesh: VirtualMesh, one: Member, other: Member, limit: float) -> float:
        """From now; fails above `limit`."""
        begun = mesh.clock.now
        mesh.clock.run_while(lambda: not (one.is_direct_to(other) and other.is_direct_to(one)), begun + limit)
        self.assertTrue(one.is_direct_to(other) and other.is_direct_to(one))
        return mesh.clock.now - begun

    def test_a_peer_that_comes_after_it_was_looked_for_is_direct_at_once(self) -> None:
        for seed in range(SEEDS):
            mesh, resident, guest = self.pair(seed)
            resident.start()
            mesh.run_for(10.0)
            guest.start()
            self.seconds_to_direct(mesh, resident, guest, 1.0)

    def test_a_port_that_was_taken_is_waited_for_by_both_ends(self) -> None:
        for seed in range(SEEDS):
            mesh, resident, guest = self.pair(seed)
            self.take_port(mesh, resident, guest)
            if seed % 2:
                self.take_port(mesh, guest, resident)
            mesh.start()
            mesh.run_for(3.0)
            self.assertTrue(resident.is_connected_to(guest), "the relay carries the pair meanwhile")
            self.assertFalse(resident.is_direct_to(guest))
            self.seconds_to_direct(mesh, resident, guest, QUIET_SECONDS[0] + 20.0)

    def test_who_moves_behind_another_such_router_is_direct_again_in_the_end(self) -> None:
        for seed in range(2):
            mesh, resident, guest = self.pair(seed)
            mesh.start()
            mesh.run_for(5.0)
            guest.move(mesh.internet.add_site("elsewhere", OPEN_INPUT))
            mesh.run_for(5.0)
            self.assertTrue(resident.is_connected_to(guest))
            self.seconds_to_direct(mesh, resident, guest, 180.0)

    def take_port(self, mesh: VirtualMesh, member: Member, by: Member) -> None:
        """Something of the peer comes in before anything went out."""
        router, other = member.host.site.nat, by.host.site.nat
        assert isinstance(router, ConntrackNat)
        assert other is not None
        router.inbound(
            SocketAddress(router.address, DATA_PORT), SocketAddress(other.address, DATA_PORT), mesh.clock.now
        )
