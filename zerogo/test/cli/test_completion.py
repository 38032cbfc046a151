"""`zerogo completion`: the scripts, and what they are answered with."""

from __future__ import annotations

from click.shell_completion import BashComplete
from click.testing import CliRunner
from twisted.trial.unittest import SynchronousTestCase

from zerogo.cli.completion import SHELLS, completion
from zerogo.cli.main import zerogo


class CompletionTests(SynchronousTestCase):
    def test_each_shell_has_a_script_that_asks_us(self) -> None:
        for shell in SHELLS:
            result = CliRunner().invoke(completion, [shell])
            self.assertEqual(result.exit_code, 0, result.output)
            self.assertIn(f"_ZEROGO_COMPLETE={shell}_complete", result.output)

    def test_commands_and_their_options_are_completed(self) -> None:
        complete = BashComplete(zerogo, {}, "zerogo", "_ZEROGO_COMPLETE")
        self.assertIn("doctor", [item.value for item in complete.get_completions([], "doc")])
        self.assertIn("--json", [item.value for item in complete.get_completions(["doctor"], "--j")])
