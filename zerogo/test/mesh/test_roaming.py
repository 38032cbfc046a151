"""A pair whose ends lose each other and the controller at the same time: both port-restricted, so only signals help.

Links of 10 ms at each end; the controller is 20 ms away. A connection to the controller needs `RECONNECT_SECONDS` to be
made anew, and what is signalled before that is lost.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import median

from twisted.trial.unittest import SynchronousTestCase

from zerogo.ids import SocketAddress
from zerogo.mesh.events import PeerStateChanged, SurroundingsDoubted
from zerogo.mesh.signal import NatMapping
from zerogo.routing.hysteresis import ChangeReason
from zerogo.test.mesh.test_scenarios import connected_pair, longest_silence, pair
from zerogo.testing.internet import LinkQuality
from zerogo.testing.mesh import Member, VirtualMesh
from zerogo.testing.nat import PORT_RESTRICTED

RECONNECT_SECONDS = 0.4
SEEDS = 5
BETWEEN_FRAMES_SECONDS = 0.02


def move(mesh: VirtualMesh, member: Member) -> None:
    """The machine is at another place; it notices."""
    mesh.switchboard.lose(member, RECONNECT_SECONDS)
    member.move(mesh.internet.add_site("cafe", PORT_RESTRICTED))


def change_address(mesh: VirtualMesh, member: Member) -> None:
    """The outside address is another one, which the machine cannot see."""
    mesh.switchboard.lose(member, 1.5)
    mesh.internet.change_address(member.host.site)


def rebind(mesh: VirtualMesh, member: Member) -> None:
    """The NAT forgets all mappings, and gives new ones other ports."""
    mesh.switchboard.lose(member, 1.5)
    assert member.host.site.nat is not None
    member.host.site.nat.reboot()


class LostControllerTests(SynchronousTestCase):
    """The longest silence that either end hears while both send."""

    def silence(self, seed: int, happens: Callable[[VirtualMesh, Member], None], *, is_leader: bool) -> float:
        """Of one run."""
        mesh, ann, bob = connected_pair(seed)
        leads = ann.identity.static_public < bob.identity.static_public
        victim = ann if leads == is_leader else bob
        mesh.run_for(seed * 0.1)
        since = mesh.clock.now
        happens(mesh, victim)
        for number in range(150):
            ann.send(bob, b"a%d" % number)
            bob.send(ann, b"b%d" % number)
            mesh.run_for(0.02)
        return max(longest_silence(member, since, mesh.clock.now) for member in (ann, bob))

    def worst(self, happens: Callable[[VirtualMesh, Member], None]) -> float:
        """Of all seeds, at either end."""
        return max(
            self.silence(seed, happens, is_leader=is_leader) for seed in range(SEEDS) for is_leader in (True, False)
        )

    def test_a_move_costs_little_more_than_the_controller_does(self) -> None:
        self.assertLess(self.worst(move), RECONNECT_SECONDS + 0.4)

    def test_another_outside_address_costs_little_more_than_the_controller_does(self) -> None:
        self.assertLess(self.worst(change_address), 1.5 + 0.4)

    def test_another_outside_port_costs_little_more_than_the_controller_does(self) -> None:
        self.assertLess(self.worst(rebind), 1.5 + 0.4)


class BusyRebindTests(SynchronousTestCase):
    """A NAT that forgets in mid-traffic, while the controller is there: 0.3 seconds and one round trip, no more.

    Both ends are port-restricted, so each is deaf until it knows the other's new port or has told its own.
    """

    def worst(self, delay: float) -> float:
        """The longest silence at either end over all seeds; `delay` is each link's, of which a round trip has four."""
        found = []
        for seed in range(2 * SEEDS):
            mesh, ann, bob = pair(seed, quality=LinkQuality(delay=delay))
            mesh.start()
            self.assertTrue(mesh.run_until_connected(5.0))
            mesh.run_for(3.0)
            self.talk(mesh, ann, bob, 1.2 + 0.013 * seed)
            since = mesh.clock.now
            nat = (ann if seed % 2 else bob).host.site.nat
            assert nat is not None
            nat.reboot()
            self.talk(mesh, ann, bob, 1.5)
            found += [longest_silence(member, since, mesh.clock.now) for member in (ann, bob)]
        return max(found)

    def talk(self, mesh: VirtualMesh, ann: Member, bob: Member, seconds: float) -> None:
        """Both send, as a game does."""
        end = mesh.clock.now + seconds
        while mesh.clock.now < end:
            ann.send(bob, b"a")
            bob.send(ann, b"b")
            mesh.run_for(BETWEEN_FRAMES_SECONDS)

    def test_links_of_10_ms(self) -> None:
        self.assertLess(self.worst(0.010), 0.3 + 4 * 0.010)

    def test_links_of_20_ms(self) -> None:
        self.assertLess(self.worst(0.020), 0.3 + 4 * 0.020 + BETWEEN_FRAMES_SECONDS)


