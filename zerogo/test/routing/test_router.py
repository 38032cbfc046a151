"""Routers that ask and tell each other, and what the hostile among them gain."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.ids import NodeId
from zerogo.routing.links import LinkState
from zerogo.routing.router import BURST_BYTES, BURST_MESSAGES, BYTES_PER_SECOND, Router, RouterRefusal, RoutesChanged
from zerogo.test.routing.parts import ANN, BOB, CAT, DAN, EVE, EVERYBODY, NEAR, Table, advert, router
from zerogo.wire.links import AdvertisedLink, LinkAdvert, LinkRequest, emit_advert, parse_advert, parse_request

PERFECT = AdvertisedLink(CAT, 0)


class FindingTests(SynchronousTestCase):
    """From a want to routes."""

    def test_through_one(self) -> None:
        table = Table((ANN, BOB), (BOB, CAT))
        table.want(ANN, CAT)
        self.assertEqual(table.hops(ANN, CAT), [(BOB, CAT)])
        self.assertIn(RoutesChanged(CAT), list(table.routers[ANN].events()))

    def test_through_two(self) -> None:
        table = Table((ANN, BOB), (BOB, CAT), (CAT, DAN))
        table.want(ANN, DAN)
        table.wait(1.0)
        self.assertEqual(table.hops(ANN, DAN), [(BOB, CAT, DAN)])

    def test_through_three_members_is_too_far(self) -> None:
        table = Table((ANN, BOB), (BOB, CAT), (CAT, DAN), (DAN, EVE))
        table.want(ANN, EVE)
        table.wait(3.0)
        self.assertEqual(table.hops(ANN, EVE), [])

    def test_a_neighbour_that_comes_later_is_asked(self) -> None:
        table = Table((BOB, CAT))
        table.want(ANN, CAT)
        table.link(ANN, BOB)
        table.wait(0.3)
        self.assertEqual(table.hops(ANN, CAT), [(BOB, CAT)])

    def test_a_link_in_the_middle_that_comes_later_is_told(self) -> None:
        table = Table((ANN, BOB), (CAT, DAN))
        table.want(ANN, DAN)
        table.wait(20.0)
        table.link(BOB, CAT)
        table.wait(1.0)
        self.assertEqual(table.hops(ANN, DAN), [(BOB, CAT, DAN)])

    def test_a_link_that_goes_is_told(self) -> None:
        table = Table((ANN, BOB), (BOB, CAT))
        table.want(ANN, CAT)
        table.link(BOB, CAT, None)
        self.assertEqual(table.hops(ANN, CAT), [])

    def test_lost_questions_are_asked_again(self) -> None:
        table = Table((ANN, BOB), (BOB, CAT))
        table.is_silent = True
        table.want(ANN, CAT)
        table.is_silent = False
        table.wait(1.3)
        self.assertEqual(table.hops(ANN, CAT), [(BOB, CAT)])

    def test_who_does_not_carry_tells_nothing(self) -> None:
        table = Table()
        table.routers[BOB] = router(BOB, carries=False)
        table.link(ANN, BOB)
        table.link(BOB, CAT)
        table.want(ANN, CAT)
        self.assertEqual(table.hops(ANN, CAT), [])
        self.assertEqual(table.routers[BOB].refusals[RouterRefusal.FOREIGN], 1)

    def test_without_carriers_nothing_is_asked(self) -> None:
        alone = router(ANN, carriers_limit=0)
        alone.set_link(BOB, NEAR, 0.0)
        alone.set_wanted(CAT, 0.0, is_wanted=True)
        self.assertEqual(list(alone.messages()), [])
        self.assertIsNone(alone.next_timer())

    def test_what_is_known_is_renewed_and_outlives_its_time(self) -> None:
        table = Table((ANN, BOB), (BOB, CAT))
        table.want(ANN, CAT)
        table.wait(600.0)
        self.assertEqual(table.hops(ANN, CAT), [(BOB, CAT)])

    def test_what_nobody_wants_any_more_falls_silent(self) -> None:
        table = Table((ANN, BOB), (BOB, CAT))
        table.want(ANN, CAT)
        table.routers[ANN].set_wanted(CAT, table.now, is_wanted=False)
        table.wait(300.0)
        before = len(table.log)
        table.wait(3000.0)
        self.assertEqual(len(table.log), before)

    def test_a_failed_route_rests_and_is_proposed_again(self) -> None:
        table = Table((ANN, BOB), (BOB, CAT), (ANN, DAN), (DAN, CAT))
        table.want(ANN, CAT)
        ann = table.routers[ANN]
        ann.route_failed((BOB, CAT), table.now)
        self.assertEqual(table.hops(ANN, CAT), [(DAN, CAT)])
        list(ann.events())
        table.wait(1.1)
        self.assertEqual(list(ann.events()), [RoutesChanged(CAT)])
        self.assertEqual(len(table.hops(ANN, CAT)), 2)

    def test_one_that_promises_and_does_not_carry_comes_last(self) -> None:
        table = Table((ANN, BOB), (BOB, CAT), (ANN, DAN), (DAN, CAT))
        table.link(DAN, CAT, LinkState(0.2))
        table.want(ANN, CAT)
        self.assertEqual(table.hops(ANN, CAT)[0], (BOB, CAT))
        for _ in range(4):
            table.routers[ANN].route_failed((BOB, CAT), table.now)
            table.wait(9.0)
        self.assertEqual(table.hops(ANN, CAT), [(DAN, CAT), (BOB, CAT)])
        self.assertIn(BOB, table.routers[ANN].trust.complaints(table.now))

    def test_who_has_found_enough_asks_no_further(self) -> None:
        ann = router(ANN)
        neighbours = [NodeId(bytes([number]) * 10) for number in range(1, 100)]
        for each in neighbours:
            ann.set_willing(each, is_willing=True)
            ann.set_link(each, NEAR, 0.0)
        ann.set_wanted(CAT, 0.0, is_wanted=True)
        asked = [to for to, _ in ann.messages()]
        for each in asked[:4]:
            ann.receive_advert(each, advert(each, 1, AdvertisedLink(CAT, 40)), 0.1)
        ann.handle_timer(0.3)
        self.assertEqual([to for to, _ in ann.messages()], [])

    def test_changes_are_told_as_differences(self) -> None:
        table = Table((ANN, BOB), (BOB, CAT), (BOB, DAN))
        table.want(ANN, CAT)
        table.want(ANN, DAN)
        table.wait(5.0)
        table.log.clear()
        table.link(BOB, DAN, LinkState(0.3))
        table.wait(2.0)
        told = [parse_advert(payload) for sender, _, payload in table.log if sender == BOB and payload[0] == 5]
        self.assertTrue(told)
        self.assertEqual({link.node for each in told for link in each.links}, {DAN})


class HostileTests(SynchronousTestCase):
    """What other members try."""

    def setUp(self) -> None:
        self.ann = router(ANN)
        self.ann.set_link(BOB, NEAR, 0.0)
        self.ann.set_wanted(CAT, 0.0, is_wanted=True)
        list(self.ann.messages())

    def refused(self, refusal: RouterRefusal, sender: NodeId, told: LinkAdvert, now: float = 1.0) -> None:
        """The advert changes nothing, and is counted as that."""
        before = self.ann.refusals[refusal]
        self.ann.receive_advert(sender, told, now)
        self.assertEqual(self.ann.refusals[refusal], before + 1)
        self.assertEqual(self.ann.routes(CAT, now), [])

    def test_a_forged_advert(self) -> None:
        made = advert(BOB, 1, PERFECT)
        self.refused(RouterRefusal.FORGED, BOB, LinkAdvert(BOB, 2, made.links, made.signature))
        self.refused(RouterRefusal.FORGED, BOB, LinkAdvert(DAN, 1, made.links, made.signature))

    def test_an_advert_of_an_unwilling_or_unknown_member_and_of_ourselves(self) -> None:
        self.ann.set_willing(DAN, is_willing=False)
        self.refused(RouterRefusal.FOREIGN, BOB, advert(DAN, 1, PERFECT))
        self.refused(RouterRefusal.FOREIGN, BOB, advert(NodeId(b"x" * 10), 1, PERFECT))
        self.refused(RouterRefusal.FOREIGN, BOB, advert(ANN, 1, PERFECT))

    def test_what_nobody_asked_for(self) -> None:
        self.refused(RouterRefusal.FOREIGN, BOB, advert(DAN, 1, AdvertisedLink(EVE, 3)))

    def test_a_replay_does_not_bring_a_link_back(self) -> None:
        old, new = advert(BOB, 1000, PERFECT), advert(BOB, 2000, AdvertisedLink(CAT, 255))
        self.ann.receive_advert(BOB, new, 1.0)
        self.ann.receive_advert(BOB, old, 2.0)
        self.assertEqual(self.ann.routes(CAT, 2.0), [])
        self.ann.receive_advert(BOB, advert(BOB, 10**6, AdvertisedLink(EVE, 3)), 3.0)
        self.refused(RouterRefusal.STALE, BOB, advert(BOB, 5, PERFECT), 4.0)

    def test_a_flood_is_dropped_unread(self) -> None:
        for number in range(BURST_MESSAGES):
            self.ann.receive_advert(BOB, advert(BOB, number, AdvertisedLink(CAT, 255)), 1.0)
        self.refused(RouterRefusal.FLOOD, BOB, advert(BOB, 999, PERFECT))
        self.ann.receive_request(BOB, LinkRequest((CAT,)), 1.0)
        self.assertEqual(self.ann.refusals[RouterRefusal.FLOOD], 2)
        self.ann.receive_advert(DAN, advert(DAN, 1, PERFECT), 1.0)

    def test_a_flood_of_requests_draws_bounded_bytes(self) -> None:
        self.ann.set_link(CAT, NEAR, 0.0)
        before, now = self.ann.bytes_sent, 0.0
        while now < 60.0:
            for number, sender in enumerate((BOB, CAT, DAN, EVE)):
                nodes = tuple(NodeId(bytes([number]) + int(now * 8).to_bytes(9, "big")) for _ in range(1))
                self.ann.receive_request(sender, LinkRequest((*nodes, CAT, BOB), ask_on=True), now)
            self.ann.handle_timer(now)
            now += 0.025
        self.assertLessEqual(self.ann.bytes_sent - before, BURST_BYTES + 60 * BYTES_PER_SECOND)

    @given(st.lists(st.tuples(st.sampled_from(EVERYBODY), st.integers(0, 5), st.data()), max_size=30))
    @settings(deadline=None, max_examples=60)
    def test_whatever_comes_it_stands(self, steps: list[tuple[NodeId, int, st.DataObject]]) -> None:
        node, now = router(ANN), 0.0
        for member, verb, data in steps:
            now += 0.5
            self.drive(node, member, verb, data, now)
            for to, payload in node.messages():
                self.assertIn(to, EVERYBODY)
                parse_request(payload) if payload[0] == 4 else emit_advert(parse_advert(payload))
            for each in EVERYBODY:
                for route in node.routes(each, now):
                    self.assertEqual(len({ANN, *route.hops}), len(route.hops) + 1)

    def drive(self, node: Router, member: NodeId, verb: int, data: st.DataObject, now: float) -> None:
        """One thing happens."""
        others = data.draw(st.lists(st.sampled_from(EVERYBODY), min_size=1, max_size=3))
        match verb:
            case 0 if member != ANN:
                node.set_link(member, data.draw(st.sampled_from([NEAR, None])), now)
            case 1:
                node.set_wanted(member, now, is_wanted=data.draw(st.booleans()))
            case 2:
                node.receive_request(member, LinkRequest(tuple(others), data.draw(st.booleans())), now)
            case 3:
                links = [AdvertisedLink(each, data.draw(st.integers(0, 255))) for each in others]
                node.receive_advert(data.draw(st.sampled_from(EVERYBODY)), advert(member, int(now * 2), *links), now)
            case 4:
                for route in node.routes(member, now):
                    node.route_failed(route.hops, now)
            case _:
                node.handle_timer(now)
