import random

from zerogo.control.gateway_messages import ClosedStream, Enter, Lease, LeaseRequest, Returned, Usage, UsageRow
from zerogo.exit.account import Account
from zerogo.exit.credit import LEASE_LEAST, LEASE_MOST
from zerogo.ids import NodeId
from zerogo.store import exit_gateways, exit_usage, exit_users
from zerogo.store.exit_values import KeyKind, Period, StatsKind, StatsRow, StoredPackage, StreamFilter
from zerogo.store.paging import Paging
from zerogo.test.store.stock import NOW, StoreCase

ONE, TWO = NodeId(b"1" * 10), NodeId(b"2" * 10)
BOOT = b"boot-one"
HOUR = 3600.0
CLOSED = ClosedStream("alice", "192.0.2.1", "e" * 16, "198.51.100.1", "x:443", "connect", NOW, 1.0, 5, 6, "closed")


class UsageTests(StoreCase):
    size = 10_000_000

    def setUp(self) -> None:
        super().setUp()
        package = StoredPackage(name="gold", size=self.size, seconds=HOUR)
        self.database.write(exit_users.create_package, package, "tester", NOW)
        self.database.write(exit_users.create_user, Account(name="alice"), "gold", "tester", NOW)
        _, self.secret = self.database.write(exit_gateways.create_key, KeyKind.GATEWAY, HOUR, "tester", self.rng, NOW)
        self.numbers = {ONE: 0, TWO: 0}
        self.held = {ONE: 0, TWO: 0}
        for gateway in (ONE, TWO):
            self.enter(gateway)

    def enter(self, gateway: NodeId, boot: bytes = BOOT) -> None:
        said = Enter(signing=bytes(32), boot=boot, secret=self.secret)
        self.assertIsNotNone(self.database.write(exit_gateways.enter, gateway, bytes(32), said, NOW))

    def use(self, gateway: NodeId, count: int, now: float = NOW, number: int | None = None) -> None:
        self.numbers[gateway] += 1
        self.held[gateway] -= count
        usage = Usage(number or self.numbers[gateway], [UsageRow("alice", "e" * 16, "de", count, 0, 1)])
        self.database.write(exit_usage.store_usage, gateway, BOOT, usage, now)

    def lease(self, gateway: NodeId, now: float = NOW) -> int:
        count = self.answer(gateway, now).count
        self.held[gateway] += count
        return count

    def answer(self, gateway: NodeId, now: float = NOW, user: str = "alice") -> Lease:
        request = LeaseRequest(user, 5, self.held[gateway])
        answer = self.database.write(exit_usage.lease, gateway, request, 2, now)
        self.assertEqual((answer.user, answer.number), (user, 5))
        return answer

    def used(self) -> int:
        return self.database.read(exit_users.find_user, "alice").used

    def test_used_and_leased_never_exceed_the_package_whatever_order_things_come_in(self) -> None:
        rng = random.Random(7)
        held = self.held
        total = 0
        for _ in range(80):
            gateway = rng.choice((ONE, TWO))
            if rng.random() < 0.5:
                self.lease(gateway)
            else:
                count = rng.randint(0, held[gateway])
                total += count
                self.use(gateway, count)
            user = self.database.read(exit_users.find_user, "alice")
            self.assertEqual((user.used, user.leased), (total, sum(held.values())))
            self.assertLessEqual(user.used + user.leased, self.size)

    def test_all_of_a_package_can_be_used_to_the_byte(self) -> None:
        while count := self.lease(ONE):
            self.use(ONE, count)
        self.assertEqual(self.used(), self.size)
        self.assertEqual(self.lease(TWO), 0)

    def test_a_batch_counts_once_and_one_of_an_older_start_not_at_all(self) -> None:
        self.use(ONE, 100)
        self.use(ONE, 100, number=1)
        self.assertEqual(self.used(), 100)
        self.enter(ONE, b"boot-two")
        self.use(ONE, 100)
        self.assertEqual(self.used(), 100)

    def test_what_a_gateway_leased_before_it_was_started_anew_can_be_leased_again(self) -> None:
        first = self.lease(ONE)
        self.enter(ONE, b"boot-two")
        self.assertEqual((first > 0, self.database.read(exit_users.find_user, "alice").leased), (True, 0))

    def test_credit_that_is_handed_back_is_free_again(self) -> None:
        count = self.lease(ONE)
        usage = Usage(1, returned=[Returned("alice", count)])
        self.database.write(exit_usage.store_usage, ONE, BOOT, usage, NOW)
        self.assertEqual(self.database.read(exit_users.find_user, "alice").leased, 0)

    def test_a_window_that_is_over_gives_all_of_it_again(self) -> None:
        while count := self.lease(ONE):
            self.use(ONE, count)
        answer = self.answer(ONE, NOW + HOUR - 10)
        self.assertEqual((answer.count, answer.retry_seconds, answer.is_waiting), (0, 10.0, False))
        self.assertGreater(self.lease(ONE, NOW + HOUR), 0)
        self.assertEqual(self.database.read(exit_users.find_user, "alice").window_at, NOW + HOUR)

    def test_users_without_a_package_need_no_credit_and_strangers_get_none(self) -> None:
        self.database.write(exit_users.change_user, "alice", {"package": None}, "tester", NOW)
        self.assertEqual(self.lease(ONE), 0)
        self.assertEqual(self.answer(ONE, user="eve").count, 0)

    def test_what_other_gateways_hold_is_waited_for(self) -> None:
        while self.lease(ONE):
            pass
        answer = self.answer(TWO)
        self.assertEqual((answer.count, answer.is_waiting), (0, True))

    def test_what_was_used_beyond_a_lease_is_not_held_back_from_the_rest(self) -> None:
        beyond = 100_000
        self.use(ONE, self.lease(ONE) + beyond)
        while self.lease(ONE):
            pass
        self.assertEqual(self.held[ONE], self.size - self.used())
        self.use(ONE, self.held[ONE])
        self.assertEqual((self.used(), self.answer(TWO).is_waiting), (self.size, False))

    def test_an_answer_that_never_came_is_not_held_back_once_the_gateway_asks_again(self) -> None:
        lost = self.lease(ONE)
        self.held[ONE] -= lost
        self.assertEqual(self.lease(ONE), lost)
        self.assertEqual(self.database.read(exit_users.find_user, "alice").leased, lost)

    def test_leases_are_a_part_of_what_is_left(self) -> None:
        self.assertEqual(self.lease(ONE), self.size // 4)
        self.assertLess(LEASE_LEAST, LEASE_MOST)

    def test_statistics_are_kept_by_user_edge_and_country_in_minutes_hours_and_days(self) -> None:
        self.use(ONE, 100)
        self.use(TWO, 50, NOW + 60)
        for kind, subject in ((StatsKind.USER, "alice"), (StatsKind.EDGE, "e" * 16), (StatsKind.COUNTRY, "de")):
            minutes = self.rows(kind, Period.MINUTE)
            self.assertEqual(
                [(row.subject, row.up, row.streams) for row in minutes], [(subject, 100, 1), (subject, 50, 1)]
            )
            for period in (Period.HOUR, Period.DAY):
                self.assertEqual([(row.up, row.streams) for row in self.rows(kind, period)], [(150, 2)])
        self.database.write(exit_usage.forget_old, 60.0, NOW + 3 * 86_400)
        self.assertEqual(self.rows(StatsKind.USER, Period.MINUTE), [])
        self.assertEqual(len(self.rows(StatsKind.USER, Period.HOUR)), 1)

    def rows(self, kind: StatsKind, period: Period) -> list[StatsRow]:
        return self.database.read(exit_usage.read_stats, kind, period, None, NOW - 86_400, NOW + 86_400)

    def test_streams_are_kept_for_as_long_as_they_may(self) -> None:
        usage = Usage(1, closed=[CLOSED, CLOSED])
        self.database.write(exit_usage.store_usage, ONE, BOOT, usage, NOW)
        found = self.database.read(exit_usage.list_streams, StreamFilter(user="alice"), Paging(1))
        self.assertEqual((found.items[0].target, found.items[0].down, found.next), ("x:443", 6, (2,)))
        self.database.write(exit_usage.forget_old, 60.0, NOW + 61)
        self.assertEqual(list(self.database.read(exit_usage.list_streams, StreamFilter(), Paging()).items), [])
