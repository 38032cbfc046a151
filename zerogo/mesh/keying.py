# -*- test-case-name: zerogo.test.mesh.test_keying -*-
"""The handshakes and sessions of one peer: when to begin, when to try again, when to renew, when to stop.

One attempt is in flight at a time, and only its answer counts: the responder has forgotten all but the newest session
too. Before there is any path, the controller carries the datagrams (`BySignal`), so that the first path that is found
finds the session ready; what went there and is not answered when a path is found is sent there after the first delay. A
peer that was not heard of, and may be off, is sent one such datagram and no more until it is. The end that *leads*
begins as soon as there is a destination; the other one takes over when it has no session `TAKEOVER_SECONDS` later, and
so does a leader that the peer has opened a session with. Tries follow each other after 0.25, 0.5, 1 and 2 seconds (but
never before two round trips), then every 5 seconds with jitter; after 90 there is a pause of 60. Sessions are renewed
by their initiator after 120 seconds, by the responder if that has not happened at 165 (WireGuard's figures). `slots`
mirrors what the data plane holds.
"""

from __future__ import annotations

import enum
import math

from attrs import define, field, frozen

from zerogo.core import TimerTable
from zerogo.errors import RemoteError
from zerogo.ids import Endpoint
from zerogo.mesh.context import NodeContext
from zerogo.mesh.events import SessionReady, SessionRetired
from zerogo.mesh.signal import BySignal
from zerogo.mesh.slots import SessionRecord, SessionSlots
from zerogo.mesh.status import Refusal
from zerogo.noise.exchange import Initiator, ReceivedInitiation, Responder
from zerogo.noise.keys import SessionKeys
from zerogo.wire.handshake import Suite

TAKEOVER_SECONDS = 1.0
FIRST_RETRIES_SECONDS = (0.25, 0.5, 1.0, 2.0)
LEFT_SECONDS = 0.5
"""For an initiation that is expected of the peer."""
HEARD_RETRY_SECONDS = 0.5
"""From a try that the peer may have been too early for, or off, until the next once it is heard."""
SIGNALLED_RETRY_SECONDS = 1.0
"""Least time between tries by the controller, which may be far from both ends."""
RETRY_SECONDS = 5.0
RETRY_JITTER_SECONDS = 0.333
GIVE_UP_AFTER_SECONDS = 90.0
REKEY_AFTER_SECONDS = 120.0
REKEY_JITTER_SECONDS = 2.0
RESPONDER_REKEY_AFTER_SECONDS = 165.0
BEGIN_AGAIN_SECONDS = 60.0
"""After having given up."""
COOKIE_LIFETIME_SECONDS = 120.0
INITIATION_GAP_SECONDS = 0.02
"""A peer's initiations that follow faster are not answered."""
_RACED_DESTINATIONS = 3
_SINGLE_TRIES = 2
"""So many tries go to the best destination alone; later ones to several at once."""

NO_ANSWER = "the peer does not answer the handshake"
NOT_AUTHENTIC = "the peer's handshake answer does not authenticate: do both ends have the same network key?"


class _Timer(enum.StrEnum):
    BEGIN = "begin handshake"
    RETRY = "retry handshake"
    REKEY = "renew session"
    EXPIRE = "expire session"


@frozen(eq=False)
class _Attempt:
    initiator: Initiator
    local_index: int
    follows_cookie: bool
    """Whether it was made because a cookie came, before its time."""
    made_at: float
    is_signalled: bool
    is_blind: bool
    """Whether it was made by way of the controller before the peer was heard of."""


