"""Whole members against each other over the simulated internet: what a user would see happen."""

from __future__ import annotations

from itertools import combinations_with_replacement, groupby, pairwise

from twisted.trial.unittest import SynchronousTestCase

from zerogo.mesh import PeerState, Refusal
from zerogo.mesh.events import PathSelected, PeerStateChanged
from zerogo.mesh.keying import REKEY_AFTER_SECONDS
from zerogo.noise.exchange import Initiator
from zerogo.noise.identity import Identity
from zerogo.testing.clock import seeded_bytes
from zerogo.testing.internet import CARRIER_BASE, LinkQuality
from zerogo.testing.mesh import NETWORK, PSK, Member, VirtualMesh
from zerogo.testing.nat import (
    ADDRESS_RESTRICTED,
    FULL_CONE,
    PORT_RESTRICTED,
    SYMMETRIC_RANDOM,
    NatBehaviour,
)
from zerogo.wire.handshake import Suite

SEEDS = 20
PUNCHABLE: dict[str, NatBehaviour | None] = {
    "open": None,
    "full-cone": FULL_CONE,
    "address-restricted": ADDRESS_RESTRICTED,
    "port-restricted": PORT_RESTRICTED,
}
LOSSY = LinkQuality(jitter=0.005, loss=0.1056, reorder=0.05, duplicate=0.05)
"""Two such links lose 20 % each way."""


def pair(
    seed: object,
    ann: NatBehaviour | None = PORT_RESTRICTED,
    bob: NatBehaviour | None = PORT_RESTRICTED,
    quality: LinkQuality | None = None,
) -> tuple[VirtualMesh, Member, Member]:
    """Two members that are not started yet."""
    mesh = VirtualMesh(seed, quality)
    return mesh, mesh.add_member("ann", ann), mesh.add_member("bob", bob)


def connected_pair(seed: object, **kinds: NatBehaviour | None) -> tuple[VirtualMesh, Member, Member]:
    """Two members that have been connected for 10 seconds."""
    mesh, ann, bob = pair(seed, **kinds)
    mesh.start()
    assert mesh.run_until_connected(5.0)
    mesh.run_for(10.0)
    return mesh, ann, bob


def changes_of_path(member: Member, since: float = 0.0) -> list[PathSelected]:
    """Paths that the member's data plane was told, without those that differ from the one before in MTU alone."""
    told = [event for at, event in member.log if isinstance(event, PathSelected) and at >= since]
    return [next(group) for _, group in groupby(told, key=lambda event: event.destination)]


def longest_silence(member: Member, since: float, until: float) -> float:
    """The longest time in which no frame arrived, seconds."""
    times = [since, *(at for at, _, _ in member.inbox if at > since), until]
    return max(later - earlier for earlier, later in pairwise(times))


