import json
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from zerogo.control.coordinator_events import Presence
from zerogo.control.relays import RelayPlace
from zerogo.controller.caller import Caller
from zerogo.controller.link_book import LinkBook
from zerogo.controller.live_documents import AREAS, Kind
from zerogo.controller.live_feed import (
    BEHIND_SECONDS,
    INTERVAL_SECONDS,
    NOT_ALLOWED,
    RECHECK_SECONDS,
    SETTLE_SECONDS,
    TRY_LATER,
    LiveFeed,
    kinds_for,
)
from zerogo.controller.routes import ROUTES
from zerogo.ids import NodeId
from zerogo.store import members, networks
from zerogo.store.errors import StoreBusy
from zerogo.store.values import Role
from zerogo.test.controller.stock import PromptStore
from zerogo.test.store.stock import NOW, StoreCase

OWNER = Caller("u1", "ann", Role.OWNER)
PRESENT = Presence(source="192.0.2.7", connected_seconds=1.0, rtt=0.01)


class Dashboard:
    """Notes what it was sent."""

    def __init__(self, caller: Caller = OWNER) -> None:
        self.caller = caller
        self.since = NOW
        self.got: list[Any] = []
        self.closed: list[int] = []

    def send(self, message: bytes) -> None:
        self.got.append(json.loads(message))

    def close(self, code: int, reason: str) -> None:
        self.closed.append(code)

    def take(self) -> list[Any]:
        got, self.got = self.got, []
        return got


