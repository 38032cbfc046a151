# -*- test-case-name: zerogo.test.edge.test_service -*-
"""An edge's life: join with what is on disk, carry streams, show the owner what happens."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import inlineCallbacks
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.web.server import Site

from zerogo.config.edge import EdgeConfig
from zerogo.control.edge_token import EdgeToken
from zerogo.core import RandomBytes
from zerogo.edge.fleet import EdgeFleet
from zerogo.edge.metrics import edge_metrics
from zerogo.edge.owner import EdgeOwner, Surroundings
from zerogo.edge.state_dir import EdgeState
from zerogo.edge.status import StatusPage
from zerogo.errors import EnvironmentFault
from zerogo.ids import SocketAddress
from zerogo.net.dial import ControllerAddress
from zerogo.observe.metrics import metrics_site

LAST_WORDS_SECONDS = 0.1


class NotJoinedYet(EnvironmentFault):
    """This edge belongs to no gateway: run `zerogo edge join TOKEN`."""

    code = "E-EDGE-TOKEN"


class EdgeService(Service):
    """An edge."""

    log = Logger()

    def __init__(
        self,
        config: EdgeConfig,
        surroundings: Surroundings,
        endpoint_of: Callable[[ControllerAddress], IStreamClientEndpoint],
        rng: RandomBytes,
        unix_time: Callable[[], float] = time.time,
    ) -> None:
        self.fleet: EdgeFleet | None = None
        self._config = config
        self._around = surroundings
        self._endpoint_of = endpoint_of
        self._rng = rng
        self._unix_time = unix_time
        self._page: Any = None
        self._metrics: Any = None

    def startService(self) -> None:
        """Join; raises `NotJoinedYet`, `PrivateFileError`, `ParseError`, `EnvironmentFault`: nobody was dialled
        then, and what is open is closed by `stopService`."""
        super().startService()  # type: ignore[no-untyped-call]
        state = EdgeState(self._config.state_dir, self._config.identity)
        if self._config.token is not None:
            state.save_token(EdgeToken.parse(self._config.token.reveal()))
        token = state.token()
        if token is None:
            raise NotJoinedYet("this edge belongs to no gateway: run `zerogo edge join TOKEN`")
        owner = EdgeOwner(self._config, self._around, state, self._unix_time)
        self.fleet = EdgeFleet(
            self._config, token, owner, state, self._around, endpoint_of=self._endpoint_of, rng=self._rng
        )
        if self._config.metrics_listen is not None:
            self._metrics = self._listen_for_monitoring(self.fleet, self._config.metrics_listen)
        if self._config.status_port:
            self._show(self.fleet)
        self.fleet.start()

    def standing(self) -> tuple[str, str]:
        """How it stands with its gateways (dialling, ready, refused; or paused), and why."""
        return ("stopped", "") if self.fleet is None else self.fleet.standing

    @property
    def metrics_port(self) -> int:
        """Where figures are read; 0: nowhere."""
        return 0 if self._metrics is None else int(self._metrics.getHost().port)

    @inlineCallbacks
    def stopService(self) -> Any:
        """Close what is open."""
        super().stopService()  # type: ignore[no-untyped-call]
        if self.fleet is not None:
            self.fleet.stop()
            # The gateways are told in the turns of the reactor that follow.
            yield deferLater(self._around.reactor, LAST_WORDS_SECONDS, lambda: None)
        for port in (self._page, self._metrics):
            if port is not None:
                yield port.stopListening()
        self._page = self._metrics = None

    def _listen_for_monitoring(self, fleet: EdgeFleet, address: SocketAddress) -> Any:
        site = metrics_site(lambda: edge_metrics(fleet))
        try:
            return self._around.reactor.listenTCP(address.port, site, interface=address.host)
        except CannotListenError as error:
            raise EnvironmentFault(f"the edge cannot listen on {address}: {error.socketError}") from error

    def _show(self, fleet: EdgeFleet) -> None:
        site = Site(StatusPage(fleet))
        site.noisy = False
        # The page asks once a second: one line for each would leave nothing else in the log.
        site.log = lambda request: None  # type: ignore[method-assign]
        try:
            self._page = self._around.reactor.listenTCP(self._config.status_port, site, interface="127.0.0.1")
        except CannotListenError:
            self.log.warn("no status page: port {port} is in use", port=self._config.status_port)
