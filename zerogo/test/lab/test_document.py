"""Values of a YAML document that know where they stand."""

from __future__ import annotations

import enum

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.lab.document import DOCUMENT_LIMIT_BYTES, Place, parse_document
from zerogo.lab.errors import ScenarioError


class Colour(enum.Enum):
    LIGHT_RED = "light-red"
    GREEN = "green"


def value(text: str) -> Place:
    """The value of key `k` in `k: <text>`."""
    return parse_document(f"k: {text}", "f.yaml").keys(("k",))["k"]


class DocumentTests(SynchronousTestCase):
    def complaint(self, text: str) -> str:
        return str(self.assertRaises(ScenarioError, parse_document, text, "f.yaml"))

    def test_what_is_not_yaml_is_named(self) -> None:
        self.assertIn("f.yaml: this is not YAML", self.complaint("a: [1"))
        self.assertIn("f.yaml: the file is empty", self.complaint(""))
        self.assertIn("larger than", self.complaint("#" * (DOCUMENT_LIMIT_BYTES + 1)))

    def test_unknown_key_names_line_and_nearest(self) -> None:
        place = parse_document("one: 1\n\nhairpn: true\n", "f.yaml")
        error = self.assertRaises(ScenarioError, place.keys, ("one", "hairpin"))
        self.assertEqual(str(error), "f.yaml:3: hairpn: unknown key 'hairpn'; did you mean 'hairpin'?")

    def test_hyphen_and_underscore_are_the_same_key(self) -> None:
        self.assertEqual(parse_document("time_limit: 3", "f").keys(("time-limit",))["time-limit"].integer(0, 9), 3)

    def test_key_twice_is_refused(self) -> None:
        for text in ("a: 1\na: 2\n", "a-b: 1\na_b: 2\n"):
            place = parse_document(text, "f.yaml")
            self.assertIn("twice", str(self.assertRaises(ScenarioError, place.keys, ("a", "a-b"))))

    def test_quantities_have_units(self) -> None:
        self.assertEqual([value(t).seconds() for t in ("20ms", "1.5s", "2min", "3")], [0.02, 1.5, 120.0, 3.0])
        self.assertEqual([value(t).rate() for t in ("10mbit", "64kbit", "5")], [1e7, 64e3, 5.0])
        self.assertEqual([value(t).fraction() for t in ("5%", "0.5", "100%")], [0.05, 0.5, 1.0])

    def test_wrong_quantities_are_refused(self) -> None:
        for text in ("20 parsecs", "-1", "1e3", "[1]", "~", "ms", "99999999h"):
            self.assertRaises(ScenarioError, value(text).seconds)
        self.assertRaises(ScenarioError, value("101%").fraction)
        self.assertRaises(ScenarioError, value("5bananas").rate)

    def test_choice_names_the_nearest(self) -> None:
        self.assertIs(value("light_red").choice(Colour), Colour.LIGHT_RED)
        error = self.assertRaises(ScenarioError, value("gren").choice, Colour)
        self.assertIn("did you mean 'green'?", str(error))

    def test_booleans_and_numbers(self) -> None:
        self.assertEqual([value(t).boolean() for t in ("yes", "False", "on")], [True, False, True])
        self.assertRaises(ScenarioError, value("perhaps").boolean)
        self.assertRaises(ScenarioError, value("11").integer, 0, 10)
        self.assertRaises(ScenarioError, value("x").integer, 0, 10)

    def test_names_are_short_and_plain(self) -> None:
        self.assertEqual(value("new-york2").name(), "new-york2")
        for text in ("Berlin", "-a", "a-", "a" * 21, "a b", "'../x'", "ü"):
            self.assertRaises(ScenarioError, value(text).name)

    def test_items_are_named_by_number(self) -> None:
        second = list(value("[1, x]").items())[1]
        self.assertIn("k[1]", str(self.assertRaises(ScenarioError, second.integer, 0, 9)))
        self.assertRaises(ScenarioError, lambda: list(value("word").items()))

    @given(st.text(max_size=200))
    @settings(max_examples=150, deadline=None)
    def test_garbage_raises_nothing_else(self, text: str) -> None:
        try:
            place = parse_document(text, "f.yaml")
            for entry in place.entries().values():
                entry.seconds()
        except ScenarioError as error:
            self.assertTrue(str(error).startswith("f.yaml"))
