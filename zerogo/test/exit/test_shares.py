from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.exit.shares import LEAST_PART, Demanded, divide

DEMANDS = st.dictionaries(
    st.text("abc", min_size=1, max_size=2),
    st.builds(Demanded, st.floats(0, 1e9), st.booleans()),
    min_size=1,
    max_size=6,
)


class SharesTests(SynchronousTestCase):
    def test_who_is_held_up_gets_what_others_leave(self) -> None:
        parts = divide(1000, {"a": Demanded(900, True), "b": Demanded(40, False)})
        self.assertEqual(parts, {"a": 950, "b": 50})

    def test_all_who_are_held_up_get_the_same(self) -> None:
        self.assertEqual(divide(900, dict.fromkeys("abc", Demanded(1, True))), {"a": 300, "b": 300, "c": 300})

    def test_without_a_limit_there_is_none_for_anybody(self) -> None:
        self.assertEqual(divide(0, {"a": Demanded(5, True)}), {"a": 0})

    @settings(deadline=None, max_examples=200)
    @given(st.integers(1000, 10**10), DEMANDS)
    def test_parts_exceed_the_rate_by_the_tenths_at_most_and_nobody_starves(
        self, rate: int, demands: dict[str, Demanded]
    ) -> None:
        parts = divide(rate, demands)
        self.assertEqual(set(parts), set(demands))
        self.assertLessEqual(sum(parts.values()), rate * (1 + LEAST_PART) + len(parts))
        self.assertGreaterEqual(min(parts.values()), int(LEAST_PART * rate / len(parts)))
