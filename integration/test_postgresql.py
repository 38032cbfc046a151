"""The suite of the store on PostgreSQL, on a server that the test starts for itself."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from integration.servers import postgresql

SUITES = ("zerogo.test.store", "integration.store_on_server")
SECONDS_MOST = 540
LEAST = 90
"""Tests that must have passed, so that a suite that is not found is not a suite that passes."""
RESULT = re.compile(r"^PASSED \(.*successes=(\d+)\)$", re.M)


class PostgresqlTests(SynchronousTestCase):
    timeout = SECONDS_MOST + 60

    def test_the_suite_of_the_store(self) -> None:
        trial = str(Path(sys.executable).with_name("trial"))
        with postgresql() as server:
            done = subprocess.run(
                [trial, f"--temp-directory={Path(self.mktemp()).absolute()}", *SUITES],
                env={**os.environ, "ZEROGO_TEST_DATABASE": server.url},
                capture_output=True,
                text=True,
                timeout=SECONDS_MOST,
                check=False,
            )
        result = RESULT.search(done.stdout)
        self.assertEqual(done.returncode, 0, done.stdout[-8000:] + done.stderr[-2000:])
        assert result is not None
        self.assertGreater(int(result[1]), LEAST)
