"""Accounts of a controller at real gateways, with real edges and curl: quotas, gateways that share edges, a controller
that is away.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred, inlineCallbacks, succeed
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from integration.exits import HOST, PAGE, Exits
from zerogo.cli.owner_api import OwnerApi
from zerogo.config.controller import ControllerConfig
from zerogo.config.gateway import GatewayConfig
from zerogo.config.load import parse
from zerogo.controller.service import ControllerService
from zerogo.exit.credit import PIECE_BYTES
from zerogo.gateway.service import GatewayService

reactor: Any = installed
PASSWORD = "correct-horse-battery"


class AccountsTests(TestCase):
    timeout = 60

    def setUp(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="zerogo-accounts-"))
        self.addCleanup(shutil.rmtree, self.directory, True)
        self.port = 0
        self.controller = self.start_controller()
        self.api = OwnerApi(self.directory / "controller")
        self.exits = Exits(reactor, self.directory)
        self.other: GatewayService | None = None
        self.addCleanup(self.stop)

    def start_controller(self) -> ControllerService:
        text = f"listen: '{HOST}:{self.port}'\nstate-dir: {self.directory / 'controller'}\n"
        controller = ControllerService(parse(text.encode(), ControllerConfig), reactor)
        controller.startService()
        self.port = controller.port
        return controller

    @inlineCallbacks
    def stop(self) -> Any:
        if self.controller.running:
            yield self.controller.stopService()
        if self.other is not None:
            yield self.other.stopService()
        yield self.exits.stop()

    def call(self, method: str, path: str, body: object = None) -> Deferred[Any]:
        return deferToThread(self.api.call, method, path, body)

    @inlineCallbacks
    def start(self) -> Any:
        """A gateway, an edge, and alice."""
        key = yield self.call("POST", "/exits/keys", {"kind": "gateway"})
        self.gateway_token = key["join_url"]
        self.exits.start(f"controller: '{self.gateway_token}'\nname: one\n")
        yield self.until(lambda: self.exits.gateway.controlled.link.is_here)
        key = yield self.call("POST", "/exits/keys", {"kind": "edge"})
        self.edge_token = key["join_url"]
        self.exits.add_edge(token=self.edge_token)
        yield self.exits.edges_are_here(1)
        yield self.call("POST", "/exits/packages", {"name": "gold", "bytes": 5_000_000})
        yield self.call("POST", "/exits/users", {"name": "alice", "password": PASSWORD, "package": "gold"})
        yield self.until(lambda: self.exits.gateway.controlled._book.find("alice") is not None)

    @inlineCallbacks
    def start_other(self) -> Any:
        """A second gateway, in another region."""
        text = f"listen: '{HOST}:0'\nedge-listen: '{HOST}:0'\nname: two\nstate-dir: {self.directory / 'two'}\n"
        text += f"drain-seconds: 0\ncontroller: '{self.gateway_token}'\n"
        self.other = GatewayService(parse(text.encode(), GatewayConfig), reactor, os.urandom)
        self.other.privilegedStartService()
        self.other.startService()
        yield self.until(lambda: self.other.controlled.link.is_here and self.other.controlled._book.find("alice"))

    def until(self, is_so: Any) -> Deferred[None]:
        if is_so():
            return succeed(None)
        return deferLater(reactor, 0.02, self.until, is_so)

    def fetch(self, path: str = "/page", port: int = 0, wish: str = "") -> Deferred[tuple[bytes, str, int]]:
        proxy = f"socks5h://alice{wish}:{PASSWORD}@{HOST}:{port or self.exits.user_port}"
        return self.exits.curl("-x", proxy, f"http://target.test:{self.exits.page_port}{path}")

    @inlineCallbacks
    def test_a_package_ends_to_the_byte_and_a_larger_one_goes_on(self) -> Any:
        yield self.start()
        body, _, status = yield self.fetch()
        self.assertEqual((status, body == PAGE), (0, True))
        body, complaint, status = yield self.fetch()
        self.assertNotEqual(status, 0)
        user = yield self.settled_user()
        passed = user["total_up"] + user["total_down"]
        self.assertEqual(user["used_bytes"], passed)
        self.assertGreaterEqual(passed, 5_000_000, f"curl ended with {status}: {complaint}")
        self.assertLessEqual(passed, 5_000_000 + PIECE_BYTES)
        _, complaint, status = yield self.fetch()
        self.assertEqual(status, 97, complaint)
        yield self.call("PATCH", "/exits/packages/gold", {"bytes": 50_000_000})
        yield deferLater(reactor, 0.2, lambda: None)
        body, _, status = yield self.fetch()
        self.assertEqual((status, body == PAGE), (0, True))
        streams = yield self.call("GET", "/exits/users/alice/streams")
        self.assertEqual({one["reason"] for one in streams["items"]}, {"closed", "quota"})

    @inlineCallbacks
    def settled_user(self) -> Any:
        """When all is told."""
        yield self.until(lambda: self.exits.gateway.meter.is_all_told)
        user = yield self.call("GET", "/exits/users/alice")
        return user

    @inlineCallbacks
    def test_while_the_controller_is_away_known_users_go_on_and_are_counted_after(self) -> Any:
        yield self.start()
        yield self.call("PATCH", "/exits/users/alice", {"package": None})
        yield self.until(lambda: not self.exits.gateway.controlled._book.find("alice").has_package)
        yield self.controller.stopService()
        for _ in range(2):
            body, _, status = yield self.fetch()
            self.assertEqual((status, body == PAGE), (0, True))
        self.controller = self.start_controller()
        yield self.until(lambda: self.exits.gateway.controlled.link.is_here)
        user = yield self.settled_user()
        self.assertGreater(user["total_down"], 2 * len(PAGE))
        yield self.call("PATCH", "/exits/users/alice", {"is_paused": True})
        yield deferLater(reactor, 0.2, lambda: None)
        _, _, status = yield self.fetch()
        self.assertEqual(status, 97)

    @inlineCallbacks
    def check_sessions(self, port: int) -> Any:
        """Of both gateways: the same session, the same edge."""
        sessions = [f"-session-k{number}-strict-yes" for number in range(5)]
        for wish in sessions:
            for each in (port, self.exits.user_port):
                _, complaint, status = yield self.fetch("/empty", each, wish)
                self.assertEqual(status, 0, complaint)
        here, there = (
            {key: hold.edge for key, hold in gateway.hub.routes._holds.items()}
            for gateway in (self.exits.gateway, self.other)
        )
        self.assertEqual((here, len(here)), (there, len(sessions)))

    @inlineCallbacks
    def test_edges_come_to_every_gateway_and_stay_when_one_is_gone(self) -> Any:
        yield self.start()
        self.exits.add_edge(token=self.edge_token)
        yield self.exits.edges_are_here(2)
        yield self.start_other()
        yield self.until(lambda: len(self.other.hub.pool) == 2)
        (port,) = self.other.ports("both")
        body, _, status = yield self.fetch(port=port)
        self.assertEqual((status, body == PAGE), (0, True))
        edges = yield self.call("GET", "/exits/edges")
        self.assertEqual([len(edge["gateways"]) for edge in edges["items"]], [2, 2])
        yield self.check_sessions(port)
        yield self.exits.gateway.stopService()
        _, _, status = yield self.fetch("/empty", port)
        self.assertEqual(status, 0)
        again = self.exits.edges.pop(0)
        yield again.stopService()
        yield self.until(lambda: len(self.other.hub.pool) == 1)
        again.startService()
        self.exits.edges.append(again)
        yield self.until(lambda: len(self.other.hub.pool) == 2)
        self.assertEqual({edge["discrepancy_bytes"] for edge in edges["items"]}, {0})
