"""A member is removed by REST; the relay, a process of its own, ends what it lent that member, and nothing else.

agents (this process)  --WS, REST-->  twistd zerogo-controller
their TURN clients     --UDP------->  twistd zerogo-relay  <--UDP, who is void--  the controller
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.defer import gatherResults
from twisted.trial.unittest import TestCase

from integration.control_agents import Agent, ControllerProcess, sleep
from zerogo.control.member import MemberEvent, RelayCredentials
from zerogo.control.token import JoinToken
from zerogo.ids import SocketAddress
from zerogo.net.datagram import open_udp_socket
from zerogo.test.net.turn_clients import DatagramDriver, listen
from zerogo.turn.client import TurnClient, TurnCredential
from zerogo.turn.client_events import Allocated, AllocateFailed, AllocationLost, ClientEvent, PeerPermitted
from zerogo.turn.errors import Code

reactor: Any = installed
SECRET = "7f3d0c9be1a24586a1b2c3d4e5f60718"
HOST = "127.0.0.1"


class MemberAgent(Agent):
    """Remembers what lets it use the relay."""

    credential: TurnCredential | None = None

    def _on_event(self, event: MemberEvent) -> None:
        super()._on_event(event)
        if isinstance(event, RelayCredentials):
            self.credential = event.credentials[0].credential


class Borrower:
    """A TURN client of the relay on a socket of its own."""

    def __init__(self, case: RelayWordTests, agent: MemberAgent) -> None:
        assert agent.credential is not None
        self.events: list[ClientEvent] = []
        self.client = TurnClient(case.relay, agent.credential, case.random)
        driver = DatagramDriver(self.client, reactor, self.events.append)
        case.addCleanup(listen(open_udp_socket(SocketAddress(HOST, 0)), driver, reactor))
        self.call = driver.call
        driver.call(self.client.start)

    def has(self, kind: type) -> bool:
        return any(isinstance(event, kind) for event in self.events)


class RelayWordTests(TestCase):
    timeout = 90

    async def setUp(self) -> None:
        self.random = os.urandom
        self.directory = Path(tempfile.mkdtemp(prefix="zerogo-word-"))
        self.addCleanup(shutil.rmtree, self.directory)
        self.start_relay()
        await self.until(self.finds_relay)
        entry = f"{{name: near, host: {HOST}, udp: {self.relay.port}, tcp: 0, auth-secret: {SECRET}}}"
        self.controller = ControllerProcess(self.directory, f"relays: [{entry}]")
        self.addCleanup(self.controller.kill)
        self.controller.start()
        await self.controller.wait_until_up()
        self.network = (await self.controller.request("GET", "/networks"))["items"][0]["id"]
        made = await self.controller.request("POST", f"/networks/{self.network}/invites", {"uses": 2})
        self.ann, self.bob = (MemberAgent(JoinToken.parse(made["join_url"]), name=name) for name in ("ann", "bob"))
        for agent in (self.ann, self.bob):
            agent.client.start()
        await self.until(lambda: self.ann.credential is not None and self.bob.credential is not None)

    async def tearDown(self) -> None:
        await gatherResults([agent.client.stop() for agent in (self.ann, self.bob)])
        await sleep(0.1)

    def start_relay(self) -> None:
        lines = (
            f"listen: {HOST}:0",
            "tcp-listen: []",
            f"public-ip: {HOST}",
            f"auth-secret: {SECRET}",
            "drain-seconds: 0",
        )
        config = self.directory / "relay.yaml"
        config.write_text("\n".join([*lines, ""]))
        config.chmod(0o600)
        command = [str(Path(sys.executable).with_name("twistd")), "-n", "--pidfile=", "zerogo-relay"]
        with (self.directory / "relay-log").open("ab") as log:
            process = subprocess.Popen([*command, "--config", str(config)], stdout=log, stderr=log, cwd=self.directory)
        self.addCleanup(lambda: (process.kill(), process.wait(10)))

    def finds_relay(self) -> bool:
        """Whether it has said which port it was given."""
        found = re.search(rf"on UDP {HOST}:(\d+)\n", (self.directory / "relay-log").read_text())
        if found is not None:
            self.relay = SocketAddress(HOST, int(found[1]))
        return found is not None

    async def until(self, is_so: Callable[[], bool]) -> None:
        for _ in range(600):
            if is_so():
                return
            await sleep(0.05)
        logs = [self.directory / name for name in ("log", "relay-log")]
        log = "".join(path.read_text()[-2000:] for path in logs if path.exists())
        self.fail(f"it never happened\n{log}")

    async def borrowed(self, agent: MemberAgent) -> Borrower:
        """A client that has an address."""
        while not (borrower := await self.answered(agent)).has(Allocated):
            pass
        return borrower

    async def answered(self, agent: MemberAgent) -> Borrower:
        """A client that was lent an address, or refused."""
        borrower = Borrower(self, agent)
        await self.until(lambda: bool(borrower.events))
        return borrower

    async def test_a_removed_member_is_served_no_longer_and_the_others_are(self) -> None:
        anns, bobs = await self.borrowed(self.ann), await self.borrowed(self.bob)
        await self.controller.request("DELETE", f"/networks/{self.network}/members/{self.ann.node_id}")

        def asks() -> bool:
            anns.call(anns.client.check)
            return anns.has(AllocationLost)

        await self.until(asks)
        await self.until_refused(self.ann)
        assert bobs.client.relayed is not None
        bobs.call(bobs.client.permit, bobs.client.relayed, None)
        await self.until(lambda: bobs.has(PeerPermitted))

    async def until_refused(self, agent: MemberAgent) -> None:
        for _ in range(60):
            first = (await self.answered(agent)).events[0]
            if isinstance(first, AllocateFailed) and first.code == Code.UNAUTHENTICATED:
                return
            await sleep(0.2)
        self.fail("its credential is taken still")