class ConnectTests(SynchronousTestCase):
    """Links of 10 ms at each end, so 20 ms one way; the controller is 20 ms away from both."""

    def test_every_punchable_pair_becomes_direct_and_carries_frames(self) -> None:
        slowest: dict[str, float] = {}
        for one, other in combinations_with_replacement(PUNCHABLE, 2):
            for seed in range(SEEDS):
                mesh, ann, bob = pair(seed, PUNCHABLE[one], PUNCHABLE[other])
                mesh.start()
                self.assertTrue(mesh.run_until_connected(5.0), f"{one} x {other}, seed {seed}")
                ann.send(bob, b"ping")
                mesh.run_for(0.03)
                bob.send(ann, b"pong")
                mesh.run_for(0.03)
                self.assertEqual((bob.received(ann), ann.received(bob)), ([b"ping"], [b"pong"]), f"{one} x {other}")
                seconds = ann.status(bob).seconds_to_direct
                assert seconds is not None
                slowest[f"{one} x {other}"] = max(seconds, slowest.get(f"{one} x {other}", 0.0))
        self.assertLess(max(slowest.values()), 0.5, slowest)

    def test_symmetric_reaches_what_does_not_filter_by_port(self) -> None:
        for kind in (None, FULL_CONE, ADDRESS_RESTRICTED):
            for seed in range(5):
                mesh, _, _ = pair(seed, SYMMETRIC_RANDOM, kind)
                mesh.start()
                self.assertTrue(mesh.run_until_connected(5.0), (kind, seed))

    def test_two_random_symmetric_nats_say_that_they_cannot(self) -> None:
        mesh, ann, bob = pair(1, SYMMETRIC_RANDOM, SYMMETRIC_RANDOM)
        mesh.start()
        self.assertFalse(mesh.run_until_connected(5.0))
        for status in (ann.status(bob), bob.status(ann)):
            self.assertIs(status.state, PeerState.UNREACHABLE)
            self.assertIn("each end is behind a symmetric NAT", status.reason)
            self.assertIsNotNone(status.next_try_in)

    def test_two_members_behind_one_nat_talk_inside(self) -> None:
        mesh = VirtualMesh(3)
        home = mesh.internet.add_site("home", PORT_RESTRICTED)
        ann, bob = mesh.add_member("ann", site=home), mesh.add_member("bob", site=home)
        mesh.start()
        self.assertTrue(mesh.run_until_connected(5.0))
        path = ann.status(bob).path
        assert path is not None
        self.assertEqual(path.destination.host, bob.host.addresses[0])

    def test_double_nat_is_no_obstacle(self) -> None:
        mesh = VirtualMesh(4)
        carrier = mesh.internet.add_site("carrier", PORT_RESTRICTED)
        carrier.base = CARRIER_BASE
        home = mesh.internet.add_site("home", PORT_RESTRICTED, upstream=carrier)
        mesh.add_member("ann", site=home)
        mesh.add_member("bob", PORT_RESTRICTED)
        mesh.start()
        self.assertTrue(mesh.run_until_connected(5.0))

    def test_ipv6_is_preferred_where_both_have_it(self) -> None:
        mesh = VirtualMesh(5)
        ann = mesh.add_member("ann", PORT_RESTRICTED, ipv6=True)
        bob = mesh.add_member("bob", PORT_RESTRICTED, ipv6=True)
        mesh.start()
        self.assertTrue(mesh.run_until_connected(5.0))
        mesh.run_for(10.0)
        path = ann.status(bob).path
        assert path is not None
        self.assertTrue(path.destination.is_ipv6)
        self.assertEqual(path.mtu, 1452)

    def test_loss_reordering_and_duplicates_only_cost_time(self) -> None:
        times = []
        for seed in range(SEEDS):
            mesh, ann, bob = pair(seed, quality=LOSSY)
            mesh.start()
            self.assertTrue(mesh.run_until_connected(10.0), seed)
            times.append(mesh.clock.now - 1000.0)
            for number in range(100):
                ann.send(bob, b"%d" % number)
                mesh.run_for(0.01)
            mesh.run_for(0.2)
            arrived = bob.received(ann)
            self.assertEqual(len(arrived), len(set(arrived)), "no frame twice")
            self.assertGreater(len(arrived), 50)
        self.assertLess(sorted(times)[SEEDS // 2], 1.0)

    def test_without_a_controller_remembered_endpoints_are_enough(self) -> None:
        mesh, ann, bob = connected_pair(6)
        paths = [ann.status(bob).path, bob.status(ann).path]
        for member, path in zip((ann, bob), paths, strict=True):
            assert path is not None
            member.knows = (path.destination,)
            member.kill()
        mesh.switchboard.is_down = True
        mesh.run_for(1.0)
        mesh.start()
        self.assertTrue(mesh.run_until_connected(10.0))

    def test_twelve_members_form_a_full_mesh(self) -> None:
        mesh = VirtualMesh(7)
        kinds = list(PUNCHABLE.values())
        for number in range(12):
            mesh.add_member(f"m{number}", kinds[number % 4])
        mesh.start()
        self.assertTrue(mesh.run_until_connected(10.0))
        self.assertLess(mesh.clock.now - 1000.0, 2.0)
        everyone = list(mesh.members.values())
        for one in everyone:
            for other in everyone:
                if one is not other:
                    one.send(other, one.name.encode())
        mesh.run_for(0.1)
        for one in everyone:
            names = sorted(payload.decode() for _, _, payload in one.inbox)
            self.assertEqual(names, sorted(each.name for each in everyone if each is not one))

    def test_a_run_is_given_by_its_seed(self) -> None:
        def run() -> tuple[int, list[tuple[float, str]]]:
            mesh, ann, bob = pair("same", quality=LOSSY)
            mesh.start()
            mesh.run_for(20.0)
            return mesh.internet.sent, [(at, str(event)) for at, event in ann.log + bob.log]

        self.assertEqual(run(), run())


class RekeyTests(SynchronousTestCase):
    """Sessions are renewed every two minutes and nobody notices."""

    def test_two_renewals_under_traffic_lose_nothing(self) -> None:
        mesh, ann, bob = connected_pair(1)
        for number in range(1200):
            ann.send(bob, b"a%d" % number)
            bob.send(ann, b"b%d" % number)
            mesh.run_for(0.25)
        mesh.run_for(1.0)
        self.assertEqual(bob.received(ann), [b"a%d" % number for number in range(1200)])
        self.assertEqual(ann.received(bob), [b"b%d" % number for number in range(1200)])
        age = ann.status(bob).handshake_age
        assert age is not None
        self.assertLess(age, 125.0)
        for member in (ann, bob):
            self.assertEqual(member.plane.session_count, len(member.node._context.indexes))
            self.assertLessEqual(member.plane.session_count, 3)
            self.assertEqual(len(changes_of_path(member)), 1)

    def test_an_idle_pair_stays_connected(self) -> None:
        mesh, ann, bob = connected_pair(2)
        mesh.run_for(600.0)
        self.assertTrue(mesh.is_connected())
        ann.send(bob, b"still there")
        mesh.run_for(0.05)
        self.assertEqual(bob.received(ann), [b"still there"])


class RestartTests(SynchronousTestCase):
    """A process that ends without a word, comes back with the same identity and nothing else."""

    def seconds_until_frames_pass(self, mesh: VirtualMesh, one: Member, other: Member) -> float:
        began_at = mesh.clock.now
        while mesh.clock.now - began_at < 30.0:
            one.send(other, b"%f" % mesh.clock.now)
            other.send(one, b"%f" % mesh.clock.now)
            mesh.run_for(0.05)
            if all(any(float(payload) >= began_at for _, _, payload in each.inbox) for each in (one, other)):
                return mesh.clock.now - began_at
        return 30.0

    def test_frames_pass_again_within_two_seconds(self) -> None:
        for is_down in (False, True):
            for seed in range(SEEDS):
                mesh, ann, bob = connected_pair(seed)
                mesh.switchboard.is_down = is_down
                for victim, other in ((ann, bob), (bob, ann)):
                    path = victim.status(other).path
                    assert path is not None
                    victim.knows = (path.destination,)
                    victim.kill()
                    mesh.run_for(0.5)
                    victim.start()
                    seconds = self.seconds_until_frames_pass(mesh, victim, other)
                    self.assertLess(seconds, 2.5, (is_down, seed, victim.name))
                    mesh.run_for(5.0)

    def test_a_clock_set_back_a_year_does_not_lock_a_node_out(self) -> None:
        for keeps_mark in (True, False):
            for seed in range(6):
                mesh, ann, bob = pair(seed)
                bob.unix_wrong_by, bob.keeps_mark = 365 * 86400.0, keeps_mark
                mesh.start()
                self.assertTrue(mesh.run_until_connected(5.0))
                bob.kill()
                bob.unix_wrong_by = 0.0
                bob.start()
                began_at = mesh.clock.now
                seconds = self.seconds_until_frames_pass(mesh, ann, bob)
                self.assertLess(seconds, 3.0, (keeps_mark, seed, began_at))

    def test_a_goodbye_is_told_and_believed(self) -> None:
        mesh, ann, bob = connected_pair(3)
        ann.shut_down()
        mesh.run_for(0.1)
        status = bob.status(ann)
        self.assertIs(status.state, PeerState.UNREACHABLE)
        self.assertEqual(status.reason, "the peer has shut down")
        self.assertEqual(bob.plane.session_count, 0)
        self.assertEqual(len(bob.node._context.indexes), 0)
        mesh.run_for(20.0)
        ann.start()
        self.assertTrue(mesh.run_until_connected(2.0))

    def test_a_peer_that_vanishes_is_found_out_and_costs_little(self) -> None:
        mesh, ann, bob = connected_pair(4)
        bob.kill()
        died_at = mesh.clock.now
        mesh.run_for(3.0)
        last = changes_of_path(ann)[-1]
        self.assertIsNone(last.destination)
        noticed = next(at for at, event in ann.log if isinstance(event, PathSelected) and event.destination is None)
        self.assertLess(noticed - died_at, 2.0)
        mesh.run_for(117.0)
        self.assertIs(ann.status(bob).state, PeerState.UNREACHABLE)
        before = mesh.internet.sent
        mesh.run_for(600.0)
        self.assertLess((mesh.internet.sent - before) / 600.0, 2.0, "datagrams a second for an absent peer")
        bob.start()
        self.assertTrue(mesh.run_until_connected(2.0))


class KeyTests(SynchronousTestCase):
    """Only members with the network's key are talked to."""

    def test_another_network_key_never_connects_and_says_why(self) -> None:
        mesh, ann, bob = pair(1)
        bob.psk = bytes(32)
        mesh.start()
        self.assertFalse(mesh.run_until_connected(10.0))
        for status in (ann.status(bob), bob.status(ann)):
            self.assertIn("same network key", status.reason)
        ann.send(bob, b"secret")
        mesh.run_for(200.0)
        self.assertEqual(bob.inbox, [])
        self.assertLessEqual(ann.plane.session_count + bob.plane.session_count, 2)

    def test_the_right_key_after_the_wrong_one_connects(self) -> None:
        mesh, _, bob = pair(2)
        wrong, bob.psk = bob.psk, bytes(32)
        mesh.start()
        mesh.run_for(5.0)
        bob.kill()
        bob.psk = wrong
        bob.start()
        self.assertTrue(mesh.run_until_connected(3.0))


class RoamingTests(SynchronousTestCase):
    """A machine that is elsewhere all of a sudden keeps its sessions."""

    def test_a_move_costs_a_third_of_a_second_and_no_handshake(self) -> None:
        for kind in (None, FULL_CONE, PORT_RESTRICTED):
            for seed in range(5):
                mesh, ann, bob = connected_pair(seed)
                handshakes = len(ann.node._context.indexes)
                moved_at = mesh.clock.now
                ann.move(mesh.internet.add_site("cafe", kind))
                for number in range(500):
                    ann.send(bob, b"a%d" % number)
                    bob.send(ann, b"b%d" % number)
                    mesh.run_for(0.01)
                for member in (ann, bob):
                    self.assertLess(longest_silence(member, moved_at, mesh.clock.now), 0.35, (kind, seed))
                self.assertEqual(len(ann.node._context.indexes), handshakes)

    def test_a_nat_that_forgets_everything_is_survived(self) -> None:
        for seed in range(5):
            mesh, ann, bob = connected_pair(seed)
            assert ann.host.site.nat is not None
            ann.host.site.nat.reboot()
            rebooted_at = mesh.clock.now
            for number in range(500):
                ann.send(bob, b"a%d" % number)
                bob.send(ann, b"b%d" % number)
                mesh.run_for(0.01)
            for member in (ann, bob):
                self.assertLess(longest_silence(member, rebooted_at, mesh.clock.now), 3.0, seed)

    def test_an_outage_of_the_link_ends_when_the_link_is_back(self) -> None:
        mesh, ann, _ = connected_pair(1)
        links = (ann.host.site.uplink, ann.host.site.downlink)
        for link in links:
            link.is_cut = True
        mesh.run_for(20.0)
        self.assertFalse(mesh.is_connected())
        lost = [event for _, event in ann.log if isinstance(event, PeerStateChanged) and event.reason]
        self.assertEqual(lost[0].reason, "the path to the peer stopped answering")
        for link in links:
            link.is_cut = False
        self.assertTrue(mesh.run_until_connected(8.0))

    def test_the_host_that_forwards_datagrams_elsewhere_does_not_take_the_path(self) -> None:
        """An authentic datagram from another address moves nothing until that address answers a probe."""
        mesh, ann, bob = connected_pair(2)
        before = changes_of_path(ann)
        thief = mesh.internet.add_host("thief", mesh.internet.add_site("thief"))
        stolen: list[bytes] = []
        mesh.internet.on_datagram = lambda source, destination, payload: stolen.append(payload)
        bob.send(ann, b"take me")
        mesh.run_for(0.011)
        mesh.internet.on_datagram = None
        ann.host.site.downlink.is_cut = True
        mesh.run_for(0.02)
        ann.host.site.downlink.is_cut = False
        for payload in stolen:
            ann.plane.receive_datagram(payload, thief.address(4000))
        mesh.run_for(10.0)
        self.assertIn(b"take me", ann.received(bob))
        self.assertEqual(changes_of_path(ann), before)
        self.assertTrue(mesh.is_connected())


class FloodTests(SynchronousTestCase):
    """Strangers cost counters."""

    def test_recorded_initiations_gain_nothing(self) -> None:
        mesh, ann, bob = pair(1)
        recorded: list[bytes] = []
        mesh.internet.on_datagram = lambda source, destination, payload: recorded.append(payload)
        mesh.start()
        self.assertTrue(mesh.run_until_connected(5.0))
        mesh.run_for(REKEY_AFTER_SECONDS + 3.0)
        mesh.internet.on_datagram = None
        initiations = [payload for payload in recorded if payload[0] == 0x90]
        self.assertTrue(initiations)
        stranger = mesh.internet.add_host("stranger", mesh.internet.add_site("stranger")).address(666)
        sizes = [(each.plane.session_count, len(each.node._context.indexes)) for each in (ann, bob)]
        for member in (ann, bob):
            for payload in initiations * 20:
                member.driven.receive(payload, stranger)
        mesh.run_for(0.1)
        self.assertEqual([(each.plane.session_count, len(each.node._context.indexes)) for each in (ann, bob)], sizes)
        refused = [each.node.counters().refusals for each in (ann, bob)]
        self.assertGreater(sum(each[Refusal.REPLAYED_INITIATION] for each in refused), 0)
        self.assertTrue(mesh.is_connected())

    def test_a_flood_of_right_mac1_meets_cookies_and_members_still_get_in(self) -> None:
        """A stranger who knows the public key and the network floods; a member connects during it."""
        mesh, ann, bob = pair(2, None, None)
        ann.start()
        rng = seeded_bytes("stranger")
        stranger = Identity.generate(rng)
        initiator = Initiator(stranger, ann.identity.static_public, NETWORK, PSK, Suite.CHACHAPOLY, rng)
        datagram = initiator.create_initiation(1, bytes(12))
        host = mesh.internet.add_host("stranger", mesh.internet.add_site("stranger"))

        def flood() -> None:
            for _ in range(4):
                mesh.internet.send(host, 666, ann.driven.address, datagram)
            mesh.clock.call_later(0.01, flood)

        flood()
        mesh.run_for(2.0)
        bob.start()
        self.assertTrue(mesh.run_until_connected(5.0))
        refused = ann.node.counters().refusals
        self.assertGreater(refused[Refusal.COOKIE_DEMANDED], 100)
        self.assertGreater(refused[Refusal.UNKNOWN_PEER], 0)
        self.assertEqual(len(ann.node.peer_status(0.0)), 1)
        self.assertLessEqual(len(ann.node._context.indexes), 2)
        self.assertLess(ann.node._directory.transaction_count, 200)
