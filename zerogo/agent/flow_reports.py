# -*- test-case-name: zerogo.test.agent.test_flow_reports -*-
"""What the controller is told of policy decisions, where the map says that the network keeps a log of them.

The plane counts, in bounded memory; once a minute, each member at its own second of it, what was counted since goes to
the controller, the largest counts with a row of their own. While there is no controller the plane goes on counting.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from zerogo.control.messages import FLOWS_LIMIT, FlowRow, FlowsReport
from zerogo.ids import NodeId
from zerogo.policy.decisions import Decided

REPORT_SECONDS = 60.0
SECONDS_MOST = 604_800.0
"""Longest interval that a report names."""

_log = Logger(namespace="zerogo.agent.flows")


class Deciding(Protocol):
    """What of a segment is needed here."""

    @property
    def logs_decisions(self) -> bool: ...

    def take_decisions(self) -> list[tuple[NodeId, Decided]]: ...


class FlowReporter:
    """One agent's. `tell` gives a report to the controller, which is there where `is_member`."""

    def __init__(
        self,
        clock: IReactorTime,
        segment: Callable[[], Deciding | None],
        *,
        is_member: Callable[[], bool],
        tell: Callable[[FlowsReport], object],
    ) -> None:
        self._clock = clock
        self._segment = segment
        self._is_member = is_member
        self._tell = tell
        self._since: float | None = None
        """Since when the plane has counted what was not told; None: nothing is counted."""
        self._due_at = 0.0

    def look(self, us: NodeId) -> None:
        """Report, if it is time."""
        now = float(self._clock.seconds())
        segment = self._segment()
        if segment is None or not segment.logs_decisions:
            self._since = None
            return
        if self._since is None:
            # All members learn at one moment that a log is kept.
            self._since, self._due_at = now, now + REPORT_SECONDS * (us.raw[-1] + 1) / 256
            _log.warn("The network keeps a log: the controller is told which flows the policy allows and refuses")
        if now >= self._due_at and self._is_member():
            report = compose(segment.take_decisions(), now - self._since)
            self._since, self._due_at = now, now + REPORT_SECONDS
            if report is not None:
                self._tell(report)


def compose(decided: Sequence[tuple[NodeId, Decided]], seconds: float) -> FlowsReport | None:
    """The report of what was decided in so many seconds; None: there is nothing to tell."""
    if not decided:
        return None
    ordered = sorted(decided, key=lambda each: -each[1].opened - each[1].refused)
    rows = [
        FlowRow(node_id.raw, one.is_outbound, one.protocol, one.port, one.opened, one.refused)
        for node_id, one in ordered[:FLOWS_LIMIT]
    ]
    rest = [one for _, one in ordered[FLOWS_LIMIT:]]
    return FlowsReport(
        seconds=min(max(seconds, 0.0), SECONDS_MOST),
        rows=rows,
        rest_opened=sum(one.opened for one in rest),
        rest_refused=sum(one.refused for one in rest),
    )
