"""Hard NATs: what each end does, and what a peer that lies can make it do."""

from __future__ import annotations

from itertools import pairwise

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from zerogo.ice.agent import IceAgent
from zerogo.ice.candidate import Candidate
from zerogo.ice.fan import BIRTHDAY_SOCKETS, BLOCK_SOCKETS, SOUNDING_SOCKETS
from zerogo.ice.nature import NatBehaviour, NatMapping, PortPattern
from zerogo.ice.prediction import PortWindow
from zerogo.ice.spray import BUDGET_PROBES_PER_ADDRESS, PROBES_LIMIT
from zerogo.ids import SocketAddress
from zerogo.mesh.credentials import derive_pair_secrets
from zerogo.mesh.easy_end import WINDOW_SECONDS, EasyEnd
from zerogo.mesh.events import SideSocketsDropped, SideSocketsWanted
from zerogo.mesh.hard_end import OPENING_SECONDS, SOUND_AFTER_SECONDS, HardEnd, Stage
from zerogo.mesh.punch_desk import BACKOFF_SECONDS, NARROW_BACKOFF_SECONDS, SPRAYS_LIMIT, PunchDesk, backoff
from zerogo.mesh.signal import Offer
from zerogo.test.mesh.parts import ANN, BOB, NETWORK, context, drained
from zerogo.testing.mesh import Member, VirtualMesh
from zerogo.testing.nat import (
    PORT_BLOCK,
    PORT_RESTRICTED,
    SYMMETRIC_RANDOM,
    SYMMETRIC_SEQUENTIAL,
)
from zerogo.testing.nat import (
    NatBehaviour as Behaviour,
)

HOST = SocketAddress("192.168.1.2", 9993)
OUTER = SocketAddress("192.0.2.7", 31000)
HARD_OFFER = Offer(
    candidates=(Candidate.host(HOST), Candidate.server_reflexive(OUTER, HOST, SocketAddress("198.51.100.1", 3478))),
    nat=NatBehaviour(mapping=NatMapping.PER_DESTINATION, ports=PortPattern.RANDOM),
)
EASY_OFFER = evolve(HARD_OFFER, nat=NatBehaviour(mapping=NatMapping.STABLE))


def window(number: int, host: str = OUTER.host) -> PortWindow:
    """All ports."""
    return PortWindow(number=number, host=host, low=1024, high=65535, sockets=256)


def agent() -> IceAgent:
    """One that has found nothing."""
    secrets = derive_pair_secrets(ANN, BOB.static_public, NETWORK)
    rng = context().rng
    return IceAgent(controlling=True, local=secrets.local, remote=secrets.remote, tie_breaker=1, rng=rng)


def probes(end: EasyEnd, ice: IceAgent, since: float, until: float) -> list[SocketAddress]:
    """Where an end sends probes in that time."""
    sent = []
    for moment in range(round((until - since) / 0.01)):
        sent += [destination for destination, _ in end.take_due(ice, since + moment * 0.01)]
    return sent


