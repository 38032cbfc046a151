"""Members reached through members, in the simulated internet: whole nodes, real handshakes, sealed all the way."""

from __future__ import annotations

import itertools

from twisted.trial.unittest import SynchronousTestCase

from zerogo.ids import RouteAddress
from zerogo.mesh.events import PathKind, PeerState
from zerogo.mesh.status import Refusal
from zerogo.routing.policy import Multipath, RoutingPolicy
from zerogo.testing.internet import LinkQuality
from zerogo.testing.mesh import Member, VirtualMesh


def way(member: Member, other: Member) -> tuple[PathKind | None, tuple[str, ...]]:
    """The kind of the path in use, and who carries."""
    path = member.status(other).path
    if path is None:
        return None, ()
    if not isinstance(path.destination, RouteAddress):
        return path.kind, ()
    names = {each.identity.node_id: each.name for each in member.mesh.members.values()}
    return path.kind, tuple(names[hop] for hop in path.destination.hops[:-1])


class WayfinderCase(SynchronousTestCase):
    def begin(self, *names: str, parted: tuple[str, ...] = (), **policies: RoutingPolicy) -> None:
        """Public hosts of these names; `parted` are pairs such as `ann cat`."""
        self.mesh = VirtualMesh(7)
        for name in names:
            self.mesh.add_member(name)
            if name in policies:
                self.mesh.members[name].policy = policies[name]
        for pair in parted:
            self.part(pair)
        self.mesh.start()

    def part(self, pair: str, *, is_parted: bool = True) -> None:
        """Nothing goes between these two."""
        one, other = (self.mesh.members[name].host.addresses[0] for name in pair.split())
        self.mesh.internet.part(one, other, is_parted=is_parted)

    def member(self, name: str) -> Member:
        """One of them."""
        return self.mesh.members[name]

    def way(self, one: str, other: str) -> tuple[PathKind | None, tuple[str, ...]]:
        """From one to the other."""
        return way(self.member(one), self.member(other))

    def assert_talks(self, one: str, other: str) -> None:
        """A frame arrives, once."""
        sender, receiver = self.member(one), self.member(other)
        payload = f"{one} {self.mesh.clock.now}".encode()
        sender.send(receiver, payload)
        self.mesh.run_for(0.5)
        self.assertEqual(receiver.received(sender).count(payload), 1)


