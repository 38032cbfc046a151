"""Two controllers on one PostgreSQL database, telling each other what changed by NOTIFY, and by Redis.

    this process                         processes of their own
    agents: Member + ControlClient  -->  twistd zerogo-controller, left  -+- PostgreSQL (a server of the test's own)
                                    -->  twistd zerogo-controller, right -+  [Redis, likewise]

First: members at both are one network, whatever they have to do with each other; decisions made at one take effect at
the other, and guesses of a password at one count at the other. Redis is killed: joins and changes go on, and signals
do when it is back. Then one controller is killed while machines join and changes are pushed: nobody who was told that
it is a member is lost, no change either, no address is given twice, no member ever gets a map older than the one it
holds, a machine that joins after the kill is a member within `JOIN_SECONDS`, and so are members again that were told
of the other controller by the one that died.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import treq
from twisted.internet import reactor as installed
from twisted.trial.unittest import TestCase

from integration.control_agents import Agent, ControllerProcess, sleep
from integration.servers import RedisServer, postgresql, redis
from zerogo.control.token import JoinToken
from zerogo.controller.login_limits import FREE_ATTEMPTS

reactor: Any = installed
JOIN_SECONDS = 10.0
"""The issue's figure, for a machine that joins while one of two controllers is dead."""
WAIT_SECONDS = 60.0
AGENTS = 6
KEYS = ("identity.key", "api-token.key")


