"""Labels of names, against what IDNA gives, and whatever people may type."""

from __future__ import annotations

import re

import idna
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.names.label import LABEL_LIMIT, label_of

LABEL = re.compile(r"\A[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\Z")


class LabelTests(SynchronousTestCase):
    def test_plain_names(self) -> None:
        for name, label in {
            "printer": "printer",
            "Living Room": "living-room",
            "my_nas": "my-nas",
            "--a..b--": "a-b",
            "a--b": "a--b",
            "ﬁle 2": "file-2",
            "x" * 80: "x" * 63,
            "": "",
            "🙂": "",
            "_": "",
        }.items():
            self.assertEqual(label_of(name), label, name)

    def test_other_scripts_are_what_idna_makes_of_them(self) -> None:
        for name, spelled in {
            "我的电脑": "我的电脑",
            "Bücher": "bücher",
            "Кухня 2": "кухня-2",
            "STRAẞE": "strasse",
            "مكتب": "مكتب",
        }.items():
            expected = spelled if spelled.isascii() else idna.encode(spelled).decode()
            self.assertEqual(label_of(name), expected, name)

    def test_what_idna_has_no_letter_for_is_left_out(self) -> None:
        self.assertEqual(label_of("büro🙂"), label_of("büro"))

    def test_long_names_of_other_scripts_end_sooner(self) -> None:
        label = label_of("网" * 63)
        self.assertLessEqual(len(label), LABEL_LIMIT)
        self.assertTrue(idna.decode(label).startswith("网网网"))

    @settings(deadline=None, max_examples=200)
    @given(st.text(max_size=70))
    def test_any_text_gives_a_label_or_nothing(self, name: str) -> None:
        label = label_of(name)
        self.assertTrue(label == "" or (len(label) <= LABEL_LIMIT and LABEL.match(label)), (name, label))
        self.assertEqual(label_of(label), label)