@define(eq=False)
class Keying:
    """One peer's. Verbs write datagrams and events to the node's outbox."""

    _context: NodeContext
    _peer: int
    _remote_static: bytes
    suite: Suite
    leads: bool
    slots: SessionSlots = field(factory=SessionSlots, init=False)
    complaint: str = field(default="", init=False)
    """What was wrong with the attempts since the last session; empty where nothing is known to be."""
    has_given_up: bool = field(default=False, init=False)
    established_at: float | None = field(default=None, init=False)
    round_trip: float = field(default=0.0, init=False)
    """Of the best destination, seconds, where it was measured."""
    is_heard: bool = field(default=False, init=False)
    """Whether the peer has told something by way of the controller."""
    _timers: TimerTable[_Timer] = field(factory=TimerTable, init=False)
    _destinations: tuple[Endpoint | BySignal, ...] = field(default=(), init=False)
    _attempt: _Attempt | None = field(default=None, init=False)
    _tries: int = field(default=0, init=False)
    _begun_at: float = field(default=0.0, init=False)
    _cookie: tuple[bytes, float] | None = field(default=None, init=False)
    _last_initiation_at: float | None = field(default=None, init=False)
    _is_fresh: bool = field(default=False, init=False)
    _left_until: float = field(default=-math.inf, init=False)

    @property
    def has_session(self) -> bool:
        """Whether there is a session to send in."""
        return self.slots.current is not None

    @property
    def is_busy(self) -> bool:
        """Whether a handshake is under way or about to begin."""
        return self._attempt is not None or self._timers.is_set(_Timer.BEGIN)

    def take_fresh(self) -> bool:
        """Whether a session came into use since this was asked last."""
        is_fresh, self._is_fresh = self._is_fresh, False
        return is_fresh

    def next_at(self) -> float | None:
        """When `handle_timer` is wanted."""
        return self._timers.next_at()

    def set_destinations(self, destinations: tuple[Endpoint | BySignal, ...], now: float) -> None:
        """Where the peer may be reached, best first; without any, an attempt stops."""
        attempt, self._destinations = self._attempt, destinations
        if not destinations:
            self._drop_attempt()
            self._timers.cancel(_Timer.BEGIN)
        elif attempt is not None and attempt.is_signalled and not self._is_signalled:
            self._timers.set(_Timer.RETRY, max(now, attempt.made_at + FIRST_RETRIES_SECONDS[0]))
        elif attempt is not None and attempt.is_blind and self.is_heard:
            self._timers.set(_Timer.RETRY, max(now, attempt.made_at + HEARD_RETRY_SECONDS))
        elif not self.has_session and not self.is_busy:
            is_first = (self._is_signalled or self.leads) and self.slots.next is None
            self._timers.set(_Timer.BEGIN, max(now if is_first else now + TAKEOVER_SECONDS, self._left_until))

    def leave_to_peer(self, now: float) -> None:
        """The peer is about to open a session: two at once would cost more time than one."""
        self._left_until = now + LEFT_SECONDS

    def renew(self, now: float) -> None:
        """Agree on fresh keys, whatever there is."""
        if self._attempt is None and self._destinations:
            self._begin(now)

    def rekey_due(self, now: float) -> None:
        """The data plane asks for a fresh session; the responder of the current one leaves the initiator a chance."""
        current = self.slots.current
        if current is None or current.is_initiator or now - current.created_at >= RESPONDER_REKEY_AFTER_SECONDS:
            self.renew(now)
        elif not self.is_busy:
            self._timers.set(_Timer.BEGIN, now + RETRY_SECONDS)

    def handle_timer(self, now: float) -> None:
        """Do what is due."""
        for timer in self._timers.take_due(now):
            match timer:
                case _Timer.BEGIN | _Timer.REKEY:
                    self.renew(now)
                case _Timer.RETRY:
                    self._retry(now)
                case _Timer.EXPIRE:
                    self._retire(self.slots.expire(now))
        self._arm_expiry()

    def receive_response(self, local_index: int, datagram: bytes, now: float) -> None:
        """An answer to the initiation with `local_index`."""
        if self._attempt is None or self._attempt.local_index != local_index:
            self._context.outbox.refuse(Refusal.STALE_RESPONSE)
            return
        try:
            keys, _ = self._attempt.initiator.consume_response(datagram)
        except RemoteError:
            self.complaint = NOT_AUTHENTIC
            self._context.outbox.refuse(Refusal.FORGED_HANDSHAKE)
            return
        self._attempt = None
        self._established(keys, now)

    def receive_cookie_reply(self, local_index: int, datagram: bytes, now: float) -> None:
        """The peer wants proof of our address: try again at once, with its cookie.

        Once per try: who is on the path and knows the peer's public key can make cookie replies, and each would draw a
        larger initiation.
        """
        if self._attempt is None or self._attempt.local_index != local_index:
            self._context.outbox.refuse(Refusal.STALE_COOKIE)
            return
        try:
            cookie = self._attempt.initiator.consume_cookie_reply(datagram)
        except RemoteError:
            self._context.outbox.refuse(Refusal.FORGED_HANDSHAKE)
            return
        is_news = self._cookie is None or self._cookie[0] != cookie
        self._cookie = (cookie, now)
        if is_news and not self._attempt.follows_cookie:
            self._try(now, follows_cookie=True)

    def respond(
        self, responder: Responder, received: ReceivedInitiation, source: Endpoint | BySignal, now: float
    ) -> None:
        """Answer an authentic, fresh initiation of this peer."""
        last, self._last_initiation_at = self._last_initiation_at, now
        if last is not None and now - last < INITIATION_GAP_SECONDS:
            self._context.outbox.refuse(Refusal.TOO_MANY_INITIATIONS)
            return
        if not self.leads and self._attempt is not None:
            self._drop_attempt()
            self._timers.set(_Timer.BEGIN, now + TAKEOVER_SECONDS)
        local_index = self._context.indexes.allocate(self._peer)
        datagram, keys = responder.create_response(received, local_index)
        # By the controller, the answer is an event as well, and the peer may use the session as soon as it has it.
        self._add(keys, now)
        self._context.outbox.send(source, datagram)

    def confirmed(self, local_index: int, now: float) -> bool:
        """The data plane saw the first authentic datagram of a session; False where that is old news."""
        pending = self.slots.next
        if pending is None or pending.local_index != local_index:
            return False
        self._retire(self.slots.confirm(local_index))
        self._settled(now)
        self._timers.set(_Timer.REKEY, pending.created_at + RESPONDER_REKEY_AFTER_SECONDS)
        return True

    def clear(self) -> None:
        """Drop all sessions and attempts."""
        self._drop_attempt()
        self._retire(self.slots.clear())
        for timer in _Timer:
            self._timers.cancel(timer)
        self.complaint, self.has_given_up = "", False

    def _begin(self, now: float) -> None:
        self._begun_at, self._tries = now, 0
        self.has_given_up = False
        self._timers.cancel(_Timer.BEGIN)
        self._try(now)

    def _retry(self, now: float) -> None:
        if now - self._begun_at >= GIVE_UP_AFTER_SECONDS:
            self._drop_attempt()
            self.complaint = self.complaint or NO_ANSWER
            self.has_given_up = True
            self._timers.set(_Timer.BEGIN, now + BEGIN_AGAIN_SECONDS)
            return
        if self.complaint == "" and self._tries > len(FIRST_RETRIES_SECONDS):
            self.complaint = NO_ANSWER
        self._try(now)

    def _try(self, now: float, follows_cookie: bool = False) -> None:
        self._drop_attempt()
        context = self._context
        initiator = Initiator(
            context.identity, self._remote_static, context.network, context.psk, self.suite, context.rng
        )
        index = context.indexes.allocate(self._peer)
        is_blind = self._is_signalled and not self.is_heard
        self._attempt = _Attempt(initiator, index, follows_cookie, now, self._is_signalled, is_blind)
        timestamp = context.timestamps.next(now, context.outbox)
        datagram = initiator.create_initiation(self._attempt.local_index, timestamp, cookie=self._fresh_cookie(now))
        count = 1 if self._tries < _SINGLE_TRIES else _RACED_DESTINATIONS
        for destination in self._destinations[:count]:
            context.outbox.send(destination, datagram)
        self._timers.set(_Timer.RETRY, now + (GIVE_UP_AFTER_SECONDS if is_blind else self._retry_delay()))
        self._tries += 1

    def _retry_delay(self) -> float:
        if self._tries < len(FIRST_RETRIES_SECONDS):
            least = SIGNALLED_RETRY_SECONDS if self._is_signalled else 2 * self.round_trip
            return max(FIRST_RETRIES_SECONDS[self._tries], least)
        return RETRY_SECONDS + RETRY_JITTER_SECONDS * self._context.fraction()

    @property
    def _is_signalled(self) -> bool:
        return isinstance(self._destinations[0], BySignal)

    def _fresh_cookie(self, now: float) -> bytes | None:
        if self._cookie is None or now - self._cookie[1] >= COOKIE_LIFETIME_SECONDS:
            return None
        return self._cookie[0]

    def _established(self, keys: SessionKeys, now: float) -> None:
        self._add(keys, now)
        self._settled(now)
        jitter = REKEY_JITTER_SECONDS * self._context.fraction()
        self._timers.set(_Timer.REKEY, now + REKEY_AFTER_SECONDS + jitter)

    def _add(self, keys: SessionKeys, now: float) -> None:
        self._context.outbox.tell(SessionReady(self._peer, keys))
        record = SessionRecord(local_index=keys.local_index, is_initiator=keys.is_initiator, created_at=now)
        self._retire(self.slots.add(record))
        self._arm_expiry()

    def _settled(self, now: float) -> None:
        self.established_at, self._is_fresh = now, True
        self.complaint, self.has_given_up = "", False
        self._drop_attempt()
        self._timers.cancel(_Timer.BEGIN)

    def _drop_attempt(self) -> None:
        self._timers.cancel(_Timer.RETRY)
        if self._attempt is not None:
            self._context.indexes.release(self._attempt.local_index)
            self._attempt = None

    def _retire(self, local_indexes: list[int]) -> None:
        for local_index in local_indexes:
            self._context.indexes.release(local_index)
            self._context.outbox.tell(SessionRetired(local_index))

    def _arm_expiry(self) -> None:
        expires_at = self.slots.next_expiry()
        if expires_at is None:
            self._timers.cancel(_Timer.EXPIRE)
        else:
            self._timers.set(_Timer.EXPIRE, expires_at)
