"""A coordinator, its members and a dashboard, joined: what a person sees, and how soon."""

import json
from typing import Any

from zerogo.control.coordinator import Coordinator
from zerogo.control.fellow_words import AreaOutdated, Looking, MemberGone, MemberHere, MemberReported
from zerogo.control.messages import AgentFacts, LinkReport, LinkSample, LinksReport, emit_message
from zerogo.control.relays import Servers
from zerogo.controller.live_view import LiveView
from zerogo.controller.membership import Membership
from zerogo.ids import NodeId
from zerogo.test.control.pair import CONTROLLER, NO_RELAYS
from zerogo.test.controller.stock import ApiCase
from zerogo.test.controller.test_live_feed import Dashboard


class LiveViewTests(ApiCase):
    def setUp(self) -> None:
        super().setUp()
        coordinator = Coordinator(CONTROLLER, self.rng, NO_RELAYS)
        self.membership = Membership(coordinator, self.desk.store, self.clock, self.desk.unix_time, Servers())
        self.view = LiveView(self.desk, self.membership)
        self.view.start()
        self.addCleanup(self.view.stop)
        self.addCleanup(self.membership.stop)
        self.ann, self.bob = (self.join(name).node_id for name in ("ann", "bob"))
        for node_id in (self.ann, self.bob):
            self.view.member_connected(self.network, node_id)
        for who, other in ((self.ann, self.bob), (self.bob, self.ann)):
            self.says(who, other)

    def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds * 10)):
            self.unix_now += 0.1
            self.clock.advance(0.1)

    def says(self, who: NodeId, other: NodeId, received: float = 100.0, **more: Any) -> None:
        report = LinksReport(
            links=[LinkReport(other.raw, **{"path": "direct", **more})],
            samples=[LinkSample(other.raw, 5.0, received=received)],
        )
        self.view.links_reported(self.network, who, report)

    def look(self) -> Dashboard:
        dashboard = Dashboard()
        self.view.feed.join(dashboard)
        self.pass_time(0.1)
        return dashboard

    def changes(self, dashboard: Dashboard) -> list[dict[str, Any]]:
        return [change for message in dashboard.take() for change in message["changes"]]

    def test_a_snapshot_has_the_links_as_rest_gives_them(self) -> None:
        (snapshot,) = self.look().take()
        self.assertEqual(snapshot["links"], self.call("GET", f"/networks/{self.network}/links").json["items"])
        self.assertEqual(len(snapshot["links"]), 1)

    def test_a_killed_member_is_seen_within_three_seconds(self) -> None:
        """Its peer goes on to report what it counted before, and then its silence."""
        dashboard = self.look()
        self.pass_time(2)
        dashboard.take()
        self.view.member_disconnected(self.network, self.bob)
        for _ in range(10):
            self.pass_time(0.1)
        self.says(self.ann, self.bob, received=60.0)
        self.pass_time(1)
        found = self.changes(dashboard)
        self.assertIn(("link", None), [(each["kind"], each["value"]) for each in found])
        events = [each["value"]["kind"] for each in found if each["kind"] == "event"]
        self.assertEqual(events, ["member.offline", "link.path"])
        self.assertNotIn("link", [each["kind"] for each in self.changes(dashboard)])
        for _ in range(10):
            self.says(self.ann, self.bob, received=0.0)
            self.pass_time(1)
        self.assertEqual([each for each in self.changes(dashboard) if each["kind"] == "link" and each["value"]], [])

    def test_another_path_is_pushed_with_its_reason(self) -> None:
        dashboard = self.look()
        self.pass_time(2)
        dashboard.take()
        for who, other in ((self.ann, self.bob), (self.bob, self.ann)):
            self.says(who, other, path="relay", relay="fra", reason="the path before stopped answering")
        self.pass_time(1)
        found = {each["kind"]: each["value"] for each in self.changes(dashboard)}
        self.assertEqual((found["link"]["path"], found["link"]["relay"]), ("relay", "fra"))
        self.assertEqual(found["event"]["change"]["reason"], "the path before stopped answering")

    def test_what_an_agent_tells_of_itself_shows_its_member_anew(self) -> None:
        touched: list[NodeId] = []
        self.patch(self.view.feed, "member_touched", lambda network, node_id: touched.append(node_id))
        self.view.links_reported(self.network, self.ann, LinksReport())
        self.view.links_reported(self.network, self.ann, LinksReport(about=AgentFacts("native")))
        self.assertEqual(touched, [self.ann])

    def test_members_at_another_controller_are_shown_with_their_links(self) -> None:
        eve = self.join("eve").node_id
        dashboard = self.look()
        self.pass_time(2)
        dashboard.take()
        self.membership.heard(MemberHere(self.network.raw, eve.raw))
        report = LinksReport(links=[LinkReport(self.ann.raw, "relay", relay="fra")])
        self.membership.heard(MemberReported(self.network.raw, eve.raw, emit_message(report)))
        self.pass_time(1)
        found = {each["kind"]: each["value"] for each in self.changes(dashboard)}
        self.assertEqual((found["member"]["name"], found["member"]["is_online"]), ("eve", True))
        self.assertEqual((found["link"]["path"], found["link"]["reported_by"]), ("relay", str(eve)))
        self.membership.heard(MemberGone(self.network.raw, eve.raw))
        self.pass_time(1)
        gone = {each["kind"]: each["value"] for each in self.changes(dashboard)}
        self.assertEqual((gone["member"]["is_online"], gone["link"]), (False, None))

    def test_one_that_moves_to_another_controller_is_never_offline(self) -> None:
        dashboard = self.look()
        self.pass_time(2)
        dashboard.take()
        self.membership.heard(MemberHere(self.network.raw, self.bob.raw))
        self.view.member_disconnected(self.network, self.bob)
        self.pass_time(1)
        found = self.changes(dashboard)
        self.assertEqual([each["kind"] for each in found if each["kind"] in ("event", "link")], [])

    def test_members_report_while_a_dashboard_is_open_at_another_controller(self) -> None:
        told: list[bool] = []
        self.patch(self.membership, "watch", told.append)
        for is_open in (True, False):
            self.membership.heard(Looking(is_open))
        self.assertEqual(told, [True, False])

    def test_what_is_out_of_date_is_told_here_and_at_other_controllers(self) -> None:
        dashboard = self.look()
        self.pass_time(2)
        dashboard.take()
        words: list[Any] = []
        self.patch(self.membership, "tell_fellows", words.append)
        self.desk.exits.shown_changed()
        self.assertEqual(words, [])
        self.membership.heard(Looking(True))
        self.desk.webhooks.shown_changed()
        self.membership.heard(AreaOutdated("policy", str(self.network)))
        self.pass_time(1)
        told = {one["area"] for message in dashboard.take() for one in message["outdated"]}
        self.assertEqual(told, {"exits", "webhooks", "policy"})
        self.assertEqual([word for word in words if isinstance(word, AreaOutdated)], [AreaOutdated("webhooks", "")])

    def test_members_are_asked_to_report_only_while_somebody_looks(self) -> None:
        told: list[bool] = []
        self.patch(self.membership, "watch", told.append)
        first, second = self.look(), self.look()
        self.view.feed.leave(first)
        self.assertEqual(told, [True])
        self.view.feed.leave(second)
        self.assertEqual(told, [True, False])

    def test_a_network_that_goes_takes_its_links_along(self) -> None:
        dashboard = self.look()
        dashboard.take()
        self.call("DELETE", f"/networks/{self.network}", if_match="*")
        self.membership.network_deleted(self.network)
        self.pass_time(1)
        gone = {each["kind"] for each in self.changes(dashboard) if each["value"] is None}
        self.assertEqual(gone, {"network", "member", "link"})

    def test_the_course_of_a_link_is_kept(self) -> None:
        self.look()
        self.pass_time(5)
        path = f"/networks/{self.network}/links/{self.ann}/{self.bob}/history"
        found = json.loads(self.call("GET", path).text)
        self.assertGreaterEqual(len(found["time"]), 4)
        self.assertEqual(found["rtt_ms"][-1], 5.0)
