"""How an edge begins; what follows is in `integration.test_exits`."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from zerogo.config.edge import EdgeConfig
from zerogo.control.edge_token import EdgeToken
from zerogo.edge.owner import Surroundings
from zerogo.edge.service import LAST_WORDS_SECONDS, EdgeService
from zerogo.edge.state_dir import EdgeState
from zerogo.errors import EnvironmentFault
from zerogo.ids import SocketAddress

METRICS = SocketAddress("127.0.0.1", 9000)


class EdgeServiceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor: Any = MemoryReactorClock()
        self.dialled: list[object] = []
        config = EdgeConfig(state_dir=Path(self.mktemp()), metrics_listen=METRICS)
        EdgeState(config.state_dir).save_token(EdgeToken(("192.0.2.1:9396",), bytes(20), bytes(20)))
        around = Surroundings(self.reactor, lambda host, port: succeed([]), lambda: [])
        self.service = EdgeService(config, around, self.endpoint, os.urandom, lambda: 1.8e9)

    def endpoint(self, address: object) -> Any:
        self.dialled.append(address)
        return self

    def connect(self, factory: object) -> Deferred[None]:
        return Deferred()

    def stop(self) -> None:
        stopped = self.service.stopService()
        self.reactor.advance(LAST_WORDS_SECONDS)
        self.successResultOf(stopped)

    def test_where_it_may_listen_it_dials(self) -> None:
        self.service.startService()
        self.assertEqual(len(self.dialled), 1)
        self.stop()

    def test_where_it_cannot_listen_nobody_is_dialled(self) -> None:
        def taken(port: int, *rest: object, interface: str) -> object:
            raise CannotListenError(interface, port, OSError(errno.EADDRINUSE, "in use"))

        self.reactor.listenTCP = taken
        self.assertRaises(EnvironmentFault, self.service.startService)
        self.assertEqual((self.dialled, self.reactor.getDelayedCalls()), ([], []))
        self.stop()
        self.assertEqual(self.reactor.getDelayedCalls(), [])
