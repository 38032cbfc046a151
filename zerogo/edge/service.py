# -*- test-case-name: integration.test_exits -*-
"""An edge's life: join with what is on disk, carry streams, show the owner what happens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import inlineCallbacks
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.logger import Logger
from twisted.web.server import Site

from zerogo.config.edge import EdgeConfig
from zerogo.control.edge_token import DEFAULT_PORT, EdgeToken
from zerogo.control.token import split_host_port
from zerogo.core import RandomBytes
from zerogo.edge.state_dir import EdgeState
from zerogo.edge.status import StatusPage
from zerogo.edge.tunnel import EdgeTunnel, Surroundings
from zerogo.errors import EnvironmentFault
from zerogo.net.dial import ControllerAddress
from zerogo.net.exit_client import GatewayClient, GatewayPlace
from zerogo.net.exit_places import EDGE_PATH


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
    ) -> None:
        self.tunnel: EdgeTunnel | None = None
        self._config = config
        self._around = surroundings
        self._endpoint_of = endpoint_of
        self._rng = rng
        self._client: GatewayClient | None = None
        self._page: Any = None

    def startService(self) -> None:
        """Join; raises `NotJoinedYet`, `PrivateFileError`, `ParseError`."""
        super().startService()  # type: ignore[no-untyped-call]
        state = EdgeState(self._config.state_dir)
        if self._config.token is not None:
            state.save_token(EdgeToken.parse(self._config.token.reveal()))
        token = state.token()
        if token is None:
            raise NotJoinedYet("this edge belongs to no gateway: run `zerogo edge join TOKEN`")
        self.tunnel = EdgeTunnel(self._config, token, self._around)
        place = GatewayPlace(
            addresses=[_address(text, token.is_tls) for text in token.addresses], key_hash=token.key_hash
        )
        reactor = self._around.reactor
        self._client = GatewayClient(
            self.tunnel, place, state.identity(), clock=reactor, endpoint_of=self._endpoint_of, rng=self._rng
        )
        self._client.start()
        if self._config.status_port:
            self._show(self.tunnel)

    @inlineCallbacks
    def stopService(self) -> Any:
        """Close what is open."""
        super().stopService()  # type: ignore[no-untyped-call]
        if self._client is not None:
            self._client.stop()
        if self.tunnel is not None:
            self.tunnel.close()
        if self._page is not None:
            yield self._page.stopListening()

    def _show(self, tunnel: EdgeTunnel) -> None:
        site = Site(StatusPage(tunnel))
        site.noisy = False
        try:
            self._page = self._around.reactor.listenTCP(self._config.status_port, site, interface="127.0.0.1")
        except CannotListenError:
            self.log.warn("no status page: port {port} is in use", port=self._config.status_port)


def _address(text: str, is_tls: bool) -> ControllerAddress:
    host, port = split_host_port(text, DEFAULT_PORT)
    return ControllerAddress(host, port, is_tls, EDGE_PATH)
