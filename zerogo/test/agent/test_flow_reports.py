"""What is decided is told once a minute, and only where a log is kept."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from zerogo.agent.flow_reports import REPORT_SECONDS, FlowReporter, compose
from zerogo.control.messages import FLOWS_LIMIT, FlowsReport, emit_message, parse_member_message
from zerogo.ids import NodeId
from zerogo.policy.decisions import Decided

US, BOB = NodeId(bytes(9) + b"\x7f"), NodeId(b"b" * 10)


class FlowReporterTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.told: list[FlowsReport] = []
        self.is_member = True
        self.decided = [(BOB, Decided(1, True, 6, 80, 2, 1))]
        self.segment: Any = SimpleNamespace(logs_decisions=True, take_decisions=self.take)
        self.reporter = FlowReporter(
            self.clock, lambda: self.segment, is_member=lambda: self.is_member, tell=self.told.append
        )

    def take(self) -> list[tuple[NodeId, Decided]]:
        taken, self.decided = self.decided, []
        return taken

    def pass_time(self, seconds: float) -> None:
        for _ in range(int(seconds / 10)):
            self.clock.advance(10)
            self.reporter.look(US)

    def test_what_was_decided_is_told_once(self) -> None:
        self.reporter.look(US)
        self.pass_time(3 * REPORT_SECONDS)
        (report,) = self.told
        (row,) = report.rows
        self.assertEqual((BOB.raw, True, 6, 80, 2, 1), (row.peer, *list(vars_of(row))[1:]))
        self.assertEqual(30.0, report.seconds)

    def test_without_a_controller_it_goes_on_counting(self) -> None:
        self.is_member = False
        self.reporter.look(US)
        self.pass_time(600)
        self.assertEqual(([], 1), (self.told, len(self.decided)))
        self.is_member = True
        self.pass_time(10)
        self.assertEqual([610.0], [report.seconds for report in self.told])

    def test_where_no_log_is_kept_nothing_is_told(self) -> None:
        self.segment.logs_decisions = False
        self.pass_time(200)
        self.segment = None
        self.pass_time(200)
        self.assertEqual([], self.told)

    def test_a_report_is_bounded_and_nothing_is_lost(self) -> None:
        many = [(BOB, Decided(1, False, 6, port, 0, port)) for port in range(1, FLOWS_LIMIT + 101)]
        report = compose(many, 1e9)
        assert report is not None
        self.assertEqual(FLOWS_LIMIT, len(report.rows))
        self.assertEqual(sum(range(1, 101)), report.rest_refused)
        self.assertEqual(report, parse_member_message(emit_message(report)))


def vars_of(row: Any) -> tuple[object, ...]:
    """The fields of a struct, in order."""
    return tuple(getattr(row, name) for name in row.__struct_fields__)
