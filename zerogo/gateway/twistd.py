# -*- test-case-name: integration.test_exits -*-
"""`twistd -n zerogo-gateway`: options and service; the only place of this role that knows the reactor."""

from __future__ import annotations

import os
from typing import Any

from twisted.application.service import IService

from zerogo.config.gateway import GatewayConfig
from zerogo.config.options import RoleOptions
from zerogo.gateway.service import GatewayService
from zerogo.net.clock import use_steady_clock
from zerogo.net.heap import collect_seldom, keep_freed
from zerogo.net.polling import poll_plainly
from zerogo.observe.service import LoggedService


class Options(RoleOptions[GatewayConfig]):
    """Where the configuration is, and the few keys that are handy on a command line."""

    role = "gateway"
    config_class = GatewayConfig
    optParameters = [  # noqa: RUF012 - Twisted reads it from the class
        ["listen", None, None, "Where users come in, by SOCKS5 and HTTP, as in 0.0.0.0:1080."],
        ["edge-listen", None, None, "Where edges dial in, as in 0.0.0.0:9396."],
        ["open-to", None, None, "Ranges whose users need no password, as in 127.0.0.1/32."],
        ["state-dir", None, None, "Where the gateway's key and its edge token are kept."],
    ]


def makeService(options: Options, reactor: Any = None) -> IService:
    """The service of the role."""
    if reactor is None:
        from twisted.internet import reactor as installed

        reactor = installed
    use_steady_clock(reactor)
    poll_plainly(reactor)
    keep_freed()
    collect_seldom()
    config = options.config
    role = LoggedService(config.log_level, config.log_format, options.parent)
    GatewayService(config, reactor, os.urandom).setServiceParent(role)  # type: ignore[no-untyped-call]
    return role
