# -*- test-case-name: zerogo.test.controller.test_twistd -*-
"""`twistd -n zerogo-controller`: options and service; the only place of this role that knows the reactor."""

from __future__ import annotations

import sys
from typing import Any

from twisted.application.service import IService
from twisted.python.usage import UsageError

from zerogo.config.controller import ControllerConfig
from zerogo.config.load import default_path
from zerogo.config.options import RoleOptions
from zerogo.controller.oidc_provider import OidcSettingsWrong, check_settings
from zerogo.controller.service import ControllerService
from zerogo.net.clock import use_steady_clock
from zerogo.net.heap import collect_seldom
from zerogo.observe.service import LoggedService

SWITCH_SECONDS = 0.0005
"""After so long another thread that waits may run. Within one read of the database a thread lets go of the interpreter
several times; at Python's own 5 ms, a read beside a reactor that is at work took 6 ms, and at this 0.6 to 0.9 ms."""


class Options(RoleOptions[ControllerConfig]):
    """Where the configuration is, and the few keys that are handy on a command line."""

    role = "controller"
    config_class = ControllerConfig
    optParameters = [  # noqa: RUF012 - Twisted reads it from the class
        ["listen", None, None, "Address and port for agents and the API."],
        ["database", None, None, "The SQLite file."],
        ["state-dir", None, None, "Where keys and database are kept."],
        ["local-browsers", None, None, "true or false: let browsers on this machine log in at http://localhost."],
        ["relay-port", None, None, "The UDP and TCP port of the relay on this machine; 0: none."],
        ["relay-secret", None, None, "The relay's auth-secret, as file:PATH."],
        ["relay-tls-port", None, None, "The TLS port of that relay; 0: none."],
        ["relay-tls-pin", None, None, "SHA-256 of the public key of its certificate, in hex."],
    ]

    def postOptions(self) -> None:
        """Also hold the keys about logging in elsewhere against each other."""
        super().postOptions()
        try:
            check_settings(self.config.oidc)
        except OidcSettingsWrong as error:
            raise UsageError(f"{self['config'] or default_path(self.role)}: {error}") from error


def makeService(options: Options, reactor: Any = None) -> IService:
    """The service of the role."""
    if reactor is None:
        from twisted.internet import reactor as installed

        reactor = installed
    use_steady_clock(reactor)
    # A full collection among what a thousand agents are took 280 ms, in which nobody was answered.
    collect_seldom()
    sys.setswitchinterval(SWITCH_SECONDS)
    config = options.config
    role = LoggedService(config.log_level, config.log_format, options.parent)
    ControllerService(config, reactor).setServiceParent(role)  # type: ignore[no-untyped-call]
    return role
