"""The picture of a topology."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.lab.drawing import draw, path_style
from zerogo.lab.loader import load_scenario, parse_scenario
from zerogo.lab.result import PairResult


class DrawingTests(SynchronousTestCase):
    def test_strokes_join_the_columns_of_their_hosts(self) -> None:
        scenario = load_scenario("demo")
        lines = draw(scenario, [PairResult(pair=("alice", "carol"), path="direct", first_ping=1.0)], 120)
        names, stroke = lines[2].plain, lines[4].plain
        for name in ("alice", "carol"):
            column = names.index(name) + len(name) // 2
            self.assertTrue("●" in stroke[column - 1 : column + 2], f"{names}\n{stroke}")
        self.assertEqual(stroke.count("●"), 2)
        self.assertIn("┿", stroke)

    def test_all_rows_of_boxes_are_as_wide(self) -> None:
        for name in ("demo", "same-site", "cone", "ipv6"):
            lines = draw(load_scenario(name), [], 200)
            self.assertEqual(len({len(line.plain) for line in lines}), 1, name)

    def test_double_nats_show_both(self) -> None:
        self.assertIn("port + full", draw(load_scenario("cone"), [], 200)[1].plain)

    def test_ipv6_sites_show_their_firewall(self) -> None:
        self.assertIn("firewall", draw(load_scenario("ipv6"), [], 200)[1].plain)

    def test_colours_tell_direct_relayed_and_none(self) -> None:
        styles = [
            path_style(PairResult(pair=("a", "b"), path=path)) for path in ("direct", "relay", "peer", "none", "")
        ]
        self.assertEqual(styles, ["bold green", "yellow", "yellow", "red", "red"])

    def test_without_a_mesh_answers_are_drawn(self) -> None:
        scenario = parse_scenario("sites: {a: {hosts: {x: {}}}, b: {hosts: {y: {}}}}", name="s", file="s")
        line = draw(scenario, [PairResult(pair=("x", "y"), first_ping=0.1, rtt_p50=0.02)], 100)[-1]
        self.assertIn("answers  20 ms", line.plain)
