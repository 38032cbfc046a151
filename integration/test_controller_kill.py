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

import random
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from twisted.trial.unittest import TestCase

from integration.control_agents import Agent, ControllerProcess, sleep
from zerogo.control.token import JoinToken

ROUNDS = 15
JOINS_PER_ROUND = 4
SHARED_USES = 20
SEED = 4


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
