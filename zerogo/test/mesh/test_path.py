"""One path."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.ids import SocketAddress
from zerogo.mesh.path import MTU_IPV4, MTU_IPV6, Path


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

    def test_the_mtu_follows_the_family(self) -> None:
        self.assertEqual((path("192.0.2.1").mtu, path("2001:db8::1").mtu), (MTU_IPV4, MTU_IPV6))

    def test_the_mtu_steps_down_to_what_an_1100_byte_link_carries(self) -> None:
        shrunk = path("192.0.2.1")
        steps = []
        while shrunk.shrink():
            steps.append(shrunk.mtu)
        self.assertEqual(steps, sorted(steps, reverse=True))
        self.assertIn(1252, steps)
        self.assertLessEqual(steps[-1] + 28, 1100)
        self.assertFalse(shrunk.shrink())

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
