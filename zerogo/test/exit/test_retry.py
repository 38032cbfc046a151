"""Another edge is tried while that is safe, and not a moment longer."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.exit.reason import Reason
from zerogo.exit.retry import LIMIT_SECONDS, TRIES, Attempts


class AttemptsTests(SynchronousTestCase):
    def test_the_targets_faults_are_the_truth(self) -> None:
        for reason in (
            Reason.REFUSED,
            Reason.TIMED_OUT,
            Reason.NAME_UNKNOWN,
            Reason.PROHIBITED,
            Reason.HOST_UNREACHABLE,
        ):
            self.assertFalse(Attempts(0.0, ["a"]).may_retry(reason, False, 0.1))

    def test_the_edges_faults_are_tried_again_also_with_payload_that_it_says_has_not_left(self) -> None:
        for reason in (Reason.OVERLOADED, Reason.DRAINING, Reason.POLICY, Reason.NETWORK_UNREACHABLE):
            self.assertTrue(Attempts(0.0, ["a"]).may_retry(reason, True, 0.1))

    def test_a_lost_carrier_is_safe_only_without_payload(self) -> None:
        self.assertTrue(Attempts(0.0, ["a"]).may_retry(Reason.CARRIER_LOST, False, 0.1))
        self.assertFalse(Attempts(0.0, ["a"]).may_retry(Reason.CARRIER_LOST, True, 0.1))

    def test_tries_and_time_are_bounded(self) -> None:
        attempts = Attempts(0.0)
        for edge in range(TRIES):
            attempts.begin(str(edge))
            self.assertEqual(attempts.may_retry(Reason.OVERLOADED, False, 1.0), edge < TRIES - 1)
        self.assertFalse(Attempts(0.0, ["a"]).may_retry(Reason.OVERLOADED, False, LIMIT_SECONDS))

    def test_the_first_reason_is_told_when_there_is_no_second_edge(self) -> None:
        attempts = Attempts(0.0, ["a"])
        attempts.may_retry(Reason.POLICY, False, 0.1)
        self.assertIs(attempts.verdict(Reason.NO_EDGE), Reason.POLICY)
        self.assertIs(Attempts(0.0).verdict(Reason.NO_EDGE), Reason.NO_EDGE)
