# -*- test-case-name: zerogo.test.turn.test_revoker -*-
"""Tells one relay whom to serve no longer (`turn.revocation`), until it has answered that it knows.

    revoke -> request with all that is untold -> no answer: again, ever more seldom, for as long as it matters
                                              -> answer: told; while anything told still matters, the relay is asked
                                                 every `LOOK_SECONDS` whether it is the one that was told

One request is on its way at a time. What is new while one is begins another one at once, so that nobody waits for the
repetition of a request that was lost. Nothing is sent when nobody has to be kept out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator

from attrs import frozen

from zerogo.core import Deadline, RandomBytes, Transmit, drain
from zerogo.errors import ParseError
from zerogo.ids import SocketAddress
from zerogo.secret import Secret
from zerogo.stun.message import new_transaction_id
from zerogo.turn.revocation import REVOKED_BYTES, Revocation, emit_request, parse_answer, revocation_key

LOOK_SECONDS = 5.0
"""So long at most a relay that was restarted serves those who were removed before."""
_PATIENCE = (0.25, 0.5, 1.0, 2.0, 5.0)
"""Seconds after each send; the last one for all further ones."""
SILENT_SECONDS = 8.0
"""So long a relay may be silent before that is told."""


@frozen
class RelaySilent:
    """The relay has not answered for `SILENT_SECONDS`: it does not know whom to serve no longer. Told once for each
    time that it falls silent."""


@frozen
class _Sent:
    """The request that is on its way."""

    transaction_id: bytes
    payload: bytes
    users: tuple[str, ...]


class Revoker:
    """For the relay at one UDP address. `unix_time` gives Unix seconds, by which revocations are over."""

    def __init__(self, server: SocketAddress, secret: Secret, rng: RandomBytes, unix_time: Callable[[], float]) -> None:
        self.is_silent = False
        """Whether `RelaySilent` was told and no answer has come since."""
        self._server = server
        self._key = revocation_key(secret)
        self._rng = rng
        self._unix_time = unix_time
        self._known: dict[str, Revocation] = {}
        """All that are not over."""
        self._untold: dict[str, None] = {}
        self._epoch: bytes | None = None
        self._sent: _Sent | None = None
        self._sends = 0
        self._next_at: float | None = None
        self._silent_since: float | None = None
        self._transmits: deque[Transmit] = deque()
        self._events: deque[RelaySilent] = deque()

    @property
    def is_idle(self) -> bool:
        """Whether nobody has to be kept out."""
        return not self._known

    def revoke(self, revocations: Iterable[Revocation], now: float) -> None:
        """Have the relay know these."""
        new = [each for each in revocations if each.user not in self._known or self._known[each.user] != each]
        for revocation in new:
            self._known[revocation.user] = revocation
            self._untold[revocation.user] = None
        if new:
            self._ask(now)

    def receive_datagram(self, data: bytes, source: SocketAddress, now: float) -> None:
        """A datagram came. Never raises; what is not the relay's answer is dropped."""
        if source != self._server or self._sent is None:
            return
        try:
            epoch = parse_answer(data, self._key, self._sent.transaction_id)
        except ParseError:
            return
        for user in self._sent.users:
            self._untold.pop(user, None)
        if self._epoch is not None and epoch != self._epoch:
            self._untold = dict.fromkeys(user for user in self._known if user not in self._sent.users)
        self._epoch = epoch
        self._sent = self._silent_since = None
        self.is_silent = False
        self._next_at = now + LOOK_SECONDS
        if self._untold:
            self._ask(now)

    def handle_timer(self, now: float) -> None:
        """Ask again, or anew."""
        if self._next_at is None or now < self._next_at:
            return
        if self._sent is None or self._forget_over():
            self._ask(now)
        else:
            self._send(self._sent, now)

    def next_timer(self) -> Deadline | None:
        """When to ask again."""
        return None if self._next_at is None else Deadline(self._next_at, "revocation")

    def transmits(self) -> Iterator[Transmit]:
        """Drain what is to be sent."""
        return drain(self._transmits)

    def events(self) -> Iterator[RelaySilent]:
        """Drain what has happened."""
        return drain(self._events)

    def _ask(self, now: float) -> None:
        """Tell what is untold, or where nothing is, ask for the epoch by repeating something."""
        self._forget_over()
        if not self._known:
            self._sent = self._next_at = self._silent_since = None
            return
        chosen = self._fitting(self._untold or self._known)
        identity = new_transaction_id(self._rng)
        payload = emit_request(self._key, identity, chosen)
        self._sent, self._sends = _Sent(identity, payload, tuple(each.user for each in chosen)), 0
        self._send(self._sent, now)

    def _fitting(self, users: dict[str, None] | dict[str, Revocation]) -> list[Revocation]:
        """As many as one request holds; of those that are told already, one."""
        chosen: list[Revocation] = []
        size = 0
        for user in users:
            revocation = self._known[user]
            size += len(revocation.encode())
            if chosen and (size > REVOKED_BYTES or not self._untold):
                break
            chosen.append(revocation)
        return chosen

    def _forget_over(self) -> bool:
        """Whether any was."""
        unix_now = self._unix_time()
        over = [user for user, each in self._known.items() if each.until <= unix_now]
        for user in over:
            del self._known[user]
            self._untold.pop(user, None)
        return bool(over)

    def _send(self, sent: _Sent, now: float) -> None:
        self._silent_since = now if self._silent_since is None else self._silent_since
        if now - self._silent_since >= SILENT_SECONDS and not self.is_silent:
            self.is_silent = True
            self._events.append(RelaySilent())
        self._next_at = now + _PATIENCE[min(self._sends, len(_PATIENCE) - 1)]
        self._sends += 1
        self._transmits.append(Transmit(self._server, sent.payload))
