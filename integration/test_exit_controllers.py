"""Gateways of two controllers on one PostgreSQL database and one Redis: what holds for a user holds at both.

    this process              processes of their own
    curl -> gateway one  -->  twistd zerogo-controller, left  -+- PostgreSQL (a server of the test's own)
    curl -> gateway two  -->  twistd zerogo-controller, right -+- redis-server, likewise
    edges -> both gateways

A user's rate and streams are divided over both gateways, orders and changes act at both, an exclusive edge is one
user's at both, and so are a session's minutes. Redis is killed while downloads go on: they end whole, what users have
stays theirs, nobody is given anything new that has to be one user's, and when an empty Redis is back, it knows again
who has what.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred, ensureDeferred, gatherResults
from twisted.trial.unittest import TestCase
from txredisapi import ConnectionError

from integration.control_agents import ControllerProcess, sleep
from integration.exits import HOST, PAGE, Exits
from integration.servers import RedisServer, postgresql, redis
from zerogo.config.gateway import GatewayConfig
from zerogo.config.load import parse
from zerogo.control.edge_token import GatewayToken
from zerogo.exit.claims import SETTLING_SECONDS
from zerogo.gateway.service import GatewayService
from zerogo.net.redis_claims import PREFIX
from zerogo.net.redis_place import RedisPlace, one_connection
from zerogo.secret import Secret

reactor: Any = installed
PASSWORD = "correct-horse-battery"
KEYS = ("identity.key", "api-token.key")
WAIT_SECONDS = 60.0
ACT_SECONDS = 30.0
"""What people order acts within one second; this machine may be busy with a dozen other tests."""
RATE = 250_000
WINDOW_SECONDS = 2.0
EDGES = 3
Fetched = tuple[bytes, str, int]


class TwoControllersTests(TestCase):
    timeout = 240

    def setUp(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="zerogo-exits-two-"))
        self.addCleanup(shutil.rmtree, self.directory, True)
        self.servers = ExitStack()
        self.addCleanup(self.servers.close)
        self.controllers: list[ControllerProcess] = []
        self.exits = Exits(reactor, self.directory)
        self.gateways: list[GatewayService] = []

    async def tearDown(self) -> None:
        if self.gateways:
            for gateway in self.gateways[1:]:
                await gateway.stopService()
            await self.exits.stop()
        for controller in self.controllers:
            controller.kill()

    # ----- the world

    async def begin(self) -> None:
        """Servers, controllers, gateways, edges, users."""
        database = self.servers.enter_context(postgresql())
        self.redis: RedisServer = self.servers.enter_context(redis())
        lines = (f"database: {database.url}", f"redis: unix://{self.redis.socket}")
        for name in ("left", "right"):
            (self.directory / name).mkdir()
            self.controllers.append(ControllerProcess(self.directory / name, *lines))
        left, right = self.controllers
        left.start()
        await left.wait_until_up()
        (right.directory / "state").mkdir(mode=0o700)
        for key in KEYS:
            shutil.copy(left.directory / "state" / key, right.directory / "state" / key)
        right.start()
        await right.wait_until_up()
        token = GatewayToken.parse((await left.request("POST", "/exits/keys", {"kind": "gateway"}))["join_url"])
        self.exits.start(f"controller: '{evolve(token, addresses=(left.address,)).format()}'\nname: one\n")
        self.gateways = [self.exits.gateway]
        await self.until("one is here", lambda: self.exits.gateway.controlled.link.is_here)
        edge_token = (await right.request("POST", "/exits/keys", {"kind": "edge"}))["join_url"]
        self.gateways.append(self.gateway_two(evolve(token, addresses=(right.address,))))
        await self.until("two is here", lambda: self.gateways[1].controlled.link.is_here)
        for _ in range(EDGES):
            self.exits.add_edge(token=edge_token)
        await self.until("all edges at both", lambda: all(len(one.hub.pool) == EDGES for one in self.gateways))
        users = [{"name": "alice", "download": RATE, "streams": 2}]
        users += [{"name": f"u{number}", "mode": "custom"} for number in range(3)]
        for number, user in enumerate(users):
            await self.controllers[number % 2].request("POST", "/exits/users", {"password": PASSWORD, **user})
        await self.until("users known", lambda: all(one.controlled._book.find("u2") for one in self.gateways))

    def gateway_two(self, token: GatewayToken) -> GatewayService:
        text = f"listen: '{HOST}:0'\nedge-listen: '{HOST}:0'\nname: two\nstate-dir: {self.directory / 'two'}\n"
        text += f"drain-seconds: 0\ncontroller: '{token.format()}'\n"
        made = GatewayService(parse(text.encode(), GatewayConfig), reactor, os.urandom)
        made.privilegedStartService()
        made.startService()
        return made

    async def until(self, what: str, is_so: Any, seconds: float = WAIT_SECONDS) -> float:
        """Seconds until it was."""
        began = reactor.seconds()
        while not is_so():
            if reactor.seconds() - began > seconds:
                logs = [(one.directory / "log").read_text()[-2000:] for one in self.controllers]
                self.fail("\n".join([f"not within {seconds:.0f} s: {what}", *logs]))
            await sleep(0.02)
        return float(reactor.seconds() - began)

    def fetch(self, at: int, path: str = "/empty", user: str = "alice") -> Deferred[Fetched]:
        """By gateway one (0) or two (1)."""
        (port,) = self.gateways[at].ports("both")
        proxy = f"socks5h://{user}:{PASSWORD}@{HOST}:{port}"
        return self.exits.curl("-x", proxy, f"http://target.test:{self.exits.page_port}{path}")

    async def fetch_until(self, what: str, at: int, user: str) -> None:
        """Until it succeeds."""
        began = reactor.seconds()
        while (await self.fetch(at, user=user))[2]:
            self.assertLess(reactor.seconds() - began, WAIT_SECONDS, what)
            await sleep(0.1)

    async def downloads(self) -> list[Deferred[Fetched]]:
        """One of alice at each gateway, under way."""
        begun = [self.fetch(at, "/page") for at in (0, 1)]
        await self.until("both run", lambda: all(self.streams_at(at) == 1 for at in (0, 1)))
        return begun

    def streams_at(self, at: int) -> int:
        return len(self.gateways[at].desk.live)

    def exclusive(self, at: int) -> dict[str, str]:
        """Who has which edge for himself there."""
        return {user: edge for edge, (user, _) in self.gateways[at].hub.routes._leased.items()}

    def alice_at(self, at: int) -> Any:
        return self.gateways[at].desk._users["alice"]

    # ----- what holds

    async def test_what_holds_for_a_user_holds_at_the_gateways_of_all_controllers(self) -> None:
        await self.begin()
        client = one_connection()
        RedisPlace(Secret(f"unix://{self.redis.socket}"), reactor).connect(client)
        self.addCleanup(client.disconnect)
        self.store = client.handler
        await self.rate_and_streams_are_divided()
        await self.orders_act_at_both()
        await self.minutes_are_common()
        await self.settle_store()
        await self.an_exclusive_edge_is_one_users()
        await self.redis_dies()

    async def rate_and_streams_are_divided(self) -> None:
        begun = await self.downloads()
        await self.until(
            "a part of the rate at each, not two wholes",
            lambda: sum(self.alice_at(at).down.rate for at in (0, 1)) <= 1.1 * RATE,
        )
        await self.until("one elsewhere", lambda: [self.alice_at(at).elsewhere for at in (0, 1)] == [1, 1])
        before, at_start = sum(one.desk.passed[1] for one in self.gateways), reactor.seconds()
        await sleep(WINDOW_SECONDS)
        passed = sum(one.desk.passed[1] for one in self.gateways) - before
        seconds = reactor.seconds() - at_start
        print(f"\n{passed / seconds / RATE:.2f} of the rate over both gateways", end="")
        # A quarter of a second's bytes may be saved up at each, and a piece be under way.
        self.assertLess(passed, 1.1 * RATE * seconds + RATE * 0.5 + 2 * 65_536)
        self.assertGreater(passed, 0)
        for at in (0, 1):
            self.assertEqual((await self.fetch(at))[2], 97, "a third stream of two")
        for name, at in (("left", 0), ("right", 1)):
            user = await self.controllers[at].request("GET", "/exits/users/alice")
            self.assertEqual(user["live_streams"], 2, name)
            live = await self.controllers[at].request("GET", "/exits/live")
            self.assertEqual([one["total"] for one in live["gateways"].values()], [1, 1], name)
        self.begun = begun

    async def orders_act_at_both(self) -> None:
        """A kick at one controller, a pause at the other."""
        left, right = self.controllers
        await left.request("POST", "/exits/users/alice/kick")
        kicked = await self.until("a kick", lambda: not any(map(self.streams_at, (0, 1))), ACT_SECONDS)
        self.assertEqual([status != 0 for _, _, status in await gatherResults(self.begun)], [True, True])
        begun = await self.downloads()
        await right.request("PATCH", "/exits/users/alice", {"is_paused": True})
        paused = await self.until("a pause", lambda: not any(map(self.streams_at, (0, 1))), ACT_SECONDS)
        self.assertEqual([status != 0 for _, _, status in await gatherResults(begun)], [True, True])
        more = {"is_paused": False, "streams": 10, "download": 8 * RATE}
        await right.request("PATCH", "/exits/users/alice", more)
        await self.until(
            "it goes on", lambda: all(one.controlled._book.find("alice").streams == 10 for one in self.gateways)
        )
        print(f"\na kick acted at both within {kicked:.2f} s, a pause within {paused:.2f} s", end="")

    async def minutes_are_common(self) -> None:
        """Who comes to the second gateway later has as long there as at the first."""
        user = "alice-session-k7-lifetime-10"
        self.assertEqual((await self.fetch(0, user=user))[2], 0)
        await sleep(2.0)
        self.assertEqual((await self.fetch(1, user=user))[2], 0)
        here, there = ((one.hub.routes, ("alice", "k7")) for one in self.gateways)
        # Where the machine stands still for a second the session begins by itself, and they are at one a moment later.
        await self.until("one end at both", lambda: abs(ends_at(*here) - ends_at(*there)) < 1.5)
        self.assertEqual(*(routes._holds[key].edge for routes, key in (here, there)))

    async def settle_store(self) -> None:
        """As if Redis had been there for longer: who holds what is known by now."""
        born = await self.store.get(PREFIX + "born")
        await self.store.set(PREFIX + "born", int(born) - round(SETTLING_SECONDS * 1000))

    async def an_exclusive_edge_is_one_users(self) -> None:
        asked = [self.fetch_until("an edge", at, f"u{number}") for number in (0, 1) for at in (0, 1)]
        await gatherResults([ensureDeferred(one) for one in asked])
        self.assertEqual(self.exclusive(0), self.exclusive(1))
        self.assertEqual(len(set(self.exclusive(0).values())), 2)

    async def redis_dies(self) -> None:
        begun = await self.downloads()
        held = self.exclusive(0)
        self.redis.kill()
        await sleep(0.5)
        self.assertEqual((await self.fetch(0, user="u0"))[2], 0, "who has an edge goes on")
        self.assertNotEqual((await self.fetch(1, user="u2"))[2], 0, "no new one is given")
        self.assertEqual((await self.fetch(1, user="alice-session-new"))[2], 0, "a session begins by itself")
        self.redis.start()
        await self.known_again(held)
        self.assertEqual((self.exclusive(0), self.exclusive(1)), (held, held))
        await self.settle_store()
        await self.fetch_until("a new one is given again", 1, "u2")
        self.assertNotIn(self.exclusive(1)["u2"], held.values())
        for body, complaint, status in await gatherResults(begun):
            self.assertEqual((status, body == PAGE), (0, True), complaint)

    async def known_again(self, held: dict[str, str]) -> None:
        """Redis has what gateways hold."""
        began = reactor.seconds()
        wanted = {f"{PREFIX}e:{edge}".encode() for edge in held.values()}
        while True:
            try:
                keys = set(await self.store.keys(PREFIX + "*"))
            except ConnectionError:
                keys = set()
            if wanted <= keys and any(b":s:" in key for key in keys):
                break
            self.assertLess(reactor.seconds() - began, WAIT_SECONDS, "what gateways hold is not in Redis again")
            await sleep(0.05)
        print(f"\nRedis knew again who has what {reactor.seconds() - began:.2f} s after it was back", end="")


def ends_at(routes: Any, key: tuple[str, str]) -> float:
    """When a session is over at a gateway."""
    return float(routes._holds[key].ends_at)
