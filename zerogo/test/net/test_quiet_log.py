"""What is left of Autobahn's log."""

from __future__ import annotations

from typing import Any

from twisted.logger import Logger, LogLevel
from twisted.trial.unittest import SynchronousTestCase

from zerogo.net.quiet_log import QuietLog


class QuietLogTests(SynchronousTestCase):
    def test_what_matters_is_said_at_debug_and_each_byte_is_not(self) -> None:
        seen: list[dict[str, Any]] = []
        log = QuietLog(Logger(namespace="x", observer=seen.append))
        for say in (log.debug, log.trace):
            say("{n} bytes", n=1)
        for say in (log.info, log.warn, log.error, log.critical):
            say("{n} connections", n=2)
        self.assertEqual([(each["log_level"], each["n"]) for each in seen], [(LogLevel.debug, 2)] * 4)