class RelayTests(SynchronousTestCase):
    """The controller is lost for 1.5 seconds, and a relay carries the word: 0.3 seconds, one round trip, some luck."""

    def silence(self, seed: int, happens: Callable[[VirtualMesh, Member], None], delay: float = 0.010) -> float:
        """The longest at either end."""
        mesh, ann, bob = pair(seed, quality=LinkQuality(delay=delay))
        mesh.add_relay("relay")
        mesh.start()
        self.assertTrue(mesh.run_until_connected(5.0))
        mesh.run_for(2.0)
        self.talk(mesh, ann, bob, 1.2 + 0.03 * seed)
        since = mesh.clock.now
        happens(mesh, ann if seed % 2 else bob)
        mesh.switchboard.lose(ann if seed % 2 else bob, 1.5)
        self.talk(mesh, ann, bob, 1.2)
        return max(longest_silence(member, since, mesh.clock.now) for member in (ann, bob))

    talk = BusyRebindTests.talk

    def test_the_relay_carries_the_word_that_the_controller_does_not(self) -> None:
        for happens in (move, change_address, rebind):
            found = [self.silence(seed, happens) for seed in range(3)]
            self.assertLess(max(found), 0.3 + 4 * 0.010 + BETWEEN_FRAMES_SECONDS, happens.__name__)

    def test_links_of_20_ms(self) -> None:
        for happens in (move, change_address, rebind):
            found = [self.silence(seed, happens, 0.020) for seed in range(7)]
            self.assertLess(max(found), 0.3 + 4 * 0.020 + BETWEEN_FRAMES_SECONDS, happens.__name__)
            self.assertLess(median(found), 0.3 + 4 * 0.020, happens.__name__)


class LongLinksTests(SynchronousTestCase):
    """Round trips of 0.3 and 0.5 seconds: a peer that moved is sent to where it is from its first word there on."""

    def test_the_new_place_has_the_time_to_prove_itself(self) -> None:
        for delay in (0.075, 0.125):
            for has_relay in (False, True):
                for seed in range(2):
                    self.check(seed, delay, has_relay=has_relay)

    def check(self, seed: int, delay: float, *, has_relay: bool) -> None:
        """The end that stays takes each path once, is connected all the time, and blames nobody at the new place."""
        mesh, ann, bob = pair(seed, quality=LinkQuality(delay=delay))
        if has_relay:
            mesh.add_relay("relay")
        mesh.start()
        self.assertTrue(mesh.run_until_connected(5.0))
        mesh.run_for(4.0)
        self.talk(mesh, ann, bob, 1.2)
        since = mesh.clock.now
        move(mesh, ann)
        self.talk(mesh, ann, bob, 2.0)
        [peer] = bob.node._directory.peers()
        assert peer.paths.active is not None
        assert isinstance(peer.paths.active.destination, SocketAddress) and ann.host.site.nat is not None
        self.assertEqual(peer.paths.active.destination.host, ann.host.site.nat.address, f"{delay} {has_relay}")
        self.assertEqual([event for at, event in bob.log if at >= since and isinstance(event, PeerStateChanged)], [])
        changes = [change for change in bob.status(ann).history if change.at - bob.clock_ahead >= since]
        self.assertEqual({change.reason for change in changes}, {ChangeReason.DECIDED}, changes)
        self.assertEqual(len({change.way for change in changes}), len(changes), changes)
        self.assertFalse(peer.paths.active.has_failed)

    talk = BusyRebindTests.talk


class DoubtTests(SynchronousTestCase):
    """What nobody tells a machine it finds out by asking when an answer is missing."""

    def test_a_missed_answer_asks_the_servers_and_the_controller(self) -> None:
        mesh, ann, _ = connected_pair(1)
        since = mesh.clock.now
        mesh.internet.change_address(ann.host.site)
        mesh.run_for(1.0)
        doubts = [at for at, event in ann.log if isinstance(event, SurroundingsDoubted) and at > since]
        self.assertTrue(doubts)
        self.assertLess(doubts[0] - since, 0.8)
        offer = ann.node._surroundings.offer
        assert ann.host.site.nat is not None
        self.assertIn(ann.host.site.nat.address, [each.address.host for each in offer.candidates])
        self.assertIs(offer.mapping, NatMapping.STABLE)

    def test_what_was_signalled_before_the_controller_is_there_is_signalled_again(self) -> None:
        mesh = VirtualMesh(2)
        ann, bob = mesh.add_member("ann", PORT_RESTRICTED), mesh.add_member("bob", PORT_RESTRICTED)
        for member in (ann, bob):
            mesh.switchboard.lose(member, 5.0)
        mesh.start()
        self.assertFalse(mesh.run_until_connected(4.9))
        self.assertEqual(mesh.switchboard.signals, 0)
        self.assertTrue(mesh.run_until_connected(0.5))

    def test_a_peer_that_is_well_is_left_alone_when_the_controller_is_back(self) -> None:
        mesh, ann, bob = connected_pair(3)
        signals = mesh.switchboard.signals
        mesh.switchboard.lose(ann, 0.1)
        mesh.run_for(2.0)
        self.assertEqual(mesh.switchboard.signals, signals)
        self.assertTrue(ann.is_connected_to(bob))
