from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.errors import ParseError
from zerogo.exit.owner_limits import Hours, MonthUse

DAY = 1_800_000_000 - 1_800_000_000 % 86_400


def at(hour: int, minute: int = 0) -> float:
    return DAY + hour * 3600.0 + minute * 60


class OwnerLimitsTests(SynchronousTestCase):
    def test_hours_hold_from_the_first_minute_to_the_last_also_over_midnight(self) -> None:
        day, night = Hours.parse("08:00-18:30"), Hours.parse("22:00-06:00")
        self.assertEqual([day.holds(at(*t)) for t in ((7, 59), (8, 0), (18, 29), (18, 30))], [False, True, True, False])
        self.assertEqual(
            [night.holds(at(*t)) for t in ((21, 59), (22, 0), (5, 59), (6, 0))], [False, True, True, False]
        )
        self.assertEqual(str(night), "22:00-06:00")

    @settings(deadline=None, max_examples=100)
    @given(st.text(max_size=12))
    def test_garbage_is_a_parse_error_and_nothing_else(self, text: str) -> None:
        try:
            self.assertEqual(str(Hours.parse(text)), text)
        except ParseError:
            return

    def test_a_month_ends(self) -> None:
        use = MonthUse("").at(at(0)).plus(5)
        self.assertEqual((use.month, use.at(at(1)).used, use.at(at(0) + 32 * 86_400).used), ("2027-01", 5, 0))
