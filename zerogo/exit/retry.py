# -*- test-case-name: zerogo.test.exit.test_retry -*-
"""When a stream that could not be opened may be tried on another edge: the written rule.

Another edge is tried while all of this holds:

1. No byte of the target was passed to the user, and the edge has not said OPENED.
2. Either the edge says that it failed before its connection to the target was there (any RESET before OPENED says so:
   an edge passes nothing on before OPENED), or its carrier was lost or silent and no payload byte had been given to it.
3. The failure is the edge's, not the target's: a refused connection is the truth, and would be refused again.
4. Fewer than `TRIES` edges were tried, and `LIMIT_SECONDS` have not passed.
"""

from __future__ import annotations

from attrs import define, field

from zerogo.exit.reason import Reason

TRIES = 3
LIMIT_SECONDS = 10.0
EDGE_FAULTS = frozenset(
    {
        Reason.POLICY,
        Reason.NAME_FAILED,
        Reason.NETWORK_UNREACHABLE,
        Reason.UNSUPPORTED,
        Reason.OVERLOADED,
        Reason.DRAINING,
        Reason.PROTOCOL,
        Reason.CARRIER_LOST,
        Reason.INTERNAL,
        Reason.OWNER,
    }
)


@define
class Attempts:
    """The tries of one stream. `tried` are the edges, oldest first."""

    began_at: float
    tried: list[str] = field(factory=list)
    first_reason: Reason | None = None

    def begin(self, edge: str) -> None:
        """That edge is asked."""
        self.tried.append(edge)

    def may_retry(self, reason: Reason, is_payload_gone: bool, now: float) -> bool:
        """Whether another edge may be asked. `is_payload_gone`: the edge that failed was given bytes of the user."""
        if self.first_reason is None:
            self.first_reason = reason
        if reason not in EDGE_FAULTS or (reason is Reason.CARRIER_LOST and is_payload_gone):
            return False
        return self.are_left(now)

    def are_left(self, now: float) -> bool:
        """Whether there are tries and time for another edge."""
        return len(self.tried) < TRIES and now - self.began_at < LIMIT_SECONDS

    def verdict(self, reason: Reason) -> Reason:
        """What to tell the user: what the first edge said is more than that there was no second one."""
        return self.first_reason if reason is Reason.NO_EDGE and self.first_reason is not None else reason
