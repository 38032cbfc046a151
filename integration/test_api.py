"""The API of a real controller, judged by Schemathesis (`judge_api` says how)."""

from __future__ import annotations

import os
import shutil

from twisted.trial.unittest import SynchronousTestCase

from integration.judge_api import judge_apart

EXAMPLES = 2


class ApiTests(SynchronousTestCase):
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        skip = "needs root, for a network namespace of its own"

    def test_schemathesis_finds_no_fault(self) -> None:
        judgement = judge_apart(EXAMPLES)
        self.assertTrue(judgement.is_clean, judgement.report)