class EasyEndTests(SynchronousTestCase):
    """It tries ports only where it should, and not for ever."""

    def setUp(self) -> None:
        self.desk = PunchDesk()
        self.end = EasyEnd(context(), self.desk, 1)
        self.ice = agent()

    def test_a_window_is_tried_once(self) -> None:
        for _ in range(3):
            self.end.told(window(1), HARD_OFFER, self.ice, 0.0)
        sent = probes(self.end, self.ice, 0.0, 5.0)
        self.assertEqual((len(sent), self.end.tries), (PROBES_LIMIT, 1))
        self.assertEqual({destination.host for destination in sent}, {OUTER.host})

    def test_an_address_that_is_no_candidate_of_the_peer_is_left_alone(self) -> None:
        for told, offer in (
            (window(1, "203.0.113.9"), HARD_OFFER),
            (window(2, HOST.host), HARD_OFFER),
            (window(3), EASY_OFFER),
            (window(4, "255.255.255.255"), HARD_OFFER),
        ):
            self.end.told(told, offer, self.ice, 0.0)
        self.assertEqual(probes(self.end, self.ice, 0.0, 5.0), [])

    def test_who_asks_again_and_again_waits_longer_and_longer(self) -> None:
        tried_at = []
        for second in range(1000):
            before = self.end.tries
            self.end.told(window(second), HARD_OFFER, self.ice, float(second))
            probes(self.end, self.ice, float(second), second + 1.0)
            if self.end.tries > before:
                tried_at.append(second)
        self.assertLessEqual(len(tried_at), 2 + len(BACKOFF_SECONDS) + 2)
        self.assertGreaterEqual(tried_at[-1] - tried_at[-2], 0.8 * BACKOFF_SECONDS[-1])

    def test_a_few_ports_are_tried_again_every_minute_whatever_was_before(self) -> None:
        tried_at = []
        for second in range(300):
            before = self.end.tries
            narrow = PortWindow(number=second, host=OUTER.host, low=31000, high=31030, sockets=8)
            self.end.told(narrow, HARD_OFFER, self.ice, float(second))
            probes(self.end, self.ice, float(second), second + 1.0)
            if self.end.tries > before:
                tried_at.append(second)
        gaps = [later - earlier for earlier, later in pairwise(tried_at)]
        self.assertTrue(30 <= gaps[-1] == max(gaps) <= 40, gaps)

    def test_one_address_gets_no_more_than_its_share_whoever_names_it(self) -> None:
        ends = [EasyEnd(context(), self.desk, number) for number in range(1, 9)]
        sent = 0
        for end in ends:
            end.told(window(1), HARD_OFFER, self.ice, 0.0)
            sent += len(probes(end, self.ice, 0.0, 5.0))
        self.assertEqual(sent, BUDGET_PROBES_PER_ADDRESS)

    def test_who_finds_no_place_waits_a_little_and_then_forgets_the_window(self) -> None:
        for number in range(SPRAYS_LIMIT):
            self.desk.take_spray(100 + number)
        self.end.told(window(1), HARD_OFFER, self.ice, 0.0)
        self.assertEqual(probes(self.end, self.ice, 0.0, WINDOW_SECONDS + 1.0), [])
        self.desk.leave_spray(100)
        self.assertEqual(probes(self.end, self.ice, WINDOW_SECONDS + 1.0, WINDOW_SECONDS + 3.0), [])
        self.assertIsNone(self.end.next_at())

    def test_a_pair_that_is_found_ends_it_and_gives_back_what_was_not_sent(self) -> None:
        self.end.told(window(1), HARD_OFFER, self.ice, 0.0)
        sent = len(probes(self.end, self.ice, 0.0, 0.1))
        self.end.found()
        self.assertEqual(probes(self.end, self.ice, 0.1, 1.0), [])
        self.assertEqual(self.desk.budget.take(OUTER.host, 9999, 0.1), BUDGET_PROBES_PER_ADDRESS - sent)


class HardEndTests(SynchronousTestCase):
    """Opening sockets."""

    def setUp(self) -> None:
        self.shared = context()
        self.end = HardEnd(self.shared, self.shared.punches, 1)
        self.ice = agent()

    def begin(self) -> None:
        """Up to the wish for sockets."""
        self.end.begin(EASY_OFFER, crosses=False, began_at=0.0, now=0.0)
        self.end.handle_timer(self.ice, SOUND_AFTER_SECONDS)

    def test_a_few_sockets_are_wanted_after_a_while(self) -> None:
        self.end.begin(EASY_OFFER, crosses=False, began_at=0.0, now=0.0)
        self.end.handle_timer(self.ice, SOUND_AFTER_SECONDS - 0.01)
        self.assertEqual(drained(self.shared), [])
        self.end.handle_timer(self.ice, SOUND_AFTER_SECONDS)
        self.assertEqual(drained(self.shared), [SideSocketsWanted(1, SOUNDING_SOCKETS)])

    def test_without_any_socket_the_try_ends_and_another_follows(self) -> None:
        self.begin()
        self.end.sockets_opened_by_driver([], 0.3)
        self.assertIs(self.end.stage, Stage.WAITING)
        self.assertTrue(self.shared.punches.take_fan(2))
        self.shared.punches.leave_fan(2)
        drained(self.shared)
        self.end.handle_timer(self.ice, 0.3 + NARROW_BACKOFF_SECONDS[0])
        self.assertEqual(drained(self.shared), [SideSocketsWanted(1, SOUNDING_SOCKETS)])

    def test_a_driver_that_says_nothing_is_not_waited_for(self) -> None:
        self.begin()
        self.end.handle_timer(self.ice, SOUND_AFTER_SECONDS + OPENING_SECONDS)
        self.assertIs(self.end.stage, Stage.WAITING)
        drained(self.shared)
        self.end.sockets_opened_by_driver([1, 2], 3.0)
        self.assertEqual(drained(self.shared), [SideSocketsDropped((1, 2))])
        self.end.handle_timer(self.ice, 9.0)
        self.assertEqual(drained(self.shared), [SideSocketsWanted(1, SOUNDING_SOCKETS)], "sockets that came late")

    def test_one_peer_at_a_time(self) -> None:
        self.shared.punches.take_fan(2)
        self.begin()
        self.assertEqual(drained(self.shared), [])
        self.shared.punches.leave_fan(2)
        self.end.handle_timer(self.ice, 1.0)
        self.assertEqual(drained(self.shared), [SideSocketsWanted(1, SOUNDING_SOCKETS)])

    def test_a_peer_without_an_outer_address_is_not_tried(self) -> None:
        self.end.begin(Offer(candidates=(Candidate.host(HOST),)), crosses=False, began_at=0.0, now=0.0)
        self.assertIs(self.end.stage, Stage.IDLE)

    def test_tries_follow_each_other_later_and_later(self) -> None:
        wide = [backoff(number, window(1)) for number in range(1, 8)]
        self.assertEqual(wide, [5.0, 15.0, 30.0, 60.0, 60.0, 300.0, 300.0])
        self.assertEqual([backoff(number, None) for number in range(1, 6)], [5.0, 10.0, 20.0, 40.0, 40.0])


