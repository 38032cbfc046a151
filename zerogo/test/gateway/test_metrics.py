"""What a gateway counts is what happened, and Prometheus can read it."""

from __future__ import annotations

import os

from zerogo.exit.account import Account
from zerogo.exit.reason import Reason
from zerogo.exit.target import Target
from zerogo.gateway.metrics import GatewayMonitor
from zerogo.net.exit_intake import LateEdges
from zerogo.net.exit_user import Entry
from zerogo.observe.metrics import exposition
from zerogo.secret import Secret
from zerogo.store import exit_users
from zerogo.test.gateway.controlled_pair import DEMAND, EDGE, HASH, ControlledCase
from zerogo.test.store.stock import NOW


class GatewayMetricsTests(ControlledCase):
    def setUp(self) -> None:
        super().setUp()
        account = Account(name="alice", password_hash=HASH)
        self.database.write(exit_users.create_user, account, None, "tester", NOW)
        self.one = self.gateway()
        link = self.one.controlled.link
        late = LateEdges(self.clock, os.urandom)
        late.count = 3
        self.monitor = GatewayMonitor(self.one.hub, self.one.desk, self.one.meter, [], late, lambda: link.is_here)

    def figures(self) -> dict[str, float]:
        lines = exposition(self.monitor.collect()).decode().splitlines()
        pairs = [line.removeprefix("zerogo_gateway_").rsplit(" ", 1) for line in lines if not line.startswith("#")]
        return {name: float(value) for name, value in pairs}

    def test_streams_and_their_bytes_are_counted_while_they_live_and_after(self) -> None:
        first, second = self.one.open(), self.one.open()
        first.send(1000)
        second.send(20)
        found = self.figures()
        self.assertEqual((found["streams"], found["users"], found["connections"]), (2, 1, 0))
        self.assertEqual(found["edges_sent_away_total"], 3)
        self.assertEqual(found['bytes_total{direction="up"}'], 1020)
        first.meter.closed(None)
        second.kill(Reason.QUOTA)
        found = self.figures()
        self.assertEqual((found["streams"], found['bytes_total{direction="up"}']), (0, 1020))
        self.assertEqual(found['streams_ended_total{reason="closed"}'], 1)
        self.assertEqual(found['streams_ended_total{reason="quota"}'], 1)

    def test_who_was_not_let_in_and_what_could_not_be_opened_is_counted_by_why(self) -> None:
        self.failureResultOf(self.one.desk.enter("alice", Secret("wrong"), "192.0.2.9"))
        self.failureResultOf(self.one.desk.enter("alice-contry-de", Secret("x"), "192.0.2.9"))
        entry: Entry = self.successResultOf(self.one.desk.enter("alice", Secret("correct-horse"), "192.0.2.9"))
        self.one.hub.pool.remove(EDGE.edge)
        self.assertIsNone(self.one.desk.open(entry, DEMAND, self))
        found = self.figures()
        self.assertEqual(found['refusals_total{reason="denied"}'], 2)
        self.assertEqual(found['streams_failed_total{reason="no-edge"}'], 1)

    def stream_failed(self, reason: Reason, sentence: str) -> None:
        self.assertIs(reason, Reason.NO_EDGE)

    def stream_opened(self, stream: object) -> None:
        self.fail("there is no edge")

    def test_edges_by_how_they_are_and_whether_the_controller_is_there(self) -> None:
        self.assertEqual(self.figures()['edges{state="ready"}'], 1)
        state = self.one.hub.pool.get(EDGE.edge)
        assert state is not None
        state.is_away = True
        self.one.wire.cut()
        found = self.figures()
        self.assertEqual((found['edges{state="ready"}'], found['edges{state="away"}']), (0, 1))
        self.assertEqual(found["controller_connected"], 0)
        self.assertGreater(found["process_resident_memory_bytes"], 1e6)

    def test_the_diagnostics_have_the_same_and_nothing_names_anybody(self) -> None:
        self.one.open().send(5)
        self.assertEqual(self.monitor.counters()["zerogo_gateway_streams"], 1)
        shown = str(self.monitor.counters()) + exposition(self.monitor.collect()).decode()
        for private in ("alice", "192.0.2.9", str(Target("example.net", 443)), EDGE.edge):
            self.assertNotIn(private, shown)
