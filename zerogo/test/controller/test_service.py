import json
import os
import resource
from pathlib import Path
from typing import Any

import treq
from attrs import evolve
from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred, DeferredQueue
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.ssl import Certificate
from twisted.trial.unittest import TestCase
from twisted.web.client import Agent, BrowserLikePolicyForHTTPS

from zerogo.config.controller import ControllerConfig
from zerogo.config.load import parse
from zerogo.control.channel import CONTROL, FRAME_LIMIT
from zerogo.control.coordinator_events import FlowsReported
from zerogo.control.messages import FlowRow, FlowsReport
from zerogo.control.token import JoinToken
from zerogo.controller.service import BOOTSTRAP_FILE, DESCRIPTORS, OWNER_FILE, ControllerService
from zerogo.errors import EnvironmentFault
from zerogo.ids import NetworkId, NodeId, SocketAddress
from zerogo.test.net.certificates import write_certificate

reactor: Any = installed


class Listener(WebSocketClientProtocol):  # type: ignore[misc]
    """Notes the first message, and how the connection ended."""

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        self.factory.first.callback(payload)

    def onClose(self, wasClean: bool, code: int, reason: str) -> None:
        self.factory.ended.callback((code, reason))


class ControllerCase(TestCase):
    """A whole controller on a port of loopback."""

    async def setUp(self) -> None:
        self.state = Path(self.mktemp()).absolute() / "state"
        config = parse(f"state-dir: {self.state}\nlisten: 127.0.0.1:1\n".encode(), ControllerConfig)
        self.config = evolve(config, listen=SocketAddress("127.0.0.1", 0))
        self.service = ControllerService(self.config, reactor)
        self.service.startService()
        self.addCleanup(self.stop)
        self.owner = json.loads((self.state / OWNER_FILE).read_text())

    def stop(self) -> Any:
        return self.service.stopService() if self.service.running else None

    async def request(self, method: str, path: str, body: object = None, headers: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {self.owner['token']}"} | (headers or {})
        url = f"{self.owner['url']}/api/v1{path}"
        response = await treq.request(method, url, json=body, headers=headers, persistent=False)
        return await response.json()

    def hang_up(self, protocol: Any) -> Any:
        protocol.dropConnection(abort=True)
        return None if protocol.factory.ended.called else protocol.factory.ended


class ControllerServiceTests(ControllerCase):
    async def open(self, **headers: str) -> Any:
        factory = WebSocketClientFactory(f"ws://127.0.0.1:{self.service.port}/api/v1/agent", reactor=reactor)
        factory.headers = headers
        factory.protocol = Listener
        factory.first, factory.ended = Deferred(), Deferred()
        protocol: Any = await TCP4ClientEndpoint(reactor, "127.0.0.1", self.service.port).connect(factory)
        self.addCleanup(self.hang_up, protocol)
        return protocol

    async def test_what_members_decided_comes_to_the_api(self) -> None:
        (home,) = (await self.request("GET", "/networks"))["items"]
        path = f"/networks/{home['id']}"
        await self.request("PATCH", path, {"flow_log": True}, {"If-Match": "*"})
        membership, flows = self.service._membership, self.service._flows
        assert membership is not None and flows is not None
        report = FlowsReport(60.0, [FlowRow(b"b" * 10, True, 17, 53, 2, 0)])
        membership._on_event(FlowsReported(NetworkId.parse(home["id"]), NodeId(b"a" * 10), report))
        await flows._write()
        (row,) = (await self.request("GET", f"{path}/flows"))["items"]
        self.assertEqual((row["protocol"], row["port"], row["opened"]), ("udp", 53, 2))

    async def test_the_first_start_makes_a_network_and_the_files(self) -> None:
        found = (await self.request("GET", "/networks"))["items"]
        self.assertEqual([network["name"] for network in found], ["home"])
        for path in self.state.iterdir():
            self.assertEqual(path.stat().st_mode & 0o077, 0, path.name)
        self.assertTrue((self.state / BOOTSTRAP_FILE).exists())

    async def test_an_invite_names_the_port_it_listens_on(self) -> None:
        network = (await self.request("GET", "/networks"))["items"][0]["id"]
        made = await self.request("POST", f"/networks/{network}/invites", {})
        token = JoinToken.parse(made["join_url"])
        self.assertEqual(token.addresses, (f"127.0.0.1:{self.service.port}",))

    async def test_a_restart_keeps_networks_and_keys_and_has_another_owner_token(self) -> None:
        before = await self.request("GET", "/networks")
        await self.service.stopService()
        self.assertFalse((self.state / OWNER_FILE).exists())
        self.service = ControllerService(self.config, reactor)
        self.service.startService()
        again = json.loads((self.state / OWNER_FILE).read_text())
        self.assertNotEqual(again["token"], self.owner["token"])
        self.owner = again
        self.assertEqual(await self.request("GET", "/networks"), before)

    async def test_an_agents_connection_is_greeted_with_the_hello(self) -> None:
        protocol = await self.open()
        first = await protocol.factory.first
        self.assertTrue(first.startswith(CONTROL.magic))

    async def test_a_browser_is_turned_away(self) -> None:
        for origin in (f"http://127.0.0.1:{self.service.port}", "https://evil.example", "null"):
            protocol = await self.open(Origin=origin)
            code, _ = await protocol.factory.ended
            self.assertFalse(protocol.factory.first.called)
            self.assertNotEqual(code, 1000)

    async def test_a_frame_over_the_limit_ends_the_connection(self) -> None:
        protocol = await self.open()
        await protocol.factory.first
        protocol.sendMessage(os.urandom(FRAME_LIMIT + 1), isBinary=True)
        await protocol.factory.ended

    async def test_it_asks_for_as_many_open_files_as_its_limits_need(self) -> None:
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, before)
        await self.service.stopService()
        resource.setrlimit(resource.RLIMIT_NOFILE, (600, before[1]))
        self.service = ControllerService(self.config, reactor)
        self.service.startService()
        self.assertEqual(resource.getrlimit(resource.RLIMIT_NOFILE)[0], min(DESCRIPTORS, before[1]))

    async def test_a_second_controller_is_kept_out(self) -> None:
        error = self.assertRaises(EnvironmentFault, ControllerService(self.config, reactor).startService)
        self.assertIn("another controller", str(error))

    async def test_a_port_in_use_is_one_sentence_and_the_database_is_free_again(self) -> None:
        listen = SocketAddress("127.0.0.1", self.service.port)
        other = evolve(self.config, state_dir=self.state.with_name("other"), listen=listen)
        error = self.assertRaises(EnvironmentFault, ControllerService(other, reactor).startService)
        self.assertIn("cannot listen", str(error))
        third = ControllerService(evolve(other, listen=self.config.listen), reactor)
        third.startService()
        await third.stopService()

    async def test_a_get_at_the_agents_path_shows_nothing(self) -> None:
        response = await treq.get(f"{self.owner['url']}/api/v1/agent", persistent=False)
        self.assertEqual(response.code, 426)
        self.assertIsNone(response.headers.getRawHeaders("server"))
        self.assertNotIn(b"utobahn", await response.content())


