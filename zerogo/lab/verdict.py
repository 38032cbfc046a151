# -*- test-case-name: zerogo.test.lab.test_verdict -*-
"""Whether the checks of a scenario hold, given what a run found out. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from zerogo.lab.result import Behaviour, CheckResult, Findings, JoinTimes, PairResult, Sealing
from zerogo.lab.scenario import Check, CheckKind, Pair

_SHOWN_PAIRS = 5


def judge(check: Check, findings: Findings) -> CheckResult:
    """The verdict on one check."""
    match check.kind:
        case CheckKind.SEALED:
            complaint = _judge_sealing(findings.sealing)
        case CheckKind.NAT:
            complaint = _judge_nat(check, findings.behaviours.get(check.host or ""))
        case CheckKind.JOINS:
            complaint = _judge_joins(check, findings.joins)
        case _:
            complaint = _judge_pairs(check, findings.pairs)
    return CheckResult(check=str(check), passed=not complaint, sentence=complaint or "holds")


def _judge_pairs(check: Check, pairs: Mapping[Pair, PairResult]) -> str:
    """What is wrong, empty if nothing is."""
    rule = _RULES[check.kind]
    complaints = []
    for pair in check.pairs:
        result = _find(pairs, pair)
        if result is None:
            complaints.append(f"{pair[0]} - {pair[1]}: not measured")
            continue
        complaint = rule(check, result)
        is_excused = pair in check.may_fail or pair[::-1] in check.may_fail
        if complaint and not (is_excused and result.reason):
            complaints.append(
                f"{pair[0]} - {pair[1]}: {complaint}{' (' + result.reason + ')' if result.reason else ''}"
            )
    more = f" and {len(complaints) - _SHOWN_PAIRS} more" if len(complaints) > _SHOWN_PAIRS else ""
    return "; ".join(complaints[:_SHOWN_PAIRS]) + more


def _find(pairs: Mapping[Pair, PairResult], pair: Pair) -> PairResult | None:
    return pairs.get(pair) or pairs.get((pair[1], pair[0]))


def _judge_ping(check: Check, result: PairResult) -> str:
    if result.first_ping is None:
        return "never answered"
    if result.first_ping > check.limit:
        return f"first answer after {result.first_ping:.2f} s, allowed are {check.limit:g} s"
    return "" if result.answers else "does not answer any more"


def _judge_path(check: Check, result: PairResult) -> str:
    return "" if result.path in check.expected else f"the path is {result.path or 'unknown'}"


def _judge_direct(check: Check, result: PairResult) -> str:
    if result.direct is None or result.path != "direct":
        return "not direct"
    return "" if result.direct <= check.limit else f"direct after {result.direct:.2f} s, allowed are {check.limit:g} s"


def _judge_loss(check: Check, result: PairResult) -> str:
    if result.loss is None:
        return "no pings in the time of measuring"
    return "" if result.loss < check.limit else f"{result.loss:.1%} lost, allowed are less than {check.limit:.1%}"


def _judge_rtt(check: Check, result: PairResult) -> str:
    if result.rtt_p50 is None:
        return "no answers in the time of measuring"
    if result.rtt_p50 < check.limit:
        return ""
    return f"median round trip {result.rtt_p50 * 1000:.1f} ms, allowed are less than {check.limit * 1000:.1f} ms"


def _judge_outage(check: Check, result: PairResult) -> str:
    if result.outage is None:
        return "no answers"
    return "" if result.outage < check.limit else f"silent for {result.outage:.2f} s, allowed are {check.limit:g} s"


def _judge_throughput(check: Check, result: PairResult) -> str:
    if result.throughput is None:
        return "not measured"
    if result.throughput > check.limit:
        return ""
    return f"{result.throughput / 1e6:.1f} Mbit/s, wanted are more than {check.limit / 1e6:.1f}"


_RULES: Mapping[CheckKind, Callable[[Check, PairResult], str]] = {
    CheckKind.PING: _judge_ping,
    CheckKind.PATH: _judge_path,
    CheckKind.DIRECT: _judge_direct,
    CheckKind.LOSS: _judge_loss,
    CheckKind.RTT: _judge_rtt,
    CheckKind.OUTAGE: _judge_outage,
    CheckKind.THROUGHPUT: _judge_throughput,
}


def _judge_sealing(sealing: Sealing | None) -> str:
    if sealing is None or not sealing.answered:
        return "no ping went through the mesh, so nothing is proven"
    if not sealing.control:
        return "the packet sent in the open was not seen either, so nothing is proven"
    return f"{sealing.inside} packets on the internet show what is inside the mesh" if sealing.inside else ""


def _judge_nat(check: Check, behaviour: Behaviour | None) -> str:
    if behaviour is None:
        return "not observed"
    seen = (behaviour.mapping, behaviour.filtering)
    return "" if seen == check.expected else f"mapping is {seen[0]}, filtering is {seen[1]}"


def _judge_joins(check: Check, joins: JoinTimes | None) -> str:
    if joins is None or joins.p50 is None or joins.p99 is None:
        return "not measured; the scenario needs `repeat`"
    if joins.p50 < check.limit and joins.p99 < check.p99:
        return ""
    return f"p50 is {joins.p50:.2f} s, p99 is {joins.p99:.2f} s of {joins.count}"