class LineTests(WayfinderCase):
    def test_one_in_the_middle_carries_both_ways(self) -> None:
        self.begin("ann", "bob", "cat", parted=("ann cat",))
        self.mesh.run_for(6.0)
        self.assertEqual(self.way("ann", "cat"), (PathKind.PEER, ("bob",)))
        self.assertEqual(self.way("cat", "ann"), (PathKind.PEER, ("bob",)))
        self.assert_talks("ann", "cat")
        self.assert_talks("cat", "ann")

    def test_two_in_the_middle_carry(self) -> None:
        self.begin("ann", "bob", "cat", "dan", parted=("ann cat", "ann dan", "bob dan"))
        self.mesh.run_for(12.0)
        self.assertEqual(self.way("ann", "dan"), (PathKind.PEER, ("bob", "cat")))
        self.assert_talks("ann", "dan")
        self.assert_talks("dan", "ann")

    def test_the_path_grows_to_what_it_carries(self) -> None:
        self.begin("ann", "bob", "cat", parted=("ann cat",))
        self.mesh.run_for(20.0)
        path = self.member("ann").status(self.member("cat")).path
        assert path is not None
        self.assertGreaterEqual(path.mtu, 1380)

    def test_the_middle_sees_nothing_of_what_is_said(self) -> None:
        self.begin("ann", "bob", "cat", parted=("ann cat",))
        self.mesh.run_for(6.0)
        seen: list[bytes] = []
        self.mesh.internet.on_datagram = lambda _source, _destination, payload: seen.append(payload)
        self.assert_talks("ann", "cat")
        self.assertTrue(seen)
        self.assertEqual(self.member("bob").inbox, [])
        self.assertFalse([payload for payload in seen if b"ann " in payload])

    def test_who_does_not_want_to_carry_does_not(self) -> None:
        self.begin("ann", "bob", "cat", parted=("ann cat",), bob=RoutingPolicy(forward_rate=0))
        self.mesh.run_for(10.0)
        self.assertEqual(self.way("ann", "cat"), (None, ()))
        self.assertIsNot(self.member("ann").status(self.member("cat")).state, PeerState.CONNECTED)

    def test_who_does_not_want_to_be_carried_is_not(self) -> None:
        self.begin("ann", "bob", "cat", parted=("ann cat",), ann=RoutingPolicy(enable_mesh_routing=False))
        self.mesh.run_for(10.0)
        self.assertEqual([self.way("ann", "cat"), self.way("cat", "ann")], [(None, ())] * 2)
        ann, route = self.member("ann"), RouteAddress(tuple(self.member(name).spec.node_id for name in ("bob", "cat")))
        ann.node.receive_datagram(b"\x90" + bytes(150), route, ann.driven.now)
        self.assertEqual(ann.node.counters().refusals[Refusal.UNWANTED_ROUTE], 1)

    def test_a_limit_of_hops_holds(self) -> None:
        self.begin("ann", "bob", "cat", "dan", parted=("ann cat", "ann dan", "bob dan"), ann=RoutingPolicy(max_hops=2))
        self.mesh.run_for(12.0)
        self.assertEqual([self.way("ann", "dan"), self.way("dan", "ann")], [(None, ())] * 2)
        self.assertEqual(self.way("ann", "cat"), (PathKind.PEER, ("bob",)))


class FailoverTests(WayfinderCase):
    def silence(self, one: str, other: str, seconds: float) -> float:
        """The longest time without an arrival of a stream with a frame every 10 ms."""
        sender, receiver = self.member(one), self.member(other)
        begin = self.mesh.clock.now
        while self.mesh.clock.now < begin + seconds:
            sender.send(receiver, b"tick")
            self.mesh.run_for(0.010)
        times = [begin, *(at for at, name, _ in receiver.inbox if name == one and at >= begin), self.mesh.clock.now]
        return max(later - earlier for earlier, later in itertools.pairwise(times))

    def test_a_busy_pair_has_a_spare_way_and_takes_it_in_half_a_second(self) -> None:
        self.begin("ann", "bob", "cat")
        self.mesh.run_for(5.0)
        self.silence("ann", "cat", 8.0)
        self.assertEqual(self.way("ann", "cat"), (PathKind.DIRECT, ()))
        self.part("ann cat")
        self.assertLess(self.silence("ann", "cat", 3.0), 0.7)
        self.assertEqual(self.way("ann", "cat"), (PathKind.PEER, ("bob",)))

    def test_the_direct_path_is_returned_to_when_it_was_good_for_three_seconds(self) -> None:
        self.begin("ann", "bob", "cat")
        self.mesh.run_for(5.0)
        self.silence("ann", "cat", 5.0)
        self.part("ann cat")
        self.silence("ann", "cat", 4.0)
        self.assertEqual(self.way("ann", "cat"), (PathKind.PEER, ("bob",)))
        self.part("ann cat", is_parted=False)
        self.assertLess(self.silence("ann", "cat", 15.0), 0.2)
        self.assertEqual(self.way("ann", "cat"), (PathKind.DIRECT, ()))
        history = self.member("ann").status(self.member("cat")).history
        self.assertEqual([change.kind for change in history][-3:], [PathKind.DIRECT, PathKind.PEER, PathKind.DIRECT])

    def test_another_carrier_takes_over(self) -> None:
        self.begin("ann", "bob", "cat", "dan", parted=("ann cat",))
        self.mesh.run_for(10.0)
        self.silence("ann", "cat", 3.0)
        carrier = self.way("ann", "cat")[1][0]
        other = "dan" if carrier == "bob" else "bob"
        self.part(f"{carrier} cat")
        self.assertLess(self.silence("ann", "cat", 3.0), 0.8)
        self.assertEqual(self.way("ann", "cat"), (PathKind.PEER, (other,)))

    def test_a_carrier_that_drops_everything_is_left_and_shown(self) -> None:
        self.begin("ann", "bob", "cat", parted=("ann cat",))
        self.mesh.run_for(6.0)
        self.member("bob").plane.set_forwarding(0)
        self.mesh.run_for(30.0)
        self.assertEqual(self.way("ann", "cat"), (None, ()))
        now = self.member("ann").driven.now
        self.assertIn(self.member("bob").identity.node_id, self.member("ann").node.distrusted(now))


