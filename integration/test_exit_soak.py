"""A small run of what `make soak-exits` does: every byte arrives, whatever is cut and killed."""

from __future__ import annotations

from twisted.internet import reactor as installed

from integration.exit_soak import Soak
from integration.test_exits import ExitCase


class SoakTests(ExitCase):
    EDGES = 4
    timeout = 180

    async def test_every_byte_arrives_while_tunnels_are_cut_and_edges_are_killed(self) -> None:
        run = Soak(installed, self.exits, 50, 800_000, is_hasty=True)
        wrong = await run.run()
        self.assertEqual((wrong, run.false_ends), ([], 0))
        self.assertEqual(run.kills, 9)
        self.assertGreater(run.again, 0)
