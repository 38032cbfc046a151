"""The controller is killed with SIGKILL again and again while machines join; nothing may be lost or given twice.

    this process                              a process of its own, killed and started ROUNDS times
    agents: Member + ControlClient  --WS-->   twistd zerogo-controller, SQLite in a temporary directory
             (loopback)             --REST->

Checked at the end: who was ever told that it is a member is one, with the addresses it was told; no address belongs to
two; a token has exactly as many members as it had uses; everybody else was told that the token is used up.

After each kill a copy of the database is opened: it must be whole, and those who are members in it but were not told
are counted, since a test in which no kill ever fell between commit and answer would show little.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import treq
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from zerogo.control.channel import FRAME_LIMIT
from zerogo.control.member import ChannelFailed, Member, MemberEvent, Refused, Registered
from zerogo.control.token import JoinToken
from zerogo.net.control_client import ControlClient
from zerogo.net.dial import ControllerAddress, stream_endpoint
from zerogo.net.pump import Pump
from zerogo.noise.identity import Identity

reactor: Any = installed
ROUNDS = 15
JOINS_PER_ROUND = 4
SHARED_USES = 20
SEED = 4


def sleep(seconds: float) -> Deferred[None]:
    """Real time: the other process lives in it."""
    return deferLater(reactor, seconds, lambda: None)


class Agent:
    """An agent as far as the controller can tell."""

    def __init__(self, token: JoinToken) -> None:
        self.token = token
        self.identity = Identity.generate(os.urandom)
        self.welcomes: list[Registered] = []
        self.refusal: Refused | None = None
        self.last_event: MemberEvent | None = None
        self.interruptions = 0
        """Connections that ended before the controller had answered."""
        member = Member(
            identity=self.identity, key_hash=token.key_hash, network=token.network, name="machine", rng=os.urandom
        )
        member.use_token(token.secret)
        addresses = [ControllerAddress.parse(f"http://{text}") for text in token.addresses]
        self.client = ControlClient(
            reactor,
            self,
            addresses,
            endpoint_of=lambda address: stream_endpoint(reactor, address),
            rng=os.urandom,
            frame_limit=FRAME_LIMIT,
        )
        self._member = member
        self._pump: Pump[MemberEvent, bytes] = Pump(
            member, reactor, outputs=member.outgoing, send=self.client.send, on_event=self._on_event
        )

    def connected(self) -> None:
        self._pump.call(self._member.connected)

    def receive_message(self, data: bytes) -> None:
        self._pump.call(self._member.receive_message, data)

    def disconnected(self, reason: str) -> None:
        self.interruptions += not self.is_decided
        self._pump.call(self._member.disconnected)

    def _on_event(self, event: MemberEvent) -> None:
        self.last_event = event
        if isinstance(event, Registered):
            self.welcomes.append(event)
            self.client.settled()
        elif isinstance(event, Refused) and event.is_final:
            self.refusal = event
            self.client.stop()
        elif isinstance(event, Refused | ChannelFailed):
            self.client.drop(type(event).__name__)

    @property
    def is_decided(self) -> bool:
        return bool(self.welcomes) or self.refusal is not None


class ControllerProcess:
    """The controller, started and killed."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.config = directory / "controller.yaml"
        self.config.write_text(f"listen: 127.0.0.1:{self.port}\nstate-dir: {directory / 'state'}\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [str(Path(sys.executable).with_name("twistd")), "-n", "--pidfile=", "zerogo-controller"]
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--config", str(self.config)], stdout=log, stderr=log, cwd=self.directory
            )

    def kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(10)
            self._process = None

    def stored_members(self) -> set[str]:
        """The node ids in the database as the kill left it; opened as a copy, so that recovery is the controller's."""
        copy = self.directory / "copy"
        copy.mkdir(exist_ok=True)
        for suffix in ("", "-wal"):
            original = self.directory / "state" / f"controller.db{suffix}"
            (copy / original.name).unlink(missing_ok=True)
            if original.exists():
                shutil.copy(original, copy)
        (copy / "controller.db-shm").unlink(missing_ok=True)
        with closing(sqlite3.connect(copy / "controller.db")) as database:
            verdict = database.execute("PRAGMA integrity_check").fetchone()[0]
            if verdict != "ok":
                raise AssertionError(verdict)
            return {row[0] for row in database.execute("SELECT node_id FROM members")}

    async def wait_until_up(self) -> None:
        for _ in range(300):
            try:
                await self.request("GET", "/health")
                return
            except Exception:
                await sleep(0.05)
        raise AssertionError((self.directory / "log").read_text()[-4000:])

    async def request(self, method: str, path: str, body: object = None) -> Any:
        owner = json.loads((self.directory / "state" / "owner.json").read_text())
        response = await treq.request(
            method,
            owner["url"] + "/api/v1" + path,
            json=body,
            headers={"Authorization": f"Bearer {owner['token']}"},
            timeout=5,
            persistent=False,
        )
        return await response.json()


