# -*- test-case-name: zerogo.test.noise.test_timestamp -*-
"""Timestamps of initiations: made by a clock that never goes back, checked by a guard that never bricks a node.

Message 1 of IK can be recorded and sent again. A responder therefore keeps the greatest timestamp it saw from each
member and wants a greater one. That rule alone has a trap (CVE-2021-46873): whoever can push a node's clock far into
the future, once, makes it send a timestamp that the true clock will not reach in years; when the clock is right again,
all its initiations are stale and the node is locked out for good. Three things together take the trap away:

- A *timestamp* is 12 bytes, big-endian: unix time in units of 2**-32 seconds, used only for its order. The
  `HandshakeClock` gives out max(clock, last + 1). What it will not exceed is kept on disk ahead of time (`mark`), so a
  restart does not go back either, whatever the clock does.
- For the case that the mark was lost (a new disk, a snapshot), a stale timestamp is not the end: the responder answers
  with a cookie reply, and an initiation that carries this fresh cookie *inside its sealed payload* is accepted though
  its timestamp is small. The cookie is the responder's own challenge, at most 240 seconds old, and the seal ties it to
  the initiator's key: a recorded initiation cannot have it. mac2 alone would not do as proof: it is made from a
  cookie and public values, so that anybody who knows the responder's public key could put it on a recorded initiation.
- Initiations accepted that way are remembered until their cookies are void, so they cannot be replayed in turn. The
  greatest timestamp is never lowered: the recorded ones from the time of the wrong clock stay worthless.

The guard lives in memory. After a restart of the responder one recorded initiation per member can pass; it gains
nothing, since without the keys nobody confirms the session that follows.
"""

from __future__ import annotations

from collections import deque

from attrs import define, field

from zerogo.errors import LocalError
from zerogo.noise.cookie import COOKIE_LIFETIME_SECONDS, SECRET_LIFETIME_SECONDS
from zerogo.noise.errors import Replayed, StaleInitiation

TIMESTAMP_BYTES = 12
RESERVED_SECONDS = 60
"""How far ahead of the last timestamp the mark is set: so seldom does it have to be written."""
PROOF_SECONDS = COOKIE_LIFETIME_SECONDS + SECRET_LIFETIME_SECONDS
PROOFS_LIMIT = 16
"""Timestamps kept per member for that purpose; while there are so many, a stale timestamp is not accepted."""

_FRACTION_BITS = 32
_GREATEST: int = 2 ** (8 * TIMESTAMP_BYTES) - 1


def _to_bytes(ticks: int) -> bytes:
    return min(ticks, _GREATEST).to_bytes(TIMESTAMP_BYTES, "big")


class HandshakeClock:
    """Strictly increasing timestamps for all initiations of one node.

    Keep `mark` on disk: after each `next` that changed it, write it before the initiation is sent, and give it to the
    constructor at the next start. Without a mark the clock still only goes forward while the process lives.
    """

    def __init__(self, mark: bytes | None = None) -> None:
        if mark is not None and len(mark) != TIMESTAMP_BYTES:
            raise LocalError(f"a clock's mark has {TIMESTAMP_BYTES} bytes")
        self._last = int.from_bytes(mark or b"", "big")
        self._mark = self._last

    @property
    def mark(self) -> bytes:
        """No timestamp given out so far is greater, 12 bytes."""
        return _to_bytes(self._mark)

    def next(self, unix_now: float) -> bytes:
        """A timestamp greater than all before, 12 bytes; `unix_now` is seconds since 1970, right or wrong."""
        ticks = int(max(0.0, unix_now) * 2**_FRACTION_BITS)
        self._last = max(ticks, self._last + 1)
        if self._last > self._mark:
            self._mark = self._last + (RESERVED_SECONDS << _FRACTION_BITS)
        return _to_bytes(self._last)


@define
class _Seen:
    greatest: bytes = b""
    proven: deque[tuple[float, bytes]] = field(factory=deque)
    """When, and which timestamp was accepted with a cookie that may still be valid."""

    def forget_old_proofs(self, now: float) -> None:
        while self.proven and now - self.proven[0][0] >= PROOF_SECONDS:
            self.proven.popleft()

    def remember_proof(self, timestamp: bytes, now: float) -> None:
        self.proven.append((now, timestamp))
        if len(self.proven) > PROOFS_LIMIT:
            # What is lost here is older than what stays, so the table is full for as long as the loss could matter.
            self.proven.popleft()


@define
class ReplayGuard:
    """The greatest timestamp seen from each member. Ask only about members: the table is as large as the map."""

    _seen: dict[bytes, _Seen] = field(factory=dict, init=False, repr=False)

    def accept(self, remote_static: bytes, timestamp: bytes, *, is_proven_fresh: bool, now: float) -> None:
        """Take an authentic initiation's timestamp, or raise `StaleInitiation` (ask for a cookie) or `Replayed`.

        `is_proven_fresh` says that the sealed payload held a valid cookie of this node for the datagram's source.
        """
        seen = self._seen.setdefault(remote_static, _Seen())
        seen.forget_old_proofs(now)
        if any(timestamp == proven for _, proven in seen.proven):
            raise Replayed("an initiation came a second time")
        if timestamp > seen.greatest:
            seen.greatest = timestamp
        elif timestamp == seen.greatest:
            raise Replayed("an initiation came a second time")
        elif not is_proven_fresh or len(seen.proven) >= PROOFS_LIMIT:
            raise StaleInitiation("an initiation is older than one seen before")
        if is_proven_fresh:
            seen.remember_proof(timestamp, now)

    def forget(self, remote_static: bytes) -> None:
        """Drop what is known of a node that is no member any more."""
        self._seen.pop(remote_static, None)
