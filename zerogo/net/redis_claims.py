# -*- test-case-name: integration.test_redis_claims -*-
"""Sessions and exclusive edges that gateways claim, kept in Redis for all controllers of one database.

What `zerogo.exit.claim_book` does in memory, one script does here, which Redis runs as a whole: of two gateways that
claim the same edge at one time one gets it. Times are those of Redis, so no two clocks have to agree, and what is over
expires by itself. Names of users and sessions are keyed hashes: who reads Redis learns none.

A Redis that was restarted knows nothing. It notes when it was asked first, as `ClaimBook` notes when it was made, and
`on_forgotten` is called on every new connection, and where that note is another one, so that gateways claim again what
they hold. While Redis is away, or takes longer than `REPLY_SECONDS`, the answer to all claims is that it is away.

| Key | Value | Until |
|---|---|---|
| `zerogo:exits:born` | milliseconds, by the clock of Redis | for ever |
| `zerogo:exits:s:HASH` | edge, turn, milliseconds that the session lasts | twice that time is over |
| `zerogo:exits:u:HASH` | edge | `EDGE_SECONDS` after the last claim |
| `zerogo:exits:e:EDGE` | hash of the user | likewise |
| `zerogo:exits:sessions`, `zerogo:exits:edges` | when each of those keys is over, to count them | for ever |
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import msgspec
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from zerogo.control.gateway_messages import Claimed, ClaimRequest
from zerogo.exit.claims import (
    EDGE_SECONDS,
    HOLDERS_LIMIT,
    SESSIONS_LIMIT,
    SETTLING_SECONDS,
    EdgeClaim,
    EdgeHeld,
    SessionClaim,
    SessionHeld,
)
from zerogo.net.redis_place import RedisPlace, Seldom, one_connection
from zerogo.secret import Secret

PREFIX = "zerogo:exits:"
REPLY_SECONDS = 3
WAITING_LIMIT = 512
"""Requests under way: two for each gateway."""
_NAME_BYTES = 16

SCRIPT = """
local prefix = KEYS[1]
local settling, edge_lasts, sessions_limit, holders_limit, sessions, edges = unpack(cmsgpack.unpack(ARGV[1]))
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local born = tonumber(redis.call('GET', prefix .. 'born') or nil)
if not born or born > now then
  born = now
  redis.call('SET', prefix .. 'born', string.format('%d', now))
end

local function has_room(kind, name, limit)
  local count = prefix .. kind
  redis.call('ZREMRANGEBYSCORE', count, '-inf', string.format('%d', now))
  return redis.call('ZSCORE', count, name) or redis.call('ZCARD', count) < limit
end

local function keep(kind, name, key, value, lasts)
  redis.call('SET', key, value, 'PX', string.format('%d', lasts))
  redis.call('ZADD', prefix .. kind, string.format('%d', now + lasts), name)
end

local function session(claim)
  local name, edge, turn, lasts, age, over_edge, over_turn = unpack(claim)
  local key = prefix .. 's:' .. name
  local held = redis.call('GET', key)
  if held then
    local held_edge, held_turn, held_lasts = string.match(held, '^(%w+) (%d+) (%d+)$')
    if held_edge then
      held_turn, held_lasts = tonumber(held_turn), tonumber(held_lasts)
      local left = math.min(redis.call('PTTL', key) - held_lasts, held_lasts)
      local is_next = age > 0 or (held_edge == over_edge and held_turn == over_turn)
      if left > 0 or not is_next then
        return {held_edge, held_turn, held_lasts, left}
      end
    end
  end
  if 2 * lasts > age and has_room('sessions', name, sessions_limit) then
    keep('sessions', name, key, string.format('%s %d %d', edge, turn, lasts), 2 * lasts - age)
  end
  return {edge, turn, lasts, math.max(-lasts, lasts - age)}
end

local function exclusive(claim)
  local user, wanted, is_held, lost = unpack(claim)
  local own = prefix .. 'u:' .. user
  local mine = redis.call('GET', own)
  local is_kept = mine and mine ~= lost
  if is_kept then
    wanted = {mine}
  elseif not is_held and now - born < settling then
    return {'', true}
  end
  for _, edge in ipairs(wanted) do
    local key = prefix .. 'e:' .. edge
    local by = redis.call('GET', key)
    if (not by or by == user) and has_room('edges', edge, holders_limit) then
      keep('edges', edge, key, user, edge_lasts)
      redis.call('SET', own, edge, 'PX', edge_lasts)
      return {edge, false}
    end
  end
  if is_kept then
    redis.call('DEL', own)
  end
  return {'', false}
