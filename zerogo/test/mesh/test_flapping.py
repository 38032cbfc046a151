"""A link that comes and goes under whole members: they do not come and go with it."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.testing.internet import LinkQuality
from zerogo.testing.mesh import Member, VirtualMesh
from zerogo.testing.nat import PORT_RESTRICTED

BETWEEN_FRAMES_SECONDS = 0.25


class FlappingTests(SynchronousTestCase):
    """The direct path of two homes, who talk, is there for 5 seconds and away for 2; a relay is well."""

    def setUp(self) -> None:
        self.begin(seed=4)

    def begin(self, seed: int) -> None:
        """Both are connected, and at rest."""
        self.mesh = VirtualMesh(seed, LinkQuality(delay=0.005))
        self.mesh.add_relay("relay")
        self.ann, self.bob = (self.mesh.add_member(name, PORT_RESTRICTED) for name in ("ann", "bob"))
        self.mesh.start()
        self.assertTrue(self.mesh.run_until_connected(5.0))
        self.mesh.run_for(5.0)

    def talk(self, seconds: float) -> None:
        """Both send."""
        for _ in range(round(seconds / BETWEEN_FRAMES_SECONDS)):
            self.ann.send(self.bob, b"a")
            self.bob.send(self.ann, b"b")
            self.mesh.run_for(BETWEEN_FRAMES_SECONDS)

    def changes(self, member: Member, other: Member, since: float) -> list[float]:
        """When the path in use became another one, seconds since."""
        times = [change.at - member.clock_ahead - since for change in member.status(other).history]
        return [at for at in times if at >= 0]

    def flap(self, away: float, there: float) -> None:
        """The direct path goes and comes."""
        one, other = self.ann.host.site.nat, self.bob.host.site.nat
        assert one is not None and other is not None
        self.mesh.internet.part(one.address, other.address)
        self.talk(away)
        self.mesh.internet.part(one.address, other.address, is_parted=False)
        self.talk(there)

    def test_what_flapped_at_the_old_place_is_no_reason_to_wait_at_the_new_one(self) -> None:
        for seed in range(6):
            self.begin(seed)
            for _ in range(2):
                self.flap(2.0, 4.0)
            self.assertFalse(self.ann.is_direct_to(self.bob))
            nat = self.ann.host.site.nat
            assert nat is not None
            nat.reboot()
            self.talk(5.0)
            is_direct = [one.is_direct_to(other) for one, other in ((self.ann, self.bob), (self.bob, self.ann))]
            self.assertEqual(is_direct, [True, True], f"seed {seed}")

    def test_paths_change_three_times_in_the_first_minute_and_then_at_most_twice(self) -> None:
        since = self.mesh.clock.now
        while self.mesh.clock.now < since + 91.0:
            self.flap(2.0, 5.0)
        for member, peer in ((self.ann, self.bob), (self.bob, self.ann)):
            changes = self.changes(member, peer, since)
            first, later = [at for at in changes if at < 60.0], [at for at in changes if at >= 60.0]
            self.assertTrue(1 <= len(first) <= 3, changes)
            for begin in later:
                self.assertLessEqual(sum(begin <= at < begin + 60.0 for at in later), 2, changes)
