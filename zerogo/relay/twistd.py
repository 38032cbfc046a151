# -*- test-case-name: zerogo.test.relay.test_twistd -*-
"""`twistd -n zerogo-relay`: options and service; the only place of this role that knows the reactor."""

from __future__ import annotations

from typing import Any

from twisted.application.service import IService

from zerogo.config.options import RoleOptions
from zerogo.config.relay import RelayConfig
from zerogo.net.clock import use_steady_clock
from zerogo.observe.service import LoggedService
from zerogo.relay.service import RelayService


class Options(RoleOptions[RelayConfig]):
    """Where the configuration is, and the few keys that are handy on a command line."""

    role = "relay"
    config_class = RelayConfig
    optParameters = [  # noqa: RUF012 - Twisted reads it from the class
        ["listen", None, None, "Addresses and UDP ports to answer on, as in 0.0.0.0:3478,[::]:3478."],
        ["tcp-listen", None, None, "Addresses and ports for TURN over TCP."],
        ["tls-listen", None, None, "Addresses and ports for TURN over TLS."],
        ["tls-certificate", None, None, "The certificate for TLS (PEM)."],
        ["tls-key", None, None, "The private key of the certificate (PEM)."],
        ["auth-secret", None, None, "What time-limited credentials are made with, as file:PATH."],
        ["public-ip", None, None, "The address that peers reach this relay at, one of each family."],
    ]


def makeService(options: Options, reactor: Any = None) -> IService:
    """The service of the role."""
    if reactor is None:
        from twisted.internet import reactor as installed

        reactor = installed
    use_steady_clock(reactor)
    config = options.config
    role = LoggedService(config.log_level, config.log_format, options.parent)
    RelayService(config, reactor).setServiceParent(role)  # type: ignore[no-untyped-call]
    return role