end

for index, claim in ipairs(sessions) do sessions[index] = session(claim) end
for index, claim in ipairs(edges) do edges[index] = exclusive(claim) end
return cmsgpack.pack({string.format('%d', born), sessions, edges})
"""

_log = Logger(namespace="zerogo.controller.exits")


class _Answer(msgspec.Struct, array_like=True):
    born: str
    sessions: list[tuple[str, int, float, float]]
    edges: list[tuple[str, bool]]


class RedisClaims:
    """Between `start` and `stop`. `key` is the controllers' secret, for names."""

    def __init__(
        self,
        place: Secret,
        reactor: Any,
        key: bytes,
        sessions_limit: int = SESSIONS_LIMIT,
        holders_limit: int = HOLDERS_LIMIT,
    ) -> None:
        self.on_forgotten: Callable[[], object] = lambda: None
        """What was claimed may be lost."""
        self._place = RedisPlace(place, reactor)
        self._key = key
        self._is_told = Seldom(reactor)
        times = (round(seconds * 1000) for seconds in (SETTLING_SECONDS, EDGE_SECONDS))
        self._limits = (*times, sessions_limit, holders_limit)
        self._factory: Any = None
        self._waiting = 0
        self._born: str | None = None

    def start(self) -> None:
        """Begin."""
        self._factory = one_connection()
        self._factory.replyTimeout = REPLY_SECONDS
        added = self._factory.addConnection

        def add(connection: Any) -> None:
            added(connection)
            self.settle(ClaimRequest(0))
            self.on_forgotten()

        self._factory.addConnection = add
        self._place.connect(self._factory)

    def stop(self) -> Deferred[object] | None:
        """Close."""
        if self._factory is None:
            return None
        closed: Deferred[object] = self._factory.disconnect()
        return closed

    def settle(self, request: ClaimRequest) -> Deferred[Claimed]:
        """What is held, claim by claim; never fails."""
        if self._factory is None or not self._factory.size or self._waiting >= WAITING_LIMIT:
            return succeed(Claimed(request.number, is_away=True))
        self._waiting += 1
        sessions = [self._session(claim) for claim in request.sessions]
        edges = [self._edge(claim) for claim in request.edges]
        packed = msgspec.msgpack.encode([*self._limits, sessions, edges])
        asked: Deferred[object] = self._factory.handler.eval(SCRIPT, [PREFIX], [packed])
        return asked.addBoth(self._done).addCallback(self._read, request).addErrback(self._failed, request)

    def _session(self, claim: SessionClaim) -> list[object]:
        name = self._name(claim.user, claim.session)
        lasts, age = round(claim.lasts * 1000), round(claim.age * 1000)
        return [name, claim.edge, claim.turn, lasts, age, claim.over_edge, claim.over_turn]

    def _edge(self, claim: EdgeClaim) -> list[object]:
        return [self._name(claim.user), claim.edges, claim.is_held, claim.lost]

    def _name(self, *words: str) -> str:
        text = "\0".join(words).encode()
        return hashlib.blake2b(text, digest_size=_NAME_BYTES, key=self._key).hexdigest()

    def _done(self, result: object) -> object:
        self._waiting -= 1
        return result

    def _read(self, answer: object, request: ClaimRequest) -> Claimed:
        if not isinstance(answer, bytes):
            raise ValueError("Redis answered with something else than the script gives")
        found = msgspec.msgpack.decode(answer, type=_Answer)
        sessions = [
            msgspec.convert([edge, turn, lasts / 1000, left / 1000], SessionHeld)
            for edge, turn, lasts, left in found.sessions
        ]
        edges = [msgspec.convert(list(one), EdgeHeld) for one in found.edges]
        if (len(sessions), len(edges)) != (len(request.sessions), len(request.edges)):
            raise ValueError("Redis answered not all claims")
        before, self._born = self._born, found.born
        if before not in (None, found.born):
            self.on_forgotten()
        return Claimed(request.number, sessions, edges)

    def _failed(self, failure: Failure, request: ClaimRequest) -> Claimed:
        if self._is_told.may():
            _log.warn("Redis does not answer what gateways claim: {reason}", reason=str(failure.value)[:200])
        return Claimed(request.number, is_away=True)
