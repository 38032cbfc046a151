"""Filters hold what the scenarios say, whatever the bytes."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.policy.filter import OPEN_RULE, PeerFilter, PolicyRule
from zerogo.switch.gate import Gate
from zerogo.test import vectors
from zerogo.test.switch.scenarios import ANSWER, ASK, MACS, NOTHING, UDP, UDP_7, frame4, ports, scenarios

FILE = Path(vectors.__path__[0]) / "filters.json"
frames = st.one_of(
    st.binary(max_size=80),
    st.builds(
        lambda kind, rest: MACS + kind + rest, st.sampled_from([b"\x08\x00E", b"\x86\xdd`"]), st.binary(max_size=90)
    ),
)


def filter_of(spelt: dict[str, list[list[object]]] | None) -> PeerFilter | None:
    if spelt is None:
        return None
    both = []
    for rows in (spelt["outbound"], spelt["inbound"]):
        rules = [PolicyRule(row[0], row[1] and tuple(row[1]), tuple(row[2]), row[3]) for row in rows]  # type: ignore
        both.append(tuple(rules))
    return PeerFilter(*both)


class ScenarioTests(SynchronousTestCase):
    def test_the_file_is_what_the_scenarios_are(self) -> None:
        self.assertEqual(scenarios(), json.loads(FILE.read_text()))

    def test_every_step_of_every_scenario(self) -> None:
        for scenario in scenarios():
            gate = Gate()
            gate.set_filter(1, filter_of(scenario["filter"]))
            for number, step in enumerate(scenario["steps"]):
                if "filter" in step:
                    gate.set_filter(1, filter_of(step["filter"]))
                    continue
                passes = gate.passes(1, bytes.fromhex(step["frame"]), step["way"] == "out", step["at"])
                self.assertEqual(step["passes"], passes, f"{scenario['name']}, step {number}: {step}")


class GateTests(SynchronousTestCase):
    def test_flows_are_of_one_peer(self) -> None:
        gate = Gate()
        for peer in (1, 2):
            gate.set_filter(peer, UDP_7)
        self.assertTrue(gate.passes(1, ASK, True, 0.0))
        self.assertFalse(gate.passes(2, ANSWER, False, 0.0))
        self.assertTrue(gate.passes(1, ANSWER, False, 0.0))

    def test_a_full_table_loses_the_flow_that_was_idle_longest(self) -> None:
        gate = Gate(flows_limit=2)
        gate.set_filter(1, UDP_7)

        def answer(port: int) -> bool:
            return gate.passes(1, frame4(UDP, ports(7, port), ("10.77.0.2", "10.77.0.1")), False, 5.0)

        for port in (1, 2):
            gate.passes(1, frame4(UDP, ports(port, 7), ("10.77.0.1", "10.77.0.2")), True, float(port))
        self.assertTrue(answer(1))
        gate.passes(1, frame4(UDP, ports(3, 7), ("10.77.0.1", "10.77.0.2")), True, 6.0)
        self.assertEqual([True, False, True], [answer(1), answer(2), answer(3)])
        self.assertEqual(2, len(gate.flows))

    def test_a_peer_without_filter_leaves_nothing_behind(self) -> None:
        gate = Gate()
        gate.set_filter(1, UDP_7)
        gate.passes(1, ASK, True, 0.0)
        gate.set_filter(1, None)
        self.assertEqual((0, False), (len(gate.flows), gate.holds(1)))

    @settings(deadline=None, max_examples=200)
    @given(frames, st.booleans())
    def test_any_bytes_are_judged(self, frame: bytes, is_outbound: bool) -> None:
        gate = Gate()
        gate.set_filter(1, NOTHING)
        allowed = Gate()
        allowed.set_filter(1, PeerFilter((OPEN_RULE,), (OPEN_RULE,)))
        passes_closed, passes_open = gate.passes(1, frame, is_outbound, 0.0), allowed.passes(1, frame, is_outbound, 0.0)
        self.assertLessEqual(passes_closed, passes_open)
        self.assertEqual(0, len(gate.flows))

    @settings(deadline=None, max_examples=100)
    @given(st.lists(st.tuples(st.integers(1, 6), st.integers(1, 6), st.booleans(), st.integers(0, 400)), max_size=30))
    def test_nothing_passes_that_was_not_opened(self, steps: list[tuple[int, int, bool, int]]) -> None:
        """Against a model: a set of what was opened and when it was used last."""
        gate, model, now = Gate(), dict[tuple[int, int], float](), 0.0
        gate.set_filter(1, PeerFilter((PolicyRule(UDP, (1, 3)),), (PolicyRule(UDP, (5, 5)),)))
        for source, destination, is_outbound, gap in steps:
            now += gap
            way = ("10.77.0.1", "10.77.0.2") if is_outbound else ("10.77.0.2", "10.77.0.1")
            flow = (source, destination) if is_outbound else (destination, source)
            known = flow in model and now - model[flow] < 180
            expected = known or (destination in (1, 2, 3) if is_outbound else destination == 5)
            self.assertEqual(expected, gate.passes(1, frame4(UDP, ports(source, destination), way), is_outbound, now))
            if expected:
                model[flow] = now
