"""Floods are named in the log once."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.net.turn_stream import StreamCounters
from zerogo.relay.notices import GUESSES, Notices
from zerogo.stun.server import ResponderCounters
from zerogo.turn.errors import Code
from zerogo.turn.server import ServerCounters


class NoticesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.notices = Notices()
        self.turn, self.streams, self.stun = ServerCounters(), StreamCounters(), ResponderCounters()

    def look(self) -> list[str]:
        return [*self.notices.stun(self.stun), *self.notices.turn(self.turn, self.streams)]

    def test_a_quiet_relay_says_nothing(self) -> None:
        self.turn.answered = self.turn.challenged = 50
        self.assertEqual(self.look(), [])

    def test_each_kind_is_told_once_however_long_it_goes_on(self) -> None:
        self.turn.limited = self.turn.over_bandwidth = self.stun.limited = 1
        self.turn.refusals = {Code.ALLOCATION_QUOTA: 5, Code.FORBIDDEN: 1}
        self.assertEqual(len(self.look()), 5)
        self.turn.limited = 1000
        self.assertEqual(self.look(), [])
        self.streams.refused = 1
        self.assertEqual(len(self.look()), 1)

    def test_challenges_count_from_look_to_look(self) -> None:
        for challenged in (GUESSES - 1, 2 * GUESSES - 2):
            self.turn.challenged = challenged
            self.assertEqual(self.look(), [])
        self.turn.challenged += GUESSES
        self.assertIn("wrong credentials", self.look()[0])