class ControllerKillTests(TestCase):
    timeout = 240

    def setUp(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="zerogo-kill-"))
        self.addCleanup(shutil.rmtree, self.directory)
        self.controller = ControllerProcess(self.directory)
        self.addCleanup(self.controller.kill)
        self.agents: list[Agent] = []
        self.untold = 0
        self.random = random.Random(SEED)

    async def tearDown(self) -> None:
        for agent in self.agents:
            if agent.refusal is None:
                await agent.client.stop()
        await sleep(0.1)

    async def invite(self, network: str, uses: int) -> JoinToken:
        made = await self.controller.request("POST", f"/networks/{network}/invites", {"uses": uses})
        return JoinToken.parse(made["join_url"])

    async def test_kills_during_joins_lose_nothing_and_give_nothing_twice(self) -> None:
        self.controller.start()
        await self.controller.wait_until_up()
        network = (await self.controller.request("GET", "/networks"))["items"][0]["id"]
        shared = await self.invite(network, SHARED_USES)
        singles = [await self.invite(network, 1) for _ in range(ROUNDS)]
        for single in singles:
            await self.join_and_kill([single, single, shared, shared])
        await self.controller.wait_until_up()
        await self.settle()
        members = (await self.controller.request("GET", f"/networks/{network}/members"))["items"]
        self.assertGreater(sum(agent.interruptions for agent in self.agents), ROUNDS // 2)
        self.assertGreater(self.untold, 0)
        self.check_members({member["id"]: member for member in members})
        self.check_token(shared, SHARED_USES, ROUNDS * 2)
        for single in singles:
            self.check_token(single, 1, 2)

    async def join_and_kill(self, tokens: list[JoinToken]) -> None:
        for token in tokens:
            agent = Agent(token)
            self.agents.append(agent)
            agent.client.start()
        for agent in self.agents:
            agent.client.look()
        await sleep(self.random.uniform(0.0, 0.12))
        self.controller.kill()
        stored = self.controller.stored_members()
        told = {str(agent.identity.node_id) for agent in self.agents if agent.welcomes}
        self.assertEqual(told - stored, set())
        self.untold += len(stored - told)
        self.controller.start()
        await self.controller.wait_until_up()

    async def settle(self) -> None:
        for _ in range(200):
            undecided = [agent for agent in self.agents if not agent.is_decided]
            if not undecided:
                return
            for agent in undecided:
                agent.client.look()
            await sleep(0.3)
        reasons = [f"{agent.client.status()} {agent.last_event}" for agent in undecided[:3]]
        log = (self.directory / "log").read_text()[-3000:]
        self.fail(f"{len(undecided)} agents were never answered: {reasons}\n{log}")

    def check_members(self, members: dict[str, Any]) -> None:
        told = [agent for agent in self.agents if agent.welcomes]
        self.assertEqual({str(agent.identity.node_id) for agent in told}, set(members))
        for agent in told:
            addresses = {welcome.addresses for welcome in agent.welcomes}
            self.assertEqual(addresses, {tuple(members[str(agent.identity.node_id)]["addresses"])})
        given = Counter(address for member in members.values() for address in member["addresses"])
        self.assertEqual([address for address, times in given.items() if times > 1], [])

    def check_token(self, token: JoinToken, uses: int, tried: int) -> None:
        agents = [agent for agent in self.agents if agent.token == token]
        self.assertEqual(len(agents), tried)
        refusals = [agent.refusal.code for agent in agents if agent.refusal is not None]
        self.assertEqual(refusals, ["token-used"] * (tried - uses))
        self.assertEqual(sum(1 for agent in agents if agent.welcomes), uses)
