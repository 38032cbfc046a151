"""Descriptors of a gateway: neither edges nor users take those of the others."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.gateway.service import Room, room_for
from zerogo.net.exit_server import CONNECTIONS_LIMIT


class RoomTests(SynchronousTestCase):
    def test_all_have_what_they_want_where_there_is_enough(self) -> None:
        self.assertEqual(room_for(131_072, 20_000), Room(CONNECTIONS_LIMIT, 20_000))

    def test_users_keep_the_half_and_edges_have_the_rest_where_there_is_not(self) -> None:
        self.assertEqual(room_for(21_000, 20_000), Room(10_000, 10_000))
        self.assertEqual(room_for(21_000, 500), Room(19_500, 500))
        self.assertEqual(room_for(1024, 20_000), Room(448, 448))

    @given(st.integers(16, 200_000), st.integers(1, 100_000))
    @settings(deadline=None, max_examples=200)
    def test_together_they_fit_and_both_have_some(self, descriptors: int, users: int) -> None:
        room = room_for(descriptors, users)
        self.assertLess(room.edges + room.users, descriptors)
        self.assertTrue(room.edges > 0 and 0 < room.users <= users)
