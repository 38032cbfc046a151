"""Passwords come from standard input where that is no terminal, one a line."""

from __future__ import annotations

import io
import sys

from twisted.trial.unittest import SynchronousTestCase

from zerogo.cli.passwords import NoPassword, ask_password


class AskTests(SynchronousTestCase):
    def test_each_is_a_line(self) -> None:
        self.patch(sys, "stdin", io.StringIO("the old one\nthe new one \n\n"))
        self.assertEqual(ask_password("Password of ann"), "the old one")
        self.assertEqual(ask_password(is_new=True), "the new one ")
        self.assertEqual(ask_password(), "")

    def test_the_end_of_input_is_no_password(self) -> None:
        self.patch(sys, "stdin", io.StringIO(""))
        self.assertRaises(NoPassword, ask_password)