class TwoControllersTests(TestCase):
    timeout = 480

    def setUp(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="zerogo-two-"))
        self.addCleanup(shutil.rmtree, self.directory)
        self.servers = ExitStack()
        self.addCleanup(self.servers.close)
        self.agents: list[Agent] = []
        self.names: dict[str, str] = {}
        """Given by a person, by node id."""

    async def tearDown(self) -> None:
        for agent in self.agents:
            if agent.refusal is None:
                await agent.client.stop()
        for controller in (self.left, self.right):
            controller.kill()
        await sleep(0.1)

    async def begin(self, *lines: str) -> None:
        """Start the servers and both controllers; the second has the keys of the first."""
        database = self.servers.enter_context(postgresql())
        lines = (f"database: {database.url}", *lines)
        places = [self.directory / name for name in ("left", "right")]
        for place in places:
            place.mkdir()
        self.left, self.right = (ControllerProcess(place, *lines) for place in places)
        addresses = f"public-addresses: [{self.left.address}, {self.right.address}]\n"
        for controller in (self.left, self.right):
            controller.config.write_text(controller.config.read_text() + addresses)
        self.left.start()
        await self.left.wait_until_up()
        (places[1] / "state").mkdir(mode=0o700)
        for name in KEYS:
            shutil.copy(places[0] / "state" / name, places[1] / "state" / name)
        self.right.start()
        await self.right.wait_until_up()
        self.network = (await self.right.request("GET", "/networks"))["items"][0]["id"]
        made = await self.left.request("POST", f"/networks/{self.network}/invites", {"uses": 100})
        self.token = JoinToken.parse(made["join_url"])
        self.assertEqual(self.token.addresses, (self.left.address, self.right.address))

    def agent(self, *at: ControllerProcess) -> Agent:
        """One that dials these, the first one first."""
        agent = Agent(self.token, [controller.address for controller in at], f"m{len(self.agents)}")
        self.agents.append(agent)
        agent.client.start()
        return agent

    async def until(self, what: str, is_so: Any, seconds: float = WAIT_SECONDS) -> float:
        """Seconds until it was."""
        began = reactor.seconds()
        while not is_so():
            if reactor.seconds() - began > seconds:
                logs = [(one.directory / "log").read_text()[-2000:] for one in (self.left, self.right)]
                held = [f"{one.client.status()} {one.member.state} map {one.revision}" for one in self.agents]
                self.fail("\n".join([f"not within {seconds:.0f} s: {what}", *held, *logs]))
            await sleep(0.02)
        return float(reactor.seconds() - began)

    def sees_all(self, agent: Agent) -> bool:
        network_map = agent.member.network_map
        wanted = {str(other.node_id) for other in self.agents if other.refusal is None}
        seen = {} if network_map is None else {str(one.node_id): one.name for one in network_map.members}
        return set(seen) == wanted and all(seen[node_id] == name for node_id, name in self.names.items())

    def all_see_all(self) -> bool:
        return all(self.sees_all(agent) for agent in self.agents if agent.refusal is None)

    async def test_by_the_databases_own_notices(self) -> None:
        await self.begin()
        await self.one_network()
        await self.one_dies(1)

    async def test_by_redis(self) -> None:
        server = self.servers.enter_context(redis())
        await self.begin(f"redis: unix://{server.socket}")
        await self.one_network()
        await self.redis_dies(server)
        await self.one_dies(2)

    async def one_network(self) -> None:
        """Members at both are one network; a request that is sent again to the other has the answer of the first."""
        path = f"/networks/{self.network}/invites"
        made = [
            await controller.request("POST", path, {"uses": 1}, idempotency_key="again")
            for controller in (self.left, self.right)
        ]
        self.assertEqual(made[0], made[1])
        ann, bob = self.agent(self.left, self.right), self.agent(self.right, self.left)
        cid = self.agent(self.left, self.right)
        await self.until("all see all", self.all_see_all)
        await self.both_show_all()
        blob = os.urandom(12_000)
        ann.call(ann.member.signal, bob.node_id, blob)
        await self.until("a signal crosses", lambda: bob.signals)
        self.assertEqual((bob.signals[0].sender, bob.signals[0].blob), (ann.node_id, blob))
        bob.call(bob.member.request_punch, ann.node_id)
        await self.until("both are told to punch", lambda: ann.punches and bob.punches)
        self.assertLess(abs(ann.punches[0].delay - bob.punches[0].delay), 0.2)
        await self.right.request("DELETE", f"/networks/{self.network}/members/{cid.node_id}")
        removed = await self.until("a removal takes effect at the other controller", lambda: cid.refusal)
        self.assertLess(removed, 10.0)
        await self.until("the others forget it", lambda: self.sees_all(ann) and self.sees_all(bob))
        await self.guesses_are_counted_together()

    async def guesses_are_counted_together(self) -> None:
        """Who used up the free guesses of a password at one controller has none left at the other."""
        used = [await self.guess(self.left) for _ in range(FREE_ATTEMPTS)]
        self.assertEqual(used, [401] * FREE_ATTEMPTS)
        # Those made here are fewer than the free ones, so what ends them came from the other.
        found = [await self.guess(self.right)]
        for pause in (0.2, 1.0, 5.0):
            if found[-1] == 401:
                await sleep(pause)
                found.append(await self.guess(self.right))
        self.assertEqual(found[-1], 429, "no word of the guesses came")

    async def guess(self, controller: ControllerProcess) -> int:
        """Try to log in with a wrong password; the status."""
        named = {"name": "nobody", "password": "not the password"}
        response = await treq.post(
            f"http://{controller.address}/api/v1/auth/login", json=named, timeout=60, persistent=False
        )
        await response.content()
        return int(response.code)

    async def redis_dies(self, server: RedisServer) -> None:
        """Nothing but signals waits for it."""
        server.kill()
        ann, bob = self.agent(self.left), self.agent(self.right)
        seconds = await self.until("machines join without Redis", lambda: ann.welcomes and bob.welcomes, JOIN_SECONDS)
        print(f"\nmachines joined within {seconds:.2f} s without Redis", end="")
        await self.rename(self.left, bob, "without-redis")
        await self.until("a change crosses without Redis", self.all_see_all)
        server.start()
        began = reactor.seconds()
        while not bob.signals:
            self.assertLess(reactor.seconds() - began, WAIT_SECONDS, "no signal crosses although Redis is back")
            ann.call(ann.member.signal, bob.node_id, b"hello")
            await sleep(0.2)

    async def rename(self, controller: ControllerProcess, agent: Agent, name: str) -> None:
        """A change, which all are to see."""
        self.names[str(agent.node_id)] = name
        await controller.request("PATCH", f"/networks/{self.network}/members/{agent.node_id}", {"name": name})

    async def both_show_all(self) -> None:
        """A person sees who is connected, at whichever controller they look."""
        for controller in (self.left, self.right):
            began, online = reactor.seconds(), 0
            while online < len(self.agents):
                self.assertLess(reactor.seconds() - began, WAIT_SECONDS, "a controller shows members as offline")
                items = (await controller.request("GET", f"/networks/{self.network}/members"))["items"]
                online = sum(member["is_online"] for member in items)
                await sleep(0.1)

    async def one_dies(self, rounds: int) -> None:
        """Each in turn, while machines join and changes are pushed."""
        for number in range(rounds):
            dead, alive = (self.left, self.right) if number % 2 == 0 else (self.right, self.left)
            faithful = self.agent(dead)
            await self.until("it joined", lambda faithful=faithful: faithful.is_connected)
            await self.rename(dead, faithful, f"named-by-who-dies-{number}")
            joining = [self.agent(dead, alive) for _ in range(AGENTS // 2)]
            joining += [self.agent(alive, dead) for _ in range(AGENTS // 2)]
            await sleep(0.05 * number)
            dead.kill()
            late = self.agent(dead, alive)
            await self.rename(alive, self.agents[0], f"named-by-who-lives-{number}")
            seconds = await self.until("a machine joins after the kill", lambda late=late: late.welcomes, JOIN_SECONDS)
            await self.until(
                "those that joined are members", lambda joining=joining: all(one.welcomes for one in joining)
            )
            await self.until("a member moves to who lives", lambda faithful=faithful: len(faithful.welcomes) > 1)
            await self.until("all see all", self.all_see_all)
            print(f"\na machine joined {seconds:.2f} s after a controller was killed", end="")
            dead.start()
            await dead.wait_until_up()
        await self.check()

    async def check(self) -> None:
        """Nothing lost, nothing twice."""
        members = (await self.left.request("GET", f"/networks/{self.network}/members"))["items"]
        stored = {one["id"]: one for one in members}
        told = [agent for agent in self.agents if agent.refusal is None]
        self.assertEqual({str(agent.node_id) for agent in told}, set(stored))
        for agent in told:
            addresses = {welcome.addresses for welcome in agent.welcomes}
            self.assertEqual(addresses, {tuple(stored[str(agent.node_id)]["addresses"])})
        given = Counter(address for one in members for address in one["addresses"])
        self.assertEqual([address for address, times in given.items() if times > 1], [])
        chain = await self.right.request("GET", "/audit/check")
        self.assertTrue(chain["is_whole"])
