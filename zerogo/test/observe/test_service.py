"""twistd logs our way."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from twisted.application.service import Application, MultiService, Service
from twisted.logger import ILogObserver, LogLevel
from twisted.trial.unittest import SynchronousTestCase

from zerogo.errors import EnvironmentFault, LocalError
from zerogo.observe.service import LoggedService


class LoggedServiceTests(SynchronousTestCase):
    """`LoggedService`."""

    def test_application_gets_our_observer(self) -> None:
        path = Path(self.mktemp())
        application = Application("zerogo-agent")
        service = LoggedService("info", "text", {"logfile": str(path), "nodaemon": 1})
        service.setServiceParent(application)
        write = application.getComponent(ILogObserver)
        write({"log_format": "hello", "log_level": LogLevel.info, "log_time": 0.0, "log_namespace": "zerogo.agent.x"})
        write({"log_format": "quiet", "log_level": LogLevel.debug, "log_time": 0.0, "log_namespace": "zerogo.agent.x"})
        service.levels.set("debug")
        write({"log_format": "loud", "log_level": LogLevel.debug, "log_time": 0.0, "log_namespace": "zerogo.agent.x"})
        lines = path.read_text().splitlines()
        self.assertEqual([line.split()[-1] for line in lines], ["hello", "loud"])

    def test_a_log_file_is_its_owners(self) -> None:
        path = Path(self.mktemp())
        service = LoggedService("info", "text", {"logfile": str(path), "nodaemon": 0})
        service.setServiceParent(Application("zerogo-agent"))
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)

    def test_foreground_logs_to_standard_output(self) -> None:
        from zerogo.observe.service import _stream

        for options in ({}, {"nodaemon": 1, "logfile": None}, {"nodaemon": 0, "logfile": "-"}):
            self.assertIs(_stream(options), sys.stdout)

    def test_may_be_the_child_of_another_service(self) -> None:
        parent = MultiService()
        service = LoggedService("info", "json")
        service.setServiceParent(parent)
        self.assertEqual(parent.services, [service])

    def test_fault_at_the_start_is_one_sentence(self) -> None:
        class Faulty(Service):
            def startService(self) -> None:
                raise EnvironmentFault("port 9394 is in use")

            privilegedStartService = startService

        service = LoggedService("info", "text")
        Faulty().setServiceParent(service)
        for start in (service.startService, service.privilegedStartService):
            self.assertEqual(str(self.assertRaises(SystemExit, start)), "zerogo: port 9394 is in use")

    def test_who_started_a_daemon_that_fails_is_told(self) -> None:
        class Faulty(Service):
            def startService(self) -> None:
                raise LocalError("port 9394 is in use " + "x" * 200)

        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        self.addCleanup(os.close, writing)
        service = LoggedService("info", "text", {"statusPipe": writing})
        Faulty().setServiceParent(service)
        self.assertRaises(SystemExit, service.startService)
        told = os.read(reading, 1000)
        self.assertTrue(told.startswith(b"1 port 9394 is in use "), told)
        self.assertLessEqual(len(told), 100)

    def test_wrong_settings_are_refused_at_once(self) -> None:
        self.assertRaises(LocalError, LoggedService, "loud", "text")
        self.assertRaises(LocalError, LoggedService, "info", "xml")
