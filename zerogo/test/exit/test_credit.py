from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.exit.credit import ASK_AGAIN_SECONDS, LEASE_MOST, Credit, lease_size


class CreditTests(SynchronousTestCase):
    def test_the_last_byte_is_told_once(self) -> None:
        credit = Credit()
        credit.granted(10, 0.0, 0.0)
        self.assertEqual([credit.spend(6), credit.spend(6), credit.spend(1)], [False, True, False])
        self.assertEqual((credit.left, credit.is_empty), (-3, True))

    def test_a_lease_that_ends_with_a_piece_is_at_its_end(self) -> None:
        credit = Credit()
        credit.granted(10, 0.0, 0.0)
        self.assertEqual([credit.spend(4), credit.spend(6), credit.spend(0)], [False, True, False])
        credit.granted(0, 60.0, 0.0)
        self.assertEqual((credit.left, credit.is_empty, credit.is_refused(1.0)), (0, True, True))

    def test_more_is_asked_for_when_half_is_left_and_again_when_no_answer_comes(self) -> None:
        credit = Credit()
        self.assertTrue(credit.take_request(1, 0.0))
        self.assertFalse(credit.take_request(2, 1.0))
        self.assertTrue(credit.take_request(2, ASK_AGAIN_SECONDS))
        self.assertEqual([credit.is_answer(number) for number in (0, 1, 2)], [False, False, True])
        credit.granted(10, 0.0, 6.0)
        self.assertFalse(credit.is_asking)
        credit.spend(4)
        self.assertFalse(credit.take_request(3, 7.0))
        credit.spend(1)
        self.assertTrue(credit.take_request(3, 7.0))

    def test_who_is_to_wait_asks_again_then(self) -> None:
        credit = Credit()
        self.assertTrue(credit.take_request(1, 0.0))
        credit.wait(2.0, 1.0)
        self.assertEqual((credit.is_asking, credit.is_refused(1.0)), (False, False))
        self.assertEqual([credit.take_request(2, now) for now in (2.9, 3.0)], [False, True])

    def test_what_was_asked_before_the_account_was_changed_is_asked_again_at_once(self) -> None:
        credit = Credit()
        self.assertTrue(credit.take_request(1, 0.0))
        credit.give_up()
        self.assertTrue(credit.take_request(2, 0.1))
        self.assertEqual([credit.is_answer(number) for number in (1, 2)], [False, True])

    def test_what_was_refused_is_asked_for_when_it_is_time_or_the_account_was_changed(self) -> None:
        credit = Credit()
        credit.granted(0, 60.0, 0.0)
        self.assertTrue(credit.is_refused(59.0))
        self.assertFalse(credit.take_request(1, 59.0))
        self.assertFalse(credit.is_refused(60.0))
        credit.granted(0, 60.0, 60.0)
        credit.give_up()
        self.assertTrue(credit.take_request(1, 61.0))

    @settings(deadline=None, max_examples=100)
    @given(st.integers(0, 2**53), st.integers(0, 300))
    def test_a_lease_is_never_more_than_is_left_and_never_nothing_of_something(self, left: int, gateways: int) -> None:
        size = lease_size(left, gateways)
        self.assertLessEqual(size, min(left, LEASE_MOST))
        self.assertEqual(size > 0, left > 0)
