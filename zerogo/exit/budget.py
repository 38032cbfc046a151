# -*- test-case-name: zerogo.test.exit.test_mux -*-
"""How much memory all readers together may keep bytes in: one budget a tunnel, below one of the whole process."""

from __future__ import annotations

TUNNEL_BYTES = 64 * 1024 * 1024
PROCESS_BYTES = 512 * 1024 * 1024


class Budget:
    """Counts bytes up to a limit, and in its parent as well."""

    def __init__(self, limit: int, parent: Budget | None = None) -> None:
        self.limit = limit
        self.used = 0
        self._parent = parent

    def add(self, count: int) -> None:
        """So many bytes more (or fewer, below zero) are kept."""
        self.used += count
        if self._parent is not None:
            self._parent.add(count)

    @property
    def is_exceeded(self) -> bool:
        """Whether something has to go."""
        return self.used > self.limit or (self._parent is not None and self._parent.is_exceeded)

    @property
    def is_roomy(self) -> bool:
        """Whether windows may grow: less than half is used."""
        return self.used * 2 < self.limit and (self._parent is None or self._parent.is_roomy)
