"""Many edges in one process, that only are there: `python -m integration.bench.crowd TOKEN COUNT`. Real handshakes,
a key of its own each; says `all here` and the seconds when the last one was welcomed, then stays."""

from __future__ import annotations

import os
import sys
from typing import Any

from twisted.internet import reactor as installed

from zerogo.control.edge_token import DEFAULT_PORT, EdgeToken
from zerogo.control.token import split_host_port
from zerogo.exit.budget import TUNNEL_BYTES, Budget
from zerogo.exit.frames import Open
from zerogo.exit.greeting import Join, Refusal, Welcome
from zerogo.exit.mux import Mux
from zerogo.exit.reason import Reason
from zerogo.exit.tunnel import Tunnel
from zerogo.net.dial import ControllerAddress, stream_endpoint
from zerogo.net.exit_client import GatewayClient, GatewayPlace
from zerogo.net.exit_places import EDGE_PATH
from zerogo.net.exit_tunnel import TunnelDriver
from zerogo.noise.identity import Identity

reactor: Any = installed
AT_A_TIME = 64


class Crowd:
    """All of them; some at a time."""

    def __init__(self, token: EdgeToken, count: int) -> None:
        self._token = token
        self._left = count
        self._wanted = count
        self._here = 0
        self._began = reactor.seconds()

    def next(self) -> None:
        """One more begins."""
        if self._left:
            self._left -= 1
            Idler(self, self._token).client.start()

    def arrived(self) -> None:
        """One is here."""
        self._here += 1
        self.next()
        if self._here == self._wanted:
            print("all here", reactor.seconds() - self._began, flush=True)


class Idler:
    """One edge."""

    def __init__(self, crowd: Crowd, token: EdgeToken) -> None:
        host, port = split_host_port(token.addresses[0], DEFAULT_PORT)
        place = GatewayPlace(
            addresses=[ControllerAddress(host, port, token.is_tls, EDGE_PATH)], key_hash=token.key_hash
        )
        self._crowd = crowd
        self._token = token
        self._driver: TunnelDriver | None = None
        self.client = GatewayClient(
            self,
            place,
            Identity.generate(os.urandom),
            clock=reactor,
            endpoint_of=lambda address: stream_endpoint(reactor, address),
            rng=os.urandom,
        )

    def greeting(self) -> Join:
        return Join(secret=self._token.secret)

    def welcomed(self, welcome: Welcome) -> TunnelDriver:
        self._crowd.arrived()
        tunnel = Tunnel(Mux(is_opener=False, budget=Budget(TUNNEL_BYTES)), os.urandom(1)[0] / 255)
        self._driver = TunnelDriver(tunnel, reactor, self)
        return self._driver

    def refused(self, refusal: Refusal) -> None:
        print("refused:", refusal.sentence, flush=True)

    def disconnected(self, reason: str) -> None:
        """It comes back by itself."""

    def open_requested(self, number: int, request: Open) -> None:
        """Nobody asks."""

    def going_away(self, reason: Reason) -> None:
        """The bench is over."""

    def rtt_measured(self, seconds: float) -> None:
        """Not shown."""

    def lost(self, reason: str) -> None:
        """As above."""


def main() -> None:
    crowd = Crowd(EdgeToken.parse(sys.argv[1]), int(sys.argv[2]))
    for _ in range(AT_A_TIME):
        reactor.callWhenRunning(crowd.next)
    reactor.run()


if __name__ == "__main__":
    main()
