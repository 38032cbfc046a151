"""The figures that .ci/suite.py takes from trial's output."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from twisted.trial.unittest import SynchronousTestCase

SUITE = Path(__file__).resolve().parents[2] / ".ci" / "suite.py"


def load_suite() -> ModuleType:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("zerogo_ci_suite", SUITE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(SUITE.parent))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(SUITE.parent))
    return module


class FiguresTests(SynchronousTestCase):
    """`trial_figures`."""

    def figures(self, ending: str, status: int) -> str:
        return str(load_suite().trial_figures(f"noise\nRan 3 tests in 1.0s\n{ending}", status))

    def test_passed_run(self) -> None:
        text = "-----\nRan 12 tests in 0.500s\n\nPASSED (skips=2, expectedFailures=1, successes=9)\n"
        self.assertEqual(self.figures(text, 0), "10 passed, 0 failed, 2 skipped")

    def test_failed_run(self) -> None:
        text = "Ran 12 tests in 0.500s\n\nFAILED (failures=1, errors=2, unexpectedSuccesses=1, successes=8)\n"
        self.assertEqual(self.figures(text, 1), "8 passed, 4 failed, 0 skipped")

    def test_run_that_found_no_tests_failed(self) -> None:
        self.assertEqual(self.figures("Ran 0 tests in 0.000s\n\nPASSED\n", 0), "0 passed, 1 failed, 0 skipped")

    def test_run_that_ended_early_failed(self) -> None:
        self.assertEqual(self.figures("Segmentation fault", -11), "0 passed, 1 failed, 0 skipped")

    def test_bad_exit_status_is_a_failure_whatever_was_printed(self) -> None:
        text = "Ran 12 tests in 0.500s\n\nPASSED (successes=12)\n"
        self.assertEqual(self.figures(text, 1), "12 passed, 1 failed, 0 skipped")
