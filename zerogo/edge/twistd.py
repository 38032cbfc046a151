# -*- test-case-name: integration.test_exits -*-
"""`twistd -n zerogo-edge`: options and service; the only place of this role that knows the reactor."""

from __future__ import annotations

import os
from typing import Any

from twisted.application.service import IService

from zerogo.config.edge import EdgeConfig
from zerogo.config.options import RoleOptions
from zerogo.edge.owner import Surroundings
from zerogo.edge.service import EdgeService
from zerogo.net.clock import use_steady_clock
from zerogo.net.heap import collect_seldom, keep_freed
from zerogo.net.polling import poll_plainly
from zerogo.observe.service import LoggedService


class Options(RoleOptions[EdgeConfig]):
    """Where the configuration is, and the few keys that are handy on a command line."""

    role = "edge"
    config_class = EdgeConfig
    optParameters = [  # noqa: RUF012 - Twisted reads it from the class
        ["token", None, None, "The edge token of the gateway, or file:PATH; needed once."],
        ["name", None, None, "What this edge is called."],
        ["country", None, None, "Where it is, as in de."],
        ["identity", None, None, "A file that holds the key, such as the agent's; without it, an own one."],
        ["open-ranges", None, None, "Private ranges that users may reach; without it, none."],
        ["status-port", None, None, "The port of the owner's page on 127.0.0.1; 0: none."],
        ["state-dir", None, None, "Where the edge's key and its token are kept."],
    ]


def real_surroundings(reactor: Any) -> Surroundings:
    """This machine."""
    from zerogo.net.addresses import read_interfaces
    from zerogo.net.resolve import resolve_place

    return Surroundings(
        reactor,
        lambda host, port: resolve_place(reactor, host, port),
        lambda: [address.host for address in read_interfaces().addresses],
    )


def makeService(options: Options, reactor: Any = None) -> IService:
    """The service of the role."""
    if reactor is None:
        from twisted.internet import reactor as installed

        reactor = installed
    use_steady_clock(reactor)
    poll_plainly(reactor)
    keep_freed()
    collect_seldom()
    from zerogo.net.dial import stream_endpoint

    config = options.config
    role = LoggedService(config.log_level, config.log_format, options.parent)
    service = EdgeService(
        config, real_surroundings(reactor), lambda address: stream_endpoint(reactor, address), os.urandom
    )
    service.setServiceParent(role)  # type: ignore[no-untyped-call]
    return role
