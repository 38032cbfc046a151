"""The API of the log of policy decisions."""

from __future__ import annotations

from typing import Any

from zerogo.control.messages import FlowRow, FlowsReport
from zerogo.ids import NodeId
from zerogo.policy.decisions import REST, UNREADABLE
from zerogo.store import flow_log
from zerogo.store.flow_log import Told
from zerogo.test.controller.stock import ApiCase, Reply
from zerogo.test.store.stock import NOW


class FlowRoutesTests(ApiCase):
    def setUp(self) -> None:
        super().setUp()
        self.ann, self.bob = self.join("ann").node_id, self.join("bob").node_id
        self.path = f"/networks/{self.network}"

    def keep(self, *rows: FlowRow, reporter: NodeId | None = None, **rest: int) -> None:
        report = FlowsReport(60.0, list(rows), **rest)
        told = Told(network=self.network, reporter=reporter or self.ann, at=NOW, report=report)
        self.database.write(flow_log.keep, [told])

    def turn_on(self) -> Reply:
        return self.call("PATCH", self.path, {"flow_log": True}, if_match="*")

    def flows(self, query: str = "") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.call("GET", f"{self.path}/flows{query}").json["items"]
        return found

    def test_it_is_off_and_turned_on_like_other_settings(self) -> None:
        first = self.call("GET", self.path)
        self.assertIs(first.json["flow_log"], False)
        self.assertEqual(428, self.call("PATCH", self.path, {"flow_log": True}).status)
        self.assertIs(self.turn_on().json["flow_log"], True)
        self.assertEqual([("changed", self.network)], self.told.said)
        late = self.call("PATCH", self.path, {"flow_log": False}, if_match=first.header("etag"))
        self.assertEqual((412, "changed-meanwhile"), (late.status, late.json["code"]))

    def test_rows_are_told_in_words(self) -> None:
        self.turn_on()
        unreadable = FlowRow(self.bob.raw, False, UNREADABLE, 0, 0, 4)
        self.keep(FlowRow(self.bob.raw, True, 6, 443, 3, 0), unreadable, rest_opened=7)
        rest, other, first = self.flows()
        self.assertEqual(
            {
                "ended_at": "2027-01-15T08:00:00Z",
                "seconds": 60.0,
                "reported_by": str(self.ann),
                "peer": str(self.bob),
                "direction": "out",
                "protocol": "tcp",
                "port": 443,
                "opened": 3,
                "refused": 0,
            },
            first,
        )
        self.assertEqual(
            ("unreadable", None, "in", 4), tuple(other[key] for key in ("protocol", "port", "direction", "refused"))
        )
        self.assertEqual(("rest", None, 7), (rest["protocol"], rest["peer"], rest["opened"]))

    def test_it_is_filtered(self) -> None:
        self.turn_on()
        for protocol, port, refused in ((6, 22, 0), (17, 53, 1), (1, 0, 1), (58, 0, 1), (REST, 0, 1)):
            self.keep(FlowRow(self.bob.raw, True, protocol, port, 1 - refused, refused))
        self.keep(FlowRow(self.ann.raw, False, 6, 22, 0, 9), reporter=NodeId(b"x" * 10))
        counts = {query: len(self.flows(query)) for query in (
            "?outcome=refused", "?outcome=opened", "?protocol=icmp", "?protocol=58", "?protocol=rest", "?port=22",
            "?member=bob", f"?member={self.ann}", f"?since={NOW + 1}", "?limit=2",
        )}  # fmt: skip
        self.assertEqual([5, 1, 2, 1, 1, 2, 5, 6, 0, 2], list(counts.values()))
        first = self.call("GET", f"{self.path}/flows?limit=4").json
        self.assertEqual(2, len(self.flows(f"?limit=4&cursor={first['next_cursor']}")))

    def test_what_cannot_be_meant_is_refused(self) -> None:
        for query in ("outcome=maybe", "protocol=tpc", "protocol=999", "port=70000", "port=1.5"):
            self.assertEqual((query, 422), (query, self.call("GET", f"{self.path}/flows?{query}").status))
        self.assertEqual(404, self.call("GET", f"{self.path}/flows?member=eve").status)
