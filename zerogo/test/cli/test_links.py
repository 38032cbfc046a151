import json
import time
from types import SimpleNamespace

from zerogo.cli import links as module
from zerogo.cli.links import events, links
from zerogo.control.coordinator_events import Presence
from zerogo.control.messages import LinkReport, LinkSample, LinksReport
from zerogo.controller.link_book import pair_of
from zerogo.controller.link_rings import TIERS
from zerogo.ids import NodeId
from zerogo.test.cli.test_networks import CommandCase


class LinksTests(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        self.patch(module, "controller_api", self.controller_api)
        self.ann, self.bob = (self.join(name).node_id for name in ("ann", "bob"))
        book = self.desk.links.book
        book.observers.append(self.desk.links.events)
        self.desk.links.events.member_online(self.network, self.ann)

    def says(self, who: NodeId, other: NodeId, path: str = "direct", **more: object) -> None:
        link = LinkReport(other.raw, path, why="it is reached directly.", **more)  # type: ignore[arg-type]
        report = LinksReport(links=[link], samples=[LinkSample(other.raw, 5.5, 0.5, 0.25, 2048.0, 0.0)])
        self.desk.links.book.reported(self.network, who, report, self.unix_now)

    def test_links_are_listed_by_the_members_names(self) -> None:
        self.assertIn("no member reports a link yet", self.run_ok(links))
        self.says(self.ann, self.bob, "relay", relay="fra")
        listed = self.run_ok(links)
        for word in ("ann", "bob", "relay", "fra", "5.5 ms", "25%", "2.05 kB/s"):
            self.assertIn(word, listed)
        self.assertEqual(json.loads(self.run_ok(links, "--json"))[0]["relay"], "fra")

    def test_a_link_is_shown_with_its_reasons_and_its_past(self) -> None:
        self.says(self.ann, self.bob, "peer", via=[bytes(10)], reason="first path")
        self.says(self.ann, self.bob, mtu=1400, cipher="AESGCM", reason="a direct path was proven")
        for order in (("ann", "bob"), ("bob", str(self.ann))):
            shown = self.run_ok(links, "show", *order)
            self.assertIn("ann says: it is reached directly.", shown)
            for word in ("jitter 0.5 ms", "MTU 1400", "AESGCM", "(a direct path was proven)", "peer by aaaa"):
                self.assertIn(word, shown)
        found = json.loads(self.run_ok(links, "show", "ann", "bob", "--json"))
        self.assertEqual([change["path"] for change in found["changes"]], ["direct", "peer"])
        self.assertIn("no member 'eve'", self.refusal(links, "show", "ann", "eve"))
        self.join("eve")
        self.assertIn("no link between them", self.refusal(links, "show", "ann", "eve"))

    def test_a_relay_is_tested_where_both_are_connected(self) -> None:
        self.assertIn("not connected", self.refusal(links, "test-relay", "ann", "bob"))
        here = Presence(source="192.0.2.7", connected_seconds=1.0, rtt=None)
        self.told.present = {self.ann: here, self.bob: here}
        self.assertIn("for 10 s", self.run_ok(links, "test-relay", "ann", "bob", "--seconds", "10"))
        self.assertIn(("relay test", self.network, (self.ann, self.bob), 10.0), self.told.said)

    def test_the_course_of_a_link_is_listed_the_newest_row_first(self) -> None:
        clock = SimpleNamespace(time=lambda: self.unix_now, strftime=time.strftime, localtime=time.localtime)
        self.patch(module, "time", clock)
        self.assertIn("nothing is known", self.run_ok(links, "history", "ann", "bob"))
        for at, rtt in ((self.unix_now - 120, 7.0), (self.unix_now - 60, 9.5)):
            figures = [rtt, 0.5, 0.25, 2048.0, 0.0]
            self.desk.links.rings.put(self.network, pair_of(self.ann, self.bob), at, figures, TIERS[1:])
        shown = self.run_ok(links, "history", "ann", "bob")
        self.assertLess(shown.index("9.5 ms"), shown.index("7.0 ms"))
        self.assertNotIn("7.0 ms", self.run_ok(links, "history", "ann", "bob", "--most", "1"))
        self.assertNotIn("7.0 ms", self.run_ok(links, "history", "bob", "ann", "--last", "90s"))
        known = json.loads(self.run_ok(links, "history", "ann", "bob", "--json"))["rtt_ms"]
        self.assertEqual((known[0], known[-1], set(known[1:-1])), (7.0, 9.5, {None}))

    def test_events_are_listed_the_newest_first(self) -> None:
        self.says(self.ann, self.bob, reason="first path")
        listed = self.run_ok(events)
        for word in ("member.online", "link.path", "none to direct", "first path"):
            self.assertIn(word, listed)
        kinds = [event["kind"] for event in json.loads(self.run_ok(events, "--json"))]
        self.assertEqual(kinds, ["link.path", "member.online"])
        self.assertEqual(len(json.loads(self.run_ok(events, "--limit", "1", "--json"))), 1)
