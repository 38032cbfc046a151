"""A better path that is not in use: bad luck of a moment is not held against it, and lasting loss is."""

from __future__ import annotations

import random

from twisted.trial.unittest import SynchronousTestCase

from zerogo.testing.internet import LinkQuality
from zerogo.testing.mesh import VirtualMesh
from zerogo.testing.nat import PORT_RESTRICTED

SEEDS = range(3)
BETWEEN_FRAMES_SECONDS = 0.25
RETURN_SECONDS = 8.0


class StandbyTests(SynchronousTestCase):
    """Two homes talk; their direct path was cut, so a relay carries, and then the direct one is there again."""

    def begin(self, seed: int, cut_seconds: float = 2.0) -> None:
        """The cut is over, and the first answers have come by the direct path."""
        self.mesh = VirtualMesh(seed, LinkQuality(delay=0.005, jitter=0.001))
        self.mesh.add_relay("relay")
        self.ann, self.bob = (self.mesh.add_member(name, PORT_RESTRICTED) for name in ("ann", "bob"))
        self.mesh.start()
        self.assertTrue(self.mesh.run_until_connected(5.0))
        self.talk(6.0)
        one, other = self.ann.host.site.nat, self.bob.host.site.nat
        assert one is not None and other is not None
        self.far = other.address
        self.mesh.internet.part(one.address, other.address)
        self.talk(cut_seconds)
        self.mesh.internet.part(one.address, other.address, is_parted=False)

    def talk(self, seconds: float) -> None:
        """Both send."""
        for _ in range(round(seconds / BETWEEN_FRAMES_SECONDS)):
            self.ann.send(self.bob, b"a")
            self.bob.send(self.ann, b"b")
            self.mesh.run_for(BETWEEN_FRAMES_SECONDS)

    def lose(self, chance: float, seed: int) -> None:
        """What ann sends by the direct path gets lost, by chance."""
        source = random.Random(seed)
        self.ann.firewall = lambda destination: destination.host == self.far and source.random() < chance

    def are_direct(self) -> tuple[bool, bool]:
        """Whether each sends to the other by a direct path."""
        return self.ann.is_direct_to(self.bob), self.bob.is_direct_to(self.ann)

    def test_after_a_cut_of_a_moment_the_direct_path_is_back_within_seconds(self) -> None:
        for seed in SEEDS:
            self.begin(seed, 1.0 + seed % 2)
            self.assertEqual(self.are_direct(), (False, False), f"seed {seed}")
            self.talk(RETURN_SECONDS)
            self.assertEqual(self.are_direct(), (True, True), f"seed {seed}")

    def test_so_it_is_when_it_lost_some_probes_at_once_meanwhile(self) -> None:
        for seed in SEEDS:
            self.begin(seed)
            self.talk(2.0)
            self.assertEqual(self.are_direct(), (False, False), f"seed {seed}")
            self.lose(0.5, seed)
            self.talk(1.0)
            self.lose(0.0, seed)
            self.talk(1.0)
            self.assertEqual(self.are_direct(), (False, False), f"seed {seed}")
            self.talk(RETURN_SECONDS - 1.0)
            self.assertEqual(self.are_direct(), (True, True), f"seed {seed}")

    def test_one_that_goes_on_losing_one_in_ten_is_not_returned_to(self) -> None:
        for seed in SEEDS:
            self.begin(seed)
            self.lose(0.3, seed)
            self.talk(10.0)
            self.assertEqual(self.are_direct(), (False, False), f"seed {seed}")
            self.lose(0.1, seed)
            for _ in range(8):
                self.talk(3.0)
                self.assertEqual(self.are_direct(), (False, False), f"seed {seed}")