class LiveFeedTests(StoreCase):
    def setUp(self) -> None:
        super().setUp()
        self.clock = Clock()
        self.store: Any = PromptStore(self.database)
        self.present: dict[NodeId, Presence] = {}
        self.good = True
        self.feed = LiveFeed(
            self.store,
            lambda network, of: self.present,
            [RelayPlace(name="here", udp=3478)],
            LinkBook(),
            self.clock,
            self.is_still_good,
        )
        self.addCleanup(self.feed.stop)
        self.laptop = self.join("laptop")

    def is_still_good(self, caller: Caller, since: float) -> Deferred[bool]:
        return succeed(self.good)

    def look(self, caller: Caller = OWNER) -> Dashboard:
        dashboard = Dashboard(caller)
        self.feed.join(dashboard)
        self.clock.advance(0)
        return dashboard

    def rename(self, name: str) -> None:
        self.database.write(
            members.change_member, self.network, self.laptop.node_id, {"name": name}, "tester", NOW, None
        )
        self.feed.network_touched(self.network)

    def changes(self, dashboard: Dashboard) -> list[tuple[str, str, Any]]:
        (message,) = dashboard.take()
        self.assertEqual(message["t"], "changes")
        return [(one["kind"], one["id"], one["value"]) for one in message["changes"]]

    def test_the_first_message_is_everything(self) -> None:
        (snapshot,) = self.look().take()
        self.assertEqual(snapshot["t"], "snapshot")
        self.assertEqual([each["name"] for each in snapshot["networks"]], ["home"])
        self.assertEqual([each["name"] for each in snapshot["members"]], ["laptop"])
        self.assertEqual([each["id"] for each in snapshot["relays"]], ["here"])

    def test_a_change_is_told_soon_and_the_next_after_the_interval(self) -> None:
        dashboard = self.look()
        self.clock.advance(1)
        dashboard.take()
        self.rename("desk")
        self.clock.advance(SETTLE_SECONDS)
        found = self.changes(dashboard)
        self.assertIn("desk", [value["name"] for kind, _, value in found if kind == "member"])
        self.rename("lamp")
        self.rename("bed")
        self.clock.advance(INTERVAL_SECONDS - 0.01)
        self.assertEqual(dashboard.take(), [])
        self.clock.advance(0.02)
        self.assertIn("bed", [value["name"] for kind, _, value in self.changes(dashboard) if kind == "member"])

    def test_a_member_that_went_is_shown_without_reading_the_store(self) -> None:
        self.present = {self.laptop.node_id: PRESENT}
        dashboard = self.look()
        self.assertTrue(dashboard.take()[0]["members"][0]["is_online"])
        self.present = {}
        self.store.read = lambda *args: fail(AssertionError("the store was read"))
        self.feed.member_touched(self.network, self.laptop.node_id)
        self.clock.advance(INTERVAL_SECONDS)
        ((kind, node_id, value),) = self.changes(dashboard)
        self.assertEqual((kind, node_id, value["is_online"]), ("member", str(self.laptop.node_id), False))

    def test_a_network_that_is_gone_is_null_and_so_are_its_members(self) -> None:
        dashboard = self.look()
        dashboard.take()
        self.database.write(networks.delete_network, self.network, "tester", NOW, None)
        self.feed.network_touched(self.network)
        self.clock.advance(INTERVAL_SECONDS)
        gone = {(kind, value) for kind, _, value in self.changes(dashboard)}
        self.assertEqual(gone, {("network", None), ("member", None)})

    def test_nothing_is_read_while_nobody_looks(self) -> None:
        self.store.read = lambda *args: fail(AssertionError("the store was read"))
        self.feed.network_touched(self.network)
        self.feed.member_touched(self.network, self.laptop.node_id)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_nothing_is_kept_when_the_last_looks_away(self) -> None:
        dashboard = self.look()
        self.feed.network_touched(self.network)
        self.feed.leave(dashboard)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertFalse(self.feed.is_watched)

    def test_a_second_dashboard_has_the_newest_picture_at_once(self) -> None:
        self.look()
        self.rename("desk")
        self.clock.advance(INTERVAL_SECONDS)
        second = Dashboard()
        self.feed.join(second)
        self.assertEqual(second.take()[0]["members"][0]["name"], "desk")

    def test_who_does_not_read_is_left_out_and_then_gets_everything(self) -> None:
        slow, quick = self.look(), self.look()
        slow.take()
        self.feed.congestion_changed(slow, True)
        self.rename("desk")
        self.clock.advance(INTERVAL_SECONDS)
        self.assertEqual(slow.take(), [])
        self.assertEqual(len(quick.take()), 2)
        self.feed.congestion_changed(slow, False)
        (snapshot,) = slow.take()
        self.assertEqual((snapshot["t"], snapshot["members"][0]["name"]), ("snapshot", "desk"))

    def test_who_does_not_read_for_long_is_closed(self) -> None:
        slow = self.look()
        self.feed.congestion_changed(slow, True)
        self.clock.pump([RECHECK_SECONDS] * int(BEHIND_SECONDS // RECHECK_SECONDS + 1))
        self.assertIn(TRY_LATER, slow.closed)

    def test_who_may_not_look_any_more_is_closed(self) -> None:
        dashboard = self.look()
        self.clock.advance(RECHECK_SECONDS)
        self.assertEqual(dashboard.closed, [])
        self.good = False
        self.clock.advance(RECHECK_SECONDS)
        self.assertEqual(dashboard.closed, [NOT_ALLOWED])

    def test_a_store_that_fails_is_asked_again(self) -> None:
        read, self.store.read = self.store.read, lambda *args: fail(StoreBusy("busy"))
        dashboard = self.look()
        self.assertEqual(dashboard.take(), [])
        self.store.read = read
        self.clock.advance(1)
        self.assertEqual(dashboard.take()[0]["t"], "snapshot")
        self.store.read = lambda *args: fail(StoreBusy("busy"))
        self.rename("desk")
        self.clock.advance(INTERVAL_SECONDS)
        self.store.read = read
        self.clock.advance(1)
        self.assertIn("desk", [value["name"] for kind, _, value in self.changes(dashboard) if kind == "member"])

    def test_who_may_see_nothing_by_rest_is_pushed_nothing(self) -> None:
        for caller in (Caller("u2", "bob", Role.USER), evolve(OWNER, scopes=frozenset({"users:read"}))):
            dashboard = self.look(caller)
            (snapshot,) = dashboard.take()
            self.assertEqual([snapshot[name] for name in ("networks", "members", "links", "relays")], [[]] * 4)
            self.rename("desk" + caller.name)
            self.clock.advance(INTERVAL_SECONDS)
            self.assertEqual(dashboard.take(), [])

    def test_what_is_not_pushed_is_said_to_be_out_of_date(self) -> None:
        dashboard, operator = self.look(), self.look(Caller("u2", "bob", Role.OPERATOR))
        for each in (dashboard, operator):
            each.take()
        for area in ("users", "webhooks", "users"):
            self.feed.area_outdated(area, "")
        self.clock.advance(INTERVAL_SECONDS)
        (told,) = dashboard.take()
        self.assertEqual(told["changes"], [])
        self.assertEqual(told["outdated"], [{"area": area, "network_id": ""} for area in ("users", "webhooks")])
        self.assertEqual(operator.take(), [])

    def test_a_scope_shows_what_it_reads(self) -> None:
        dashboard = self.look(evolve(OWNER, scopes=frozenset({"networks:read"})))
        (snapshot,) = dashboard.take()
        self.assertEqual((len(snapshot["networks"]), snapshot["members"]), (1, []))
        self.rename("desk")
        self.clock.advance(INTERVAL_SECONDS)
        self.assertEqual({kind for kind, _, _ in self.changes(dashboard)}, {"network"})


class KindsTests(StoreCase):
    def test_the_push_shows_to_whom_the_api_shows(self) -> None:
        """By the table of routes: areas and the least role that reads in them."""
        readers = {(route.area, route.needs) for route in ROUTES if route.method == "GET"}
        for kind in Kind:
            self.assertIn((AREAS[kind], Role.AUDITOR), readers)
        self.assertEqual(kinds_for(Caller("a", "a", Role.AUDITOR)), frozenset(Kind))
        self.assertEqual(kinds_for(Caller("a", "a", Role.USER)), frozenset())
