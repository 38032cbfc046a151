"""Groups of commands as a user meets them."""

from __future__ import annotations

import click
from click.testing import CliRunner
from twisted.trial.unittest import SynchronousTestCase

from zerogo.cli.groups import Commands, guess

SUMMARY = "Do a thing whose summary is so long that it does not fit on one line of a terminal of eighty columns."


@click.group(cls=Commands)
def tool() -> None:
    """A tool."""


@tool.command(help=SUMMARY)
def peers() -> None:
    click.echo("done")


class GroupTests(SynchronousTestCase):
    """Summaries, and commands that are not known."""

    def test_summaries_are_not_cut(self) -> None:
        done = CliRunner().invoke(tool, ["--help"], terminal_width=80)
        self.assertIn(SUMMARY, " ".join(done.output.split()))

    def test_a_command_that_is_nearly_one_is_suggested(self) -> None:
        done = CliRunner().invoke(tool, ["pears"])
        self.assertEqual(done.exit_code, 2)
        self.assertIn("No such command 'pears'. Did you mean 'peers'?", done.output)
        self.assertNotIn("Did you mean", CliRunner().invoke(tool, ["xyz"]).output)

    def test_commands_are_run(self) -> None:
        self.assertEqual(CliRunner().invoke(tool, ["peers"]).output, "done\n")

    def test_options_are_left_to_click(self) -> None:
        self.assertIn("No such option", CliRunner().invoke(tool, ["--pears"]).output)

    def test_a_guess_is_made_of_what_is_close(self) -> None:
        self.assertEqual(guess("piers", ["peers", "ping"]), " Did you mean 'peers'?")
        self.assertEqual(guess("zzz", ["peers", "ping"]), "")
