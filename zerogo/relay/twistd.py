# -*- test-case-name: zerogo.test.relay.test_twistd -*-
"""`twistd -n zerogo-relay`: options and service; the only place of this role that knows the reactor."""

from __future__ import annotations

from typing import Any

from twisted.application.service import IService
from twisted.python.usage import Options as TwistedOptions
from twisted.python.usage import UsageError

from zerogo.config.errors import ConfigError
from zerogo.config.load import default_path, load
from zerogo.config.relay import RelayConfig
from zerogo.errors import EnvironmentFault
from zerogo.net.clock import use_steady_clock
from zerogo.observe.service import LoggedService
from zerogo.relay.service import RelayService


class Options(TwistedOptions):
    """Only where the configuration is, and the few keys that are handy on a command line."""

    optParameters = [  # noqa: RUF012 - Twisted reads it from the class
        ["config", "c", None, "The configuration file; else /etc/zerogo/relay.yaml, if it is there."],
        ["listen", None, None, "Addresses and UDP ports to answer on, as in 0.0.0.0:3478,[::]:3478."],
        ["log-level", None, None, "debug, info, warn, error or critical."],
    ]
    config: RelayConfig

    def postOptions(self) -> None:
        """Read the configuration, so that what is wrong with it is said before anything starts."""
        overrides = {key: value for key, value in self.items() if key != "config" and value is not None}
        path = self["config"] or default_path("relay")
        try:
            self.config = load(path, RelayConfig, overrides)
        except ConfigError as error:
            raise UsageError(str(error)) from error


class _RelayRole(LoggedService):
    """What keeps a relay from starting is one sentence, not a traceback."""

    def privilegedStartService(self) -> None:
        try:
            super().privilegedStartService()  # type: ignore[no-untyped-call]
        except EnvironmentFault as error:
            raise SystemExit(f"zerogo-relay: {error}") from error


def makeService(options: Options, reactor: Any = None) -> IService:
    """The service of the role."""
    if reactor is None:
        from twisted.internet import reactor as installed

        reactor = installed
    use_steady_clock(reactor)
    config = options.config
    role = _RelayRole(config.log_level, config.log_format, options.parent)
    RelayService(config, reactor).setServiceParent(role)  # type: ignore[no-untyped-call]
    return role
