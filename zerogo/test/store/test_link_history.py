import math

from sqlalchemy import func, select, update

from zerogo.ids import NetworkId
from zerogo.store import link_history, networks, tables
from zerogo.store.link_history import HOUR_SECONDS, KEPT_SECONDS, STEP_SECONDS, LinkMean
from zerogo.test.store.stock import NOW, StoreCase

BEGIN = int(NOW) // HOUR_SECONDS * HOUR_SECONDS
PAIR = ("a" * 16, "b" * 16)


class LinkHistoryTests(StoreCase):
    def keep(self, at: int, rtt: float = 1.0, network: NetworkId | None = None) -> None:
        figures = (rtt, math.nan, 0.0, 100.0, 200.0)
        mean = LinkMean(network or self.network, *PAIR, at, figures)
        self.database.write(link_history.keep, [mean], float(at))

    def read(self, begin: int, end: int) -> list[tuple[int, float]]:
        found = self.database.read(link_history.read, self.network, PAIR, begin, end)
        return [(at, figures[0]) for at, figures in found]

    def rows(self) -> int:
        return self.database.read(lambda c: c.scalar(select(func.count()).select_from(tables.link_history)) or 0)

    def test_what_was_kept_is_read_in_its_order(self) -> None:
        times = [BEGIN + number * STEP_SECONDS for number in range(-3, 4)]
        for number, at in enumerate(times):
            self.keep(at, float(number))
        self.assertEqual(self.read(times[0], times[-1]), [(at, float(number)) for number, at in enumerate(times)])
        self.assertEqual(self.read(times[2], times[4]), [(at, float(number)) for number, at in enumerate(times)][2:5])
        self.assertEqual(self.rows(), 2)

    def test_a_gap_is_no_value(self) -> None:
        self.keep(BEGIN)
        self.keep(BEGIN + 3 * STEP_SECONDS)
        self.assertEqual([at for at, _ in self.read(BEGIN, BEGIN + HOUR_SECONDS)], [BEGIN, BEGIN + 3 * STEP_SECONDS])

    def test_the_newer_mean_of_a_slot_holds(self) -> None:
        self.keep(BEGIN, 1.0)
        self.keep(BEGIN, 2.0)
        self.assertEqual(self.read(BEGIN, BEGIN), [(BEGIN, 2.0)])

    def test_what_is_too_old_goes(self) -> None:
        self.keep(BEGIN)
        self.keep(BEGIN + KEPT_SECONDS + 2 * HOUR_SECONDS)
        self.assertEqual(self.rows(), 1)

    def test_a_network_takes_its_own_along_and_one_that_is_gone_keeps_nothing(self) -> None:
        self.keep(BEGIN)
        self.database.write(networks.delete_network, self.network, "tester", NOW, None)
        self.assertEqual(self.rows(), 0)
        self.keep(BEGIN)
        self.assertEqual(self.rows(), 0)

    def test_a_row_of_another_form_says_nothing(self) -> None:
        self.keep(BEGIN)
        self.database.write(lambda c: c.execute(update(tables.link_history).values(figures=b"x")))
        self.assertEqual(self.read(BEGIN, BEGIN + HOUR_SECONDS), [])
        self.keep(BEGIN, 3.0)
        self.assertEqual(self.read(BEGIN, BEGIN), [(BEGIN, 3.0)])
