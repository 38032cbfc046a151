"""Whether checks hold."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from zerogo.lab.result import Behaviour, CheckResult, Findings, JoinTimes, PairResult, Result, Sealing
from zerogo.lab.scenario import Check, CheckKind
from zerogo.lab.verdict import judge

PAIR = ("alice", "bob")


def verdict(kind: CheckKind, result: PairResult | None = None, /, **check: Any) -> CheckResult:
    check.setdefault("pairs", (PAIR,))
    findings = Findings(pairs={} if result is None else {PAIR: result})
    return judge(Check(kind=kind, **check), findings)


def pair(**facts: Any) -> PairResult:
    return PairResult(pair=PAIR, **facts)


class PairTests(SynchronousTestCase):
    def assert_verdicts(self, kind: CheckKind, good: PairResult, bad: list[PairResult], **check: Any) -> None:
        self.assertTrue(verdict(kind, good, **check).passed)
        for result in bad:
            self.assertFalse(verdict(kind, result, **check).passed, str(result))

    def test_ping_must_come_in_time_and_stay(self) -> None:
        late, gone = pair(first_ping=5.1, answers=True), pair(first_ping=1.0)
        self.assert_verdicts(CheckKind.PING, pair(first_ping=1.0, answers=True), [late, gone, pair()], limit=5.0)

    def test_path_must_be_one_of_those(self) -> None:
        bad = [pair(path="none"), pair()]
        self.assert_verdicts(CheckKind.PATH, pair(path="direct"), bad, expected=("direct", "relay"))

    def test_direct_must_come_in_time(self) -> None:
        bad = [pair(path="direct", direct=2.0), pair(path="relay", direct=0.1), pair(path="direct")]
        self.assert_verdicts(CheckKind.DIRECT, pair(path="direct", direct=0.5), bad, limit=1.0)

    def test_figures_have_limits(self) -> None:
        self.assert_verdicts(CheckKind.LOSS, pair(loss=0.01), [pair(loss=0.1), pair()], limit=0.05)
        self.assert_verdicts(CheckKind.RTT, pair(rtt_p50=0.01), [pair(rtt_p50=0.1), pair()], limit=0.05)
        self.assert_verdicts(CheckKind.OUTAGE, pair(outage=0.0), [pair(outage=3.0), pair()], limit=1.0)
        self.assert_verdicts(CheckKind.THROUGHPUT, pair(throughput=2e6), [pair(throughput=1e5), pair()], limit=1e6)

    def test_pair_is_found_in_either_order(self) -> None:
        self.assertTrue(verdict(CheckKind.LOSS, pair(loss=0.0), pairs=(PAIR[::-1],), limit=0.1).passed)
        self.assertIn("not measured", verdict(CheckKind.LOSS, limit=0.1).sentence)

    def test_pair_may_fail_only_with_a_reason(self) -> None:
        silent, honest = pair(), pair(reason="two hard NATs")
        for excused in (PAIR, PAIR[::-1]):
            self.assertTrue(verdict(CheckKind.PING, honest, limit=5.0, may_fail=(excused,)).passed)
            self.assertFalse(verdict(CheckKind.PING, silent, limit=5.0, may_fail=(excused,)).passed)
        self.assertIn("two hard NATs", verdict(CheckKind.PING, honest, limit=5.0).sentence)

    def test_many_complaints_are_cut_short(self) -> None:
        pairs = tuple((f"a{n}", f"b{n}") for n in range(20))
        self.assertIn("and 15 more", verdict(CheckKind.PING, pairs=pairs, limit=1.0).sentence)


class OtherTests(SynchronousTestCase):
    def test_sealing_needs_a_control_that_was_seen(self) -> None:
        check = Check(kind=CheckKind.SEALED)
        for inside, control, answered, holds in ((0, 1, 9, True), (1, 1, 9, False), (0, 0, 9, False), (0, 1, 0, False)):
            sealing = Sealing(inside=inside, control=control, answered=answered)
            self.assertEqual(judge(check, Findings(pairs={}, sealing=sealing)).passed, holds)
        self.assertFalse(judge(check, Findings(pairs={})).passed)

    def test_nat_must_be_what_was_expected(self) -> None:
        check = Check(kind=CheckKind.NAT, host="alice", expected=("a", "b"))
        for filtering, holds in (("b", True), ("c", False)):
            seen = Behaviour(mapping="a", filtering=filtering, hairpin=False, preserves_port=True, mapped=())
            self.assertEqual(judge(check, Findings(pairs={}, behaviours={"alice": seen})).passed, holds)
        self.assertFalse(judge(check, Findings(pairs={})).passed)

    def test_joins_must_be_fast_enough(self) -> None:
        check = Check(kind=CheckKind.JOINS, limit=2.0, p99=5.0)
        for p50, p99, holds in ((1.0, 4.0, True), (3.0, 4.0, False), (1.0, 6.0, False)):
            joins = JoinTimes(count=9, p50=p50, p99=p99)
            self.assertEqual(judge(check, Findings(pairs={}, joins=joins)).passed, holds)
        self.assertFalse(judge(check, Findings(pairs={})).passed)

    def test_result_passes_if_all_checks_do(self) -> None:
        good, bad = (CheckResult(check="x", passed=passed, sentence="") for passed in (True, False))
        for checks, passed in (((good, good), True), ((good, bad), False), ((), True)):
            result = Result(scenario="s", seed=1, seconds=1.0, pairs=(), checks=checks)
            self.assertEqual(result.passed, passed)
