"""How soon a member that has just joined is reached: by links of 20 ms, with a controller 40 ms away, as in the lab."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.mesh.status import PeerStatus
from zerogo.testing.internet import LinkQuality
from zerogo.testing.mesh import VirtualMesh
from zerogo.testing.nat import PORT_RESTRICTED

QUALITY = LinkQuality(delay=0.020)
CONTROLLER_SECONDS = 0.040
"""One way."""
MOMENT_SECONDS = 0.03
"""To the common moment, besides what signals take."""
DIRECT_SECONDS = 0.15
"""The same, to the direct path."""


def joined(guest_leads: bool) -> list[PeerStatus]:
    """One who has been there for a while and one who comes, as each sees the other when they have their path.

    Which end leads is chance, the order of two keys: by what seed the guest does or does not.
    """
    for seed in range(64):
        mesh = VirtualMesh(f"joining {seed}", QUALITY)
        mesh.switchboard.delay = CONTROLLER_SECONDS
        mesh.add_relay("relay")
        resident = mesh.add_member("resident", PORT_RESTRICTED)
        resident.start()
        guest = mesh.add_member("guest", PORT_RESTRICTED)
        if (guest.identity.static_public < resident.identity.static_public) is guest_leads:
            break
    mesh.run_for(5.0)
    resident.update_peers()
    guest.start()
    end = mesh.clock.now + 3.0
    mesh.clock.run_while(lambda: not (resident.is_direct_to(guest) and guest.is_direct_to(resident)), end)
    return [resident.status(guest), guest.status(resident)]


def slower(times: list[float | None]) -> float:
    """What both ends have come to."""
    return max(float("inf") if at is None else at for at in times)


class JoiningPairTests(SynchronousTestCase):
    """The checks of both begin when both have all addresses, whichever end leads."""

    def check(self, *, guest_leads: bool) -> None:
        """What is wanted of the pair."""
        ends = joined(guest_leads)
        signals = slower([end.seconds_to_offer for end in ends])
        self.assertLess(slower([end.seconds_to_checks for end in ends]) - signals, MOMENT_SECONDS)
        self.assertLess(slower([end.seconds_to_direct for end in ends]) - signals, DIRECT_SECONDS)

    def test_the_guest_leads(self) -> None:
        self.check(guest_leads=True)

    def test_the_resident_leads(self) -> None:
        self.check(guest_leads=False)
