"""Claims of sessions and exclusive edges, kept in a real Redis: the same tests as in memory.

Time passes by what keys have left being taken from them, so nobody sleeps.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import capturedLogs
from twisted.trial.unittest import TestCase

from integration.servers import redis
from zerogo.control.gateway_messages import Claimed, ClaimRequest
from zerogo.exit.claims import EdgeClaim, EdgeHeld, SessionClaim, SessionHeld
from zerogo.net import redis_claims
from zerogo.net.redis_claims import PREFIX, RedisClaims
from zerogo.secret import Secret
from zerogo.test.exit.claim_suite import LIMIT, ClaimSuite

reactor: Any = installed
ADVANCE = """
for _, key in ipairs(redis.call('KEYS', KEYS[1] .. '*')) do
  local left = redis.call('PTTL', key)
  if redis.call('TYPE', key).ok == 'zset' then
    for _, name in ipairs(redis.call('ZRANGE', key, 0, -1)) do
      redis.call('ZINCRBY', key, -ARGV[1], name)
    end
  elseif left >= 0 and left > tonumber(ARGV[1]) then
    redis.call('PEXPIRE', key, left - ARGV[1])
  elseif left >= 0 then
    redis.call('DEL', key)
  end
end
local born = redis.call('GET', KEYS[1] .. 'born')
if born then redis.call('SET', KEYS[1] .. 'born', string.format('%d', born - ARGV[1])) end
"""


class RedisClaimsTests(ClaimSuite, TestCase):
    timeout = 60

    async def setUp(self) -> None:
        self.servers = ExitStack()
        self.addCleanup(self.servers.close)
        self.server = self.servers.enter_context(redis("correct-horse"))
        self.patch(redis_claims, "REPLY_SECONDS", 60)
        self.claims = RedisClaims(Secret(self.server.url), reactor, b"k" * 32, LIMIT, LIMIT)
        self.forgotten = 0
        self.claims.on_forgotten = self.count
        self.claims.start()
        self.addCleanup(self.claims.stop)
        await self.until_forgotten(1)
        await self.settle([], [])

    def count(self) -> None:
        self.forgotten += 1

    async def until_forgotten(self, times: int) -> None:
        """Wait until it was said so often that what was claimed may be lost."""
        while self.forgotten < times:
            await deferLater(reactor, 0.01, lambda: None)

    async def ask(self, sessions: list[SessionClaim], edges: list[EdgeClaim]) -> Claimed:
        asked: Deferred[Claimed] = self.claims.settle(ClaimRequest(7, sessions, edges))
        return await asked

    async def settle(
        self, sessions: list[SessionClaim], edges: list[EdgeClaim]
    ) -> tuple[list[SessionHeld], list[EdgeHeld]]:
        found = await self.ask(sessions, edges)
        self.assertFalse(found.is_away)
        return found.sessions, found.edges

    async def advance(self, seconds: float) -> None:
        await self.claims._factory.handler.eval(ADVANCE, [PREFIX], [round(seconds * 1000)])

    async def lose_all(self) -> None:
        await self.claims._factory.handler.flushall()

    async def test_of_requests_that_come_together_each_edge_goes_to_one(self) -> None:
        await self.advance(10.0)
        asked = [self.claims.settle(ClaimRequest(n, [], [EdgeClaim(f"u{n}", ["a", "b"])])) for n in range(20)]
        given = [(await one).edges[0].edge for one in asked]
        self.assertEqual(sorted(given), [""] * 18 + ["a", "b"])

    async def test_while_it_is_away_that_is_the_answer_and_what_was_lost_is_asked_for_when_it_is_back(self) -> None:
        await self.session("a")
        self.server.kill()
        while not (await self.ask([], [])).is_away:
            await deferLater(reactor, 0.01, lambda: None)
        self.server.start()
        await self.until_forgotten(2)
        self.assertEqual((await self.session("b")).edge, "b")
        self.flushLoggedErrors()

    async def test_who_loses_all_without_going_away_is_found_out(self) -> None:
        await self.session("a")
        before = self.forgotten
        await self.lose_all()
        await deferLater(reactor, 0.002, lambda: None)
        await self.session("b")
        self.assertEqual(self.forgotten, before + 1)

    async def test_neither_users_nor_sessions_can_be_read_there(self) -> None:
        await self.session("a", user="alice", name="secret7")
        await self.edge("alice", "e1", is_held=True)
        keys = await self.claims._factory.handler.keys("*")
        counts = {f"{PREFIX}{kind}".encode() for kind in ("sessions", "edges")}
        self.assertLessEqual(counts, set(keys))
        values = [await self.claims._factory.handler.get(key) for key in keys if key not in counts]
        for count in counts:
            values += await self.claims._factory.handler.zrange(count, 0, -1)
        text = b" ".join([*keys, *values])
        self.assertEqual([word for word in (b"alice", b"secret7") if word in text], [])

    async def test_what_others_keep_in_the_same_database_is_not_counted(self) -> None:
        for number in range(2 * LIMIT):
            await self.claims._factory.handler.set(f"other:{number}", "1")
        await self.session("a")
        self.assertEqual((await self.session("b")).edge, "a")

    async def test_many_requests_without_an_answer_are_told_once(self) -> None:
        asked = [self.claims.settle(ClaimRequest(number)) for number in range(20)]
        with capturedLogs() as logs:
            self.claims._factory.pool[0].transport.abortConnection()
            self.assertEqual([(await one).is_away for one in asked], [True] * 20)
        told = [event for event in logs if event["log_namespace"] == "zerogo.controller.exits"]
        self.assertEqual(len(told), 1)

    async def test_rubbish_in_redis_is_not_handed_on(self) -> None:
        await self.session("a")
        (key,) = [key for key in await self.claims._factory.handler.keys("*") if b":s:" in key]
        for value in (b"nonsense", b"a 0 1", b"A! 99999999999 60000"):
            await self.claims._factory.handler.set(key, value)
            found = await self.ask([SessionClaim("bob", "k7", "b", 0, 60.0)], [])
            self.assertTrue(found.is_away or found.sessions[0].edge in "ab")