class WholeTests(SynchronousTestCase):
    """Both ends over the simulated internet."""

    def pair(self, seed: int, one: Behaviour, other: Behaviour = PORT_RESTRICTED) -> tuple[VirtualMesh, Member, Member]:
        """Two members that were given six seconds."""
        mesh = VirtualMesh(seed)
        ann, bob = mesh.add_member("ann", one), mesh.add_member("bob", other)
        mesh.start()
        mesh.run_for(6.0)
        return mesh, ann, bob

    def test_side_sockets_are_opened_as_the_nat_asks_for_and_one_stays(self) -> None:
        for nat, sockets in (
            (SYMMETRIC_SEQUENTIAL, SOUNDING_SOCKETS),
            (PORT_BLOCK, BLOCK_SOCKETS),
            (SYMMETRIC_RANDOM, BIRTHDAY_SOCKETS),
        ):
            _, ann, bob = self.pair(1, nat)
            self.assertTrue(ann.is_direct_to(bob) and bob.is_direct_to(ann))
            self.assertEqual((ann.sides.opened, bob.sides.opened), (sockets, 0))
            self.assertLessEqual(ann.sides.count, 1)
            self.assertLessEqual(ann.node.probes_sent + bob.node.probes_sent, 2048)

    def test_frames_flow_both_ways_by_a_side_socket_and_it_goes_with_the_process(self) -> None:
        mesh, ann, bob = self.pair(2, SYMMETRIC_RANDOM)
        ann.send(bob, b"there")
        bob.send(ann, b"and back")
        mesh.run_for(0.5)
        self.assertEqual((bob.received(ann), ann.received(bob)), ([b"there"], [b"and back"]))
        self.assertEqual(ann.sides.count, 1)
        ann.shut_down()
        self.assertEqual(ann.sides.count, 0)

    def test_a_path_by_a_side_socket_lives_on(self) -> None:
        mesh, ann, bob = self.pair(3, SYMMETRIC_RANDOM)
        since = mesh.clock.now
        mesh.run_for(70.0)
        self.assertTrue(ann.is_direct_to(bob))
        self.assertEqual([at for at, event in ann.log if at > since and "unreachable" in str(event)], [])

    def test_nothing_is_opened_for_a_hopeless_pair(self) -> None:
        _, ann, bob = self.pair(4, SYMMETRIC_RANDOM, SYMMETRIC_RANDOM)
        self.assertFalse(ann.is_connected_to(bob))
        self.assertEqual((ann.sides.opened, bob.sides.opened), (0, 0))
        self.assertIn("each end is behind a symmetric NAT", ann.status(bob).reason)

    def test_a_pair_that_counts_and_was_not_found_in_time_is_tried_again_within_a_minute(self) -> None:
        for minutes in (1, 4):
            mesh = VirtualMesh(6)
            ann, bob = mesh.add_member("ann", SYMMETRIC_SEQUENTIAL), mesh.add_member("bob", PORT_RESTRICTED)
            mesh.start()
            ann.sides.limit = 0
            mesh.run_for(60.0 * minutes)
            self.assertFalse(ann.is_direct_to(bob))
            ann.sides.limit = SOUNDING_SOCKETS
            mesh.run_for(50.0)
            self.assertTrue(ann.is_direct_to(bob) and bob.is_direct_to(ann), minutes)

    def test_where_few_sockets_may_be_opened_those_must_do(self) -> None:
        mesh = VirtualMesh(5)
        ann, bob = mesh.add_member("ann", PORT_BLOCK), mesh.add_member("bob", PORT_RESTRICTED)
        mesh.start()
        ann.sides.limit = 20
        mesh.run_for(6.0)
        self.assertTrue(ann.is_direct_to(bob))
