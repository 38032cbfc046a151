# -*- test-case-name: zerogo.test.mesh.test_slots -*-
"""The sessions of one peer as the data plane holds them: previous, current, next (`zerogo.dataplane.interface`).

The mesh keeps this mirror to know whether there is a session to speak in, how old it is, and which local indexes are
taken. It follows the same law as a plane: an initiator's session becomes current at once, a responder's waits as next
until an authentic datagram confirms it; what falls out of the slots is retired.
"""

from __future__ import annotations

from attrs import define, frozen

REJECT_AFTER_SECONDS = 180.0
"""A session that old is of no use in either direction."""


@frozen(kw_only=True)
class SessionRecord:
    """A session without its keys."""

    local_index: int
    is_initiator: bool
    created_at: float

    @property
    def expires_at(self) -> float:
        """From then on it is of no use."""
        return self.created_at + REJECT_AFTER_SECONDS


@define(eq=False)
class SessionSlots:
    """Each verb returns the local indexes that are retired by it, oldest first."""

    previous: SessionRecord | None = None
    current: SessionRecord | None = None
    next: SessionRecord | None = None

    def add(self, record: SessionRecord) -> list[int]:
        """A handshake ended with this session."""
        if not record.is_initiator:
            dropped = [self.next]
            self.next = record
        elif self.next is not None:
            dropped = [self.previous, self.current]
            self.previous, self.current, self.next = self.next, record, None
        else:
            dropped = [self.previous]
            self.previous, self.current = self.current, record
        return _indexes(dropped)

    def confirm(self, local_index: int) -> list[int]:
        """An authentic datagram came in on this session."""
        if self.next is None or self.next.local_index != local_index:
            return []
        dropped = [self.previous]
        self.previous, self.current, self.next = self.current, self.next, None
        return _indexes(dropped)

    def expire(self, now: float) -> list[int]:
        """Drop what is too old."""
        dropped: list[SessionRecord | None] = []
        for name in ("previous", "current", "next"):
            record: SessionRecord | None = getattr(self, name)
            if record is not None and now >= record.expires_at:
                dropped.append(record)
                setattr(self, name, None)
        return _indexes(dropped)

    def clear(self) -> list[int]:
        """Drop all."""
        dropped = [self.previous, self.current, self.next]
        self.previous = self.current = self.next = None
        return _indexes(dropped)

    def next_expiry(self) -> float | None:
        """When the oldest session expires; None where there is none."""
        records = (self.previous, self.current, self.next)
        return min((record.expires_at for record in records if record is not None), default=None)


def _indexes(records: list[SessionRecord | None]) -> list[int]:
    return [record.local_index for record in records if record is not None]