class Pushed(WebSocketClientProtocol):  # type: ignore[misc]
    """A dashboard: keeps what it is sent."""

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        self.factory.messages.put(json.loads(payload))

    def onClose(self, wasClean: bool, code: int, reason: str) -> None:
        self.factory.ended.callback((code, reason))


class LiveTests(ControllerCase):
    """The dashboards' WebSocket, over a real port."""

    async def ticket(self) -> str:
        return str((await self.request("POST", "/websocket-tickets"))["ticket"])

    async def look(self, ticket: str, **headers: str) -> Any:
        factory = WebSocketClientFactory(
            f"ws://127.0.0.1:{self.service.port}/api/v1/live?ticket={ticket}", reactor=reactor
        )
        factory.headers = headers
        factory.protocol = Pushed
        factory.messages, factory.ended = DeferredQueue(), Deferred()
        protocol: Any = await TCP4ClientEndpoint(reactor, "127.0.0.1", self.service.port).connect(factory)
        self.addCleanup(self.hang_up, protocol)
        return protocol

    async def test_a_dashboard_gets_everything_and_then_what_changes(self) -> None:
        dashboard = await self.look(await self.ticket(), Origin=f"http://127.0.0.1:{self.service.port}")
        snapshot = await dashboard.factory.messages.get()
        self.assertEqual([each["name"] for each in snapshot["networks"]], ["home"])
        await self.request("POST", "/networks", {"name": "office"})
        changes = await dashboard.factory.messages.get()
        self.assertEqual(
            [(each["kind"], each["value"]["name"]) for each in changes["changes"]], [("network", "office")]
        )

    async def test_a_snapshot_may_be_longer_than_anything_a_dashboard_may_send(self) -> None:
        for number in range(30):
            await self.request("POST", "/networks", {"name": f"n{number}-" + "x" * 50})
        dashboard = await self.look(await self.ticket())
        snapshot = await dashboard.factory.messages.get()
        self.assertEqual(len(snapshot["networks"]), 31)

    async def test_without_a_good_ticket_or_from_another_origin_it_does_not_open(self) -> None:
        used = await self.ticket()
        first = await self.look(used)
        await first.factory.messages.get()
        cases = [("", {}), ("x", {}), (used, {})]
        cases += [(await self.ticket(), {"Origin": origin}) for origin in ("https://evil.example", "null")]
        for ticket, headers in cases:
            dashboard = await self.look(ticket, **headers)
            code, _ = await dashboard.factory.ended
            self.assertNotEqual(code, 1000)
            self.assertEqual(dashboard.factory.messages.pending, [])

    async def test_a_dashboard_that_talks_is_closed(self) -> None:
        dashboard = await self.look(await self.ticket())
        await dashboard.factory.messages.get()
        dashboard.sendMessage(b"hello")
        code, _ = await dashboard.factory.ended
        self.assertEqual(code, 4400)

    async def test_the_dashboards_files_are_at_the_top_and_the_api_is_below(self) -> None:
        response = await treq.get(f"{self.owner['url']}/", persistent=False)
        self.assertIn("script-src 'self'", response.headers.getRawHeaders("content-security-policy")[0])
        self.assertIsNone(response.headers.getRawHeaders("server"))
        missing = await treq.get(f"{self.owner['url']}/api/none", persistent=False)
        self.assertEqual((missing.code, (await missing.json())["code"]), (404, "not-found"))


