"""What members tell is written in a few seconds, and forgotten in time."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import fail
from twisted.internet.task import Clock

from zerogo.control.messages import FlowRow, FlowsReport
from zerogo.controller import flow_keeper
from zerogo.controller.flow_keeper import FORGET_SECONDS, WRITE_SECONDS, FlowKeeper
from zerogo.ids import NodeId
from zerogo.store import flow_log, networks
from zerogo.store.errors import StoreFault
from zerogo.store.flow_log import FlowFilter
from zerogo.store.paging import Paging
from zerogo.test.controller.stock import PromptStore
from zerogo.test.store.stock import NOW, StoreCase

ANN, BOB = NodeId(b"a" * 10), NodeId(b"b" * 10)
REPORT = FlowsReport(60.0, [FlowRow(b"b" * 10, True, 6, 80, 1, 0)])


class FlowKeeperTests(StoreCase):
    def setUp(self) -> None:
        super().setUp()
        self.database.write(networks.change_network, self.network, {"flow_log": True}, "owner", NOW)
        self.clock = Clock()
        self.store: Any = PromptStore(self.database)
        self.keeper = FlowKeeper(self.store, self.clock, lambda: NOW + self.clock.seconds(), 300.0)
        self.keeper.start()
        self.addCleanup(self.keeper.stop)

    def rows(self) -> int:
        return len(self.database.read(flow_log.page_flows, self.network, FlowFilter(), Paging()).items)

    def test_it_is_written_after_a_moment_and_goes_when_its_time_is_over(self) -> None:
        self.keeper.take(self.network, ANN, REPORT)
        self.assertEqual(0, self.rows())
        self.clock.advance(WRITE_SECONDS)
        self.assertEqual(1, self.rows())
        self.clock.pump([WRITE_SECONDS] * int(FORGET_SECONDS / WRITE_SECONDS))
        self.assertEqual(0, self.rows())

    def test_memory_is_bounded(self) -> None:
        self.patch(flow_keeper, "ROWS_WAITING", 6)
        for _ in range(10):
            self.keeper.take(self.network, ANN, REPORT)
        self.clock.advance(WRITE_SECONDS)
        self.assertEqual(3, self.rows())

    def test_a_member_that_tells_much_leaves_room_for_others(self) -> None:
        self.patch(flow_keeper, "ROWS_WAITING", 8)
        self.patch(flow_keeper, "ROWS_OF_MEMBER", 4)
        for _ in range(10):
            self.keeper.take(self.network, ANN, REPORT)
        self.keeper.take(self.network, BOB, REPORT)
        self.clock.advance(WRITE_SECONDS)
        told = self.database.read(flow_log.page_flows, self.network, FlowFilter(), Paging()).items
        self.assertEqual([str(BOB), str(ANN), str(ANN)], [one.reporter for one in told])
        self.keeper.take(self.network, ANN, REPORT)
        self.clock.advance(WRITE_SECONDS)
        self.assertEqual(4, self.rows())

    def test_a_store_that_fails_ends_nothing(self) -> None:
        write = self.store.write
        self.store.write = lambda *arguments: fail(StoreFault("the disk is full"))
        self.keeper.take(self.network, ANN, REPORT)
        self.clock.advance(WRITE_SECONDS)
        self.store.write = write
        self.keeper.take(self.network, ANN, REPORT)
        self.clock.advance(WRITE_SECONDS)
        self.assertEqual(1, self.rows())
