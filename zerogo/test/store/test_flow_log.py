"""The log of policy decisions is kept where it is wanted, in bounds, and read in pieces."""

from __future__ import annotations

from sqlalchemy import func, select

from zerogo.control.messages import FlowRow, FlowsReport
from zerogo.ids import NetworkId, NodeId
from zerogo.policy.decisions import REST
from zerogo.store import flow_log, networks, tables
from zerogo.store.errors import NotFound
from zerogo.store.flow_log import FlowFilter, StoredFlows, Told
from zerogo.store.paging import Paging
from zerogo.test.store.stock import NOW, StoreCase

ANN, BOB = NodeId(b"a" * 10), NodeId(b"b" * 10)


def row(port: int = 80, opened: int = 1, refused: int = 0, peer: NodeId = BOB) -> FlowRow:
    return FlowRow(peer.raw, True, 6, port, opened, refused)


class FlowLogTests(StoreCase):
    def setUp(self) -> None:
        super().setUp()
        self.keeps(True)

    def keeps(self, is_on: bool) -> None:
        self.database.write(networks.change_network, self.network, {"flow_log": is_on}, "owner", NOW)

    def keep(self, *rows: FlowRow, at: float = NOW, reporter: NodeId = ANN, rest: tuple[int, int] = (0, 0)) -> None:
        report = FlowsReport(60.0, list(rows), *rest)
        told = Told(network=self.network, reporter=reporter, at=at, report=report)
        self.database.write(flow_log.keep, [told])

    def read(self, paging: Paging | None = None, **wanted: object) -> list[StoredFlows]:
        wanted_rows = FlowFilter(**wanted)  # type: ignore[arg-type]
        return list(self.database.read(flow_log.page_flows, self.network, wanted_rows, paging or Paging()).items)

    def test_what_was_told_is_read_newest_first(self) -> None:
        self.keep(row(80), row(443, 0, 5), rest=(2, 3))
        rest, https, http = self.read()
        self.assertEqual((rest.protocol, rest.peer, rest.opened, rest.refused), (REST, "", 2, 3))
        self.assertEqual((https.port, https.refused, https.reporter, https.peer), (443, 5, str(ANN), str(BOB)))
        self.assertEqual((http.opened, http.is_outbound, http.at, http.seconds), (1, True, NOW, 60.0))

    def test_nothing_is_kept_where_nobody_asked_for_it(self) -> None:
        self.keeps(False)
        self.keep(row())
        self.assertEqual([], self.read())
        self.assertFalse(self.database.read(networks.find_network, self.network).flow_log)

    def test_the_setting_is_content_of_the_network_and_in_the_audit(self) -> None:
        before = self.database.read(networks.find_network, self.network)
        self.keeps(False)
        after = self.database.read(networks.find_network, self.network)
        self.assertNotEqual(before.tag, after.tag)
        self.assertGreater(after.revision, before.revision)
        last = self.database.read(
            lambda c: c.scalar(select(tables.audit.c.detail).order_by(tables.audit.c.number.desc()))
        )
        self.assertEqual("flow_log=False", last)

    def test_filters_and_pieces(self) -> None:
        for number in range(5):
            self.keep(row(number, number % 2, 1 - number % 2), at=NOW + number, reporter=(ANN, BOB)[number % 2])
        self.assertEqual([3, 1], [each.port for each in self.read(is_refused=False)])
        self.assertEqual([4, 2, 0], [each.port for each in self.read(is_refused=True)])
        self.assertEqual([4, 2, 0], [each.port for each in self.read(member=str(ANN))])
        self.assertEqual([2], [each.port for each in self.read(port=2, protocols=(6, 17))])
        self.assertEqual([4, 3], [each.port for each in self.read(since=NOW + 3)])
        self.assertEqual([], self.read(protocols=(17,)))
        first = self.database.read(flow_log.page_flows, self.network, FlowFilter(), Paging(limit=3))
        self.assertEqual([1, 0], [each.port for each in self.read(Paging(limit=3, after=first.next))])

    def test_old_rows_go_and_a_member_pushes_out_its_own_first(self) -> None:
        self.keep(row(1), at=NOW - 100)
        self.keep(*(row(port) for port in range(10, 20)))
        self.keep(row(2), reporter=BOB)
        self.database.write(flow_log.forget_old, 50.0, NOW, (3, 1000))
        self.assertEqual([2, 19, 18, 17], [each.port for each in self.read()])
        self.database.write(flow_log.forget_old, 50.0, NOW, (3, 2))
        self.assertEqual([2, 19], [each.port for each in self.read()])

    def test_a_network_takes_its_log_along(self) -> None:
        self.keep(row())
        self.database.write(networks.delete_network, self.network, "owner", NOW)
        self.assertRaises(NotFound, self.read)
        self.assertEqual(0, self.database.read(lambda c: c.scalar(select(func.count()).select_from(tables.flow_log))))
        stranger = Told(network=NetworkId(b"other"), reporter=ANN, at=NOW, report=FlowsReport(1.0, [row()]))
        self.database.write(flow_log.keep, [stranger])
