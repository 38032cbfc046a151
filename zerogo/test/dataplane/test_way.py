from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.dataplane.place import CHANNEL, ROUTE
from zerogo.dataplane.way import PATH_MTU_MAXIMUM, PATH_MTU_MINIMUM, Courses, Way
from zerogo.wire.transport import Band

OWN = b"o" * 10
HERE = ("192.0.2.1", 1)
THERE = (CHANNEL, 0x4001, "192.0.2.9", 3478)
BY = (ROUTE, b"a" * 10, b"b" * 10)


class WayTests(SynchronousTestCase):
    def test_a_path_is_taken_to_carry_a_minimum(self) -> None:
        self.assertEqual(PATH_MTU_MINIMUM, Way(HERE, 10, OWN).mtu)
        self.assertEqual(PATH_MTU_MAXIMUM, Way(HERE, 1 << 20, OWN).mtu)

    def test_a_route_begins_with_us(self) -> None:
        way = Way(BY, 1300, OWN)
        self.assertEqual((OWN, b"a" * 10, b"b" * 10), way.route)
        self.assertTrue(way.is_valid)

    def test_a_route_that_cannot_be_is_known_as_such(self) -> None:
        for place in ((ROUTE, b"a" * 10), (ROUTE, OWN, b"b" * 10), (ROUTE, *(bytes([n]) * 10 for n in range(4)))):
            self.assertFalse(Way(place, 1300, OWN).is_valid)


class CoursesTests(SynchronousTestCase):
    def test_one_way_is_one_course_for_all_bands(self) -> None:
        courses = Courses(1, ((HERE, 1400), None, (), None, None), OWN)
        self.assertEqual(1, len({id(course) for row in courses.by_band for course in row}))
        self.assertEqual([HERE], courses.places)

    def test_only_real_time_has_a_twin_and_fits_both(self) -> None:
        courses = Courses(1, ((HERE, 1400), (THERE, 1300), (), None, None), OWN)
        twins = [row[0].twin and row[0].twin.place for row in courses.by_band]
        self.assertEqual([None, THERE, None], twins)
        self.assertEqual([1400, 1300, 1400], [row[0].mtu for row in courses.by_band])
        self.assertEqual([HERE, THERE], courses.places)

    def test_a_twin_that_is_the_way_itself_is_none(self) -> None:
        courses = Courses(1, ((HERE, 1400), (HERE, 1300), (), None, None), OWN)
        self.assertIsNone(courses.by_band[Band.REALTIME][0].twin)

    def test_only_real_time_has_late_copies_and_they_may_go_the_same_way(self) -> None:
        courses = Courses(1, ((HERE, 1400), None, (), (HERE, 1300), None), OWN)
        self.assertEqual([None, HERE, None], [row[0].late and row[0].late.place for row in courses.by_band])
        self.assertEqual([1400, 1300, 1400], [row[0].mtu for row in courses.by_band])

    def test_what_is_carried_goes_by_the_best_way_that_is_no_route(self) -> None:
        for plan, place in (
            (((BY, 1300), None, (), None, None), None),
            (((BY, 1300), None, ((BY, 1300), (HERE, 1400)), None, None), HERE),
            (((BY, 1300), (THERE, 1400), ((HERE, 1400),), None, None), THERE),
            (((HERE, 1300), (THERE, 1400), (), None, None), HERE),
            (((BY, 1300), None, (), (THERE, 1400), None), THERE),
            (((BY, 1300), None, (), None, (THERE, 1400)), THERE),
            (((HERE, 1300), None, (), None, (THERE, 1400)), THERE),
        ):
            hop = Courses(1, plan, OWN).hop
            self.assertEqual(place, hop and hop.way.place)

    def test_a_course_into_a_channel_has_room_for_its_header(self) -> None:
        courses = Courses(1, ((HERE, 1400), None, ((THERE, 1300),), None, None), OWN)
        self.assertEqual([0, 4], [course.wrap for course in courses.by_band[Band.BULK]])
