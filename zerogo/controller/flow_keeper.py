# -*- test-case-name: zerogo.test.controller.test_flow_keeper -*-
"""Brings what members tell of policy decisions into the store: gathered for a few seconds, in bounded memory.

What the store does not take is not kept: nothing follows from it. Each controller writes what its own members tell.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from zerogo.control.messages import FLOWS_LIMIT, FlowsReport
from zerogo.errors import ZeroGoError
from zerogo.ids import NetworkId, NodeId
from zerogo.store import flow_log
from zerogo.store.flow_log import Told
from zerogo.store.threads import StoreAccess

WRITE_SECONDS = 5.0
FORGET_SECONDS = 600.0
ROWS_WAITING = 50_000
ROWS_OF_MEMBER = 2 * (FLOWS_LIMIT + 1)
"""Of those: a report comes in a minute, more from who dials anew all the time. What goes beyond either is dropped."""

_log = Logger(namespace="zerogo.controller.flows")


class FlowKeeper:
    """The log of one controller, from `start` to `stop`."""

    def __init__(
        self, store: StoreAccess, clock: IReactorTime, unix_time: Callable[[], float], kept_seconds: float
    ) -> None:
        self._store = store
        self._clock = clock
        self._unix_time = unix_time
        self._kept_seconds = kept_seconds
        self._waiting: list[Told] = []
        self._rows: Counter[tuple[NetworkId, NodeId]] = Counter()
        self._forgot_at = clock.seconds()
        self._writes = LoopingCall(self._write)
        self._writes.clock = clock

    def start(self) -> None:
        """Begin to write."""
        self._writes.start(WRITE_SECONDS, now=False)

    def stop(self) -> None:
        """Do nothing any more."""
        if self._writes.running:
            self._writes.stop()

    def take(self, network: NetworkId, node_id: NodeId, report: FlowsReport) -> None:
        """A member told what it decided."""
        rows, member = len(report.rows) + 1, (network, node_id)
        if self._rows.total() + rows <= ROWS_WAITING and self._rows[member] + rows <= ROWS_OF_MEMBER:
            self._rows[member] += rows
            self._waiting.append(Told(network=network, reporter=node_id, at=self._unix_time(), report=report))

    async def _write(self) -> None:
        waiting, self._waiting, self._rows = self._waiting, [], Counter()
        try:
            if waiting:
                await self._store.write(flow_log.keep, waiting)
            if self._clock.seconds() - self._forgot_at >= FORGET_SECONDS:
                self._forgot_at = self._clock.seconds()
                await self._store.write(flow_log.forget_old, self._kept_seconds, self._unix_time())
        except ZeroGoError as error:
            _log.warn("What members decided could not be stored: {reason}", reason=str(error))
