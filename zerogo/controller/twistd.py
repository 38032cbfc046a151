# -*- test-case-name: zerogo.test.controller.test_twistd -*-
"""`twistd -n zerogo-controller`: options and service; the only place of this role that knows the reactor."""

from __future__ import annotations

from typing import Any

from twisted.application.service import IService
from twisted.python.usage import Options as TwistedOptions
from twisted.python.usage import UsageError

from zerogo.config.controller import ControllerConfig
from zerogo.config.errors import ConfigError
from zerogo.config.load import default_path, load
from zerogo.controller.service import ControllerService
from zerogo.errors import EnvironmentFault
from zerogo.net.clock import use_steady_clock
from zerogo.observe.service import LoggedService


class Options(TwistedOptions):
    """Only where the configuration is, and the few keys that are handy on a command line."""

    optParameters = [  # noqa: RUF012 - Twisted reads it from the class
        ["config", "c", None, "The configuration file; else /etc/zerogo/controller.yaml, if it is there."],
        ["listen", None, None, "Address and port for agents and the API."],
        ["database", None, None, "The SQLite file."],
        ["state-dir", None, None, "Where keys and database are kept."],
        ["relay-port", None, None, "The UDP port of the relay on this machine; 0: none."],
        ["log-level", None, None, "debug, info, warn, error or critical."],
    ]
    config: ControllerConfig

    def postOptions(self) -> None:
        """Read the configuration, so that what is wrong with it is said before anything starts."""
        overrides = {key: value for key, value in self.items() if key != "config" and value is not None}
        path = self["config"] or default_path("controller")
        try:
            self.config = load(path, ControllerConfig, overrides)
        except ConfigError as error:
            raise UsageError(str(error)) from error


class _ControllerRole(LoggedService):
    def startService(self) -> None:
        """What keeps a controller from starting is one sentence, not a traceback."""
        try:
            super().startService()  # type: ignore[no-untyped-call]
        except EnvironmentFault as error:
            raise SystemExit(f"zerogo-controller: {error}") from error


def makeService(options: Options, reactor: Any = None) -> IService:
    """The service of the role."""
    if reactor is None:
        from twisted.internet import reactor as installed

        reactor = installed
    use_steady_clock(reactor)
    config = options.config
    role = _ControllerRole(config.log_level, config.log_format, options.parent)
    ControllerService(config, reactor).setServiceParent(role)  # type: ignore[no-untyped-call]
    return role
