"""One path."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.ids import SocketAddress
from zerogo.mesh.mtu import BASE_PLPMTU
from zerogo.mesh.path import Path


def path(host: str, **more: bool) -> Path:
    """A path to `host`."""
    return Path(
        destination=SocketAddress.of(host, 1),
        local_candidate="host",
        remote_candidate="host",
        is_checked=more.get("is_checked", True),
        found_at=0.0,
        next_probe_at=0.0,
    )


class PathTests(SynchronousTestCase):
    """MTU, use, status."""

    def test_the_largest_mtu_that_is_looked_for_follows_the_family(self) -> None:
        self.assertEqual([path(host).path_mtu.largest for host in ("192.0.2.1", "2001:db8::1")], [1472, 1452])

    def test_a_new_path_has_the_mtu_that_goes_nearly_everywhere(self) -> None:
        self.assertEqual(path("192.0.2.1").mtu, BASE_PLPMTU)

    def test_what_was_only_heard_of_is_not_used_before_proof(self) -> None:
        heard = path("192.0.2.1", is_checked=False)
        self.assertFalse(heard.is_usable)
        heard.is_verified = True
        self.assertTrue(heard.is_usable)
        heard.die(1.0)
        self.assertFalse(heard.is_usable)
        heard.revive(2.0)
        self.assertTrue(heard.is_usable)
        self.assertEqual(heard.next_probe_at, 2.0)

    def test_what_is_lost_until_both_ends_know_of_a_move_is_no_loss_of_the_path(self) -> None:
        moved = path("192.0.2.1")
        for second in range(20):
            moved.note_answer(float(second), second + 0.02)
        moved.measurement.lost()
        moved.moved_at = 30.0
        moved.measurement.lost()
        moved.note_answer(29.9, 30.01)
        self.assertEqual(moved.measurement.loss, 2 / 23)
        moved.measurement.lost()
        moved.note_answer(30.2, 30.22)
        self.assertEqual((moved.measurement.loss, moved.settled_at), (2 / 24, 30.2))
