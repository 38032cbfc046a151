"""The controller is killed with SIGKILL again and again while machines join; nothing may be lost or given twice.

    this process                              a process of its own, killed and started ROUNDS times
    agents: Member + ControlClient  --WS-->   twistd zerogo-controller, SQLite in a temporary directory
             (loopback)             --REST->

Checked at the end: who was ever told that it is a member is one, with the addresses it was told; no address belongs to
two; a token has exactly as many members as it had uses; everybody else was told that the token is used up.

The kills fall at random moments. A few fall between commit and answer for certain: the agents of those rounds hear no
answer, and the kill waits until one of them is a member. After each kill a copy of the database is opened, which must
be whole and have everybody who was told.
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
from zerogo.net.control_client import ConnectionState

ROUNDS = 15
UNHEARD_EVERY = 5
"""In one round of so many the agents hear no answer."""
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
        for number, single in enumerate(singles):
            tokens = [single, single, shared, shared]
            if number % UNHEARD_EVERY:
                await self.join_and_kill(tokens)
            else:
                await self.join_unheard_and_kill(tokens, network)
        await self.controller.wait_until_up()
        await self.settle()
        members = (await self.controller.request("GET", f"/networks/{network}/members"))["items"]
        self.check_members({member["id"]: member for member in members})
        self.check_token(shared, SHARED_USES, ROUNDS * 2)
        for single in singles:
            self.check_token(single, 1, 2)

    async def join_and_kill(self, tokens: list[JoinToken]) -> None:
        self.join(tokens, is_deaf=False)
        await sleep(self.random.uniform(0.0, 0.12))
        self.kill()
        self.controller.start()
        await self.controller.wait_until_up()

    async def join_unheard_and_kill(self, tokens: list[JoinToken], network: str) -> None:
        joining = self.join(tokens, is_deaf=True)
        names = {str(agent.node_id) for agent in joining}
        await self.wait_for_one_of(names, network)
        untold = self.kill()
        self.assertNotEqual(untold & names, set())
        while any(agent.client.status().state is ConnectionState.OPEN for agent in joining):
            await sleep(0.01)
        for agent in joining:
            agent.is_deaf = False
        self.controller.start()
        await self.controller.wait_until_up()

    def join(self, tokens: list[JoinToken], is_deaf: bool) -> list[Agent]:
        """Begin to join with each; those of rounds before dial at once."""
        joining = [Agent(token) for token in tokens]
        for agent in joining:
            agent.is_deaf = is_deaf
            agent.client.start()
        self.agents += joining
        for agent in self.agents:
            agent.client.look()
        return joining

    def kill(self) -> set[str]:
        """Kill the controller; return who is a member and was not told."""
        self.controller.kill()
        stored = self.controller.stored_members()
        told = {str(agent.node_id) for agent in self.agents if agent.welcomes}
        self.assertEqual(told - stored, set())
        return stored - told

    async def wait_for_one_of(self, names: set[str], network: str) -> None:
        for _ in range(600):
            members = (await self.controller.request("GET", f"/networks/{network}/members"))["items"]
            if any(member["id"] in names for member in members):
                return
            await sleep(0.1)
        self.fail("none of those who hear no answer has become a member")

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