class TlsTests(TestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute()
        self.certificate, self.key = write_certificate(self.directory)
        config = parse(f"state-dir: {self.directory / 'state'}\nlisten: 127.0.0.1:1\n".encode(), ControllerConfig)
        self.config = evolve(
            config,
            listen=SocketAddress("127.0.0.1", 0),
            tls_listen=SocketAddress("127.0.0.1", 0),
            tls_certificate=self.certificate,
            tls_key=self.key,
        )

    async def test_the_api_is_there_over_tls_too(self) -> None:
        service = ControllerService(self.config, reactor)
        service.startService()
        self.addCleanup(service.stopService)
        authority = Certificate.loadPEM(self.certificate.read_bytes())
        agent = Agent(reactor, BrowserLikePolicyForHTTPS(trustRoot=authority))
        url = f"https://localhost:{service.tls_port}/api/v1/health"
        response = await treq.client.HTTPClient(agent).get(url)
        self.assertEqual((await response.json())["status"], "ok")

    def test_a_listener_without_a_certificate_or_with_the_wrong_key_is_one_sentence(self) -> None:
        _, other_key = write_certificate(self.directory / "other")
        for config in (evolve(self.config, tls_key=None), evolve(self.config, tls_key=other_key)):
            error = self.assertRaises(EnvironmentFault, ControllerService(config, reactor).startService)
            self.assertNotIn("\n", str(error))

    async def test_a_tls_port_in_use_frees_the_other(self) -> None:
        first = ControllerService(self.config, reactor)
        first.startService()
        self.addCleanup(first.stopService)
        taken = evolve(
            self.config,
            state_dir=self.directory / "second",
            tls_listen=SocketAddress("127.0.0.1", first.tls_port),
        )
        error = self.assertRaises(EnvironmentFault, ControllerService(taken, reactor).startService)
        self.assertIn("cannot listen", str(error))