class MultipathTests(WayfinderCase):
    def test_urgent_datagrams_go_two_ways_and_arrive_once(self) -> None:
        self.begin("ann", "bob", "cat", ann=RoutingPolicy(realtime=Multipath.DUPLICATE))
        self.mesh.run_for(5.0)
        for _ in range(600):
            self.member("ann").send(self.member("cat"), b"x" * 100)
            self.mesh.run_for(0.01)
        selected = self.member("ann").paths["cat"]
        self.assertEqual(selected.kind, PathKind.DIRECT)
        assert selected.twin is not None
        self.assertIsInstance(selected.twin.endpoint, RouteAddress)
        self.assert_talks("ann", "cat")
        self.part("ann cat")
        self.mesh.run_for(2.0)
        self.assert_talks("ann", "cat")

    def test_what_two_lossy_ways_may_both_lose_goes_once_more_later_if_the_owner_lets_it(self) -> None:
        for late_copies in (True, False):
            policy = RoutingPolicy(realtime=Multipath.DUPLICATE, late_copies=late_copies)
            self.begin("ann", "bob", "cat", ann=policy, bob=RoutingPolicy(realtime=Multipath.DUPLICATE))
            self.mesh.run_for(5.0)
            self.assertIsNone(self.member("ann").paths["cat"].late)
            for member in self.mesh.members.values():
                member.host.site.uplink.quality = LinkQuality(loss=0.08)
            for _ in range(200):
                self.member("ann").send(self.member("cat"), b"x" * 100)
                self.mesh.run_for(0.1)
            selected = self.member("ann").paths["cat"]
            assert selected.twin is not None
            both = (selected.destination, selected.twin.endpoint)
            self.assertEqual(late_copies, selected.late is not None and selected.late.endpoint in both)

    def test_flows_are_spread_over_ways_that_are_nearly_as_good(self) -> None:
        self.mesh = VirtualMesh(3)
        for name in ("ann", "bob"):
            self.mesh.add_member(name, ipv6=True).policy = RoutingPolicy(bulk=Multipath.BALANCE)
        self.mesh.start()
        self.mesh.run_for(15.0)
        selected = self.member("ann").paths["bob"]
        self.assertEqual(len(selected.spread), 1)
        self.assertNotEqual(selected.spread[0].endpoint, selected.destination)
        self.assert_talks("ann", "bob")

    def test_without_p2p_a_pair_meets_at_the_relay_only(self) -> None:
        self.mesh = VirtualMesh(3)
        self.mesh.add_relay("near")
        for name in ("ann", "bob"):
            self.mesh.add_member(name).policy = RoutingPolicy(p2p_enabled=name == "bob")
        seen: list[tuple[str, str]] = []
        self.mesh.internet.on_datagram = lambda source, destination, _: seen.append((source.host, destination.host))
        self.mesh.start()
        self.mesh.run_for(20.0)
        self.assertEqual(self.way("ann", "bob"), (PathKind.RELAY, ()))
        self.assert_talks("ann", "bob")
        ann, bob = (self.member(name).host.addresses[0] for name in ("ann", "bob"))
        self.assertNotIn((ann, bob), seen)
