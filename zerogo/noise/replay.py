# -*- test-case-name: zerogo.test.noise.test_replay -*-
"""Which counters of a session have been seen: the sliding window of RFC 6479, 8192 bits in words of 64.

The window covers the greatest counter seen and the 8128 before it; what is older is refused unseen. `accepts` is a
look, cheap enough to come before decryption; only `commit`, after the datagram authenticated, changes anything.
"""

from __future__ import annotations

WINDOW_BITS = 8192
WORD_BITS = 64
WINDOW = WINDOW_BITS - WORD_BITS
"""How far behind the greatest counter one may be, 8128; one word is given up so that whole words can be cleared."""
REJECT_AFTER_MESSAGES = 2**64 - 2**13 - 1
"""Counters from here on are never sent and never accepted (WireGuard's limit)."""

_WORDS = WINDOW_BITS // WORD_BITS


class ReplayWindow:
    """The counters seen on one receiving key. Memory is fixed."""

    __slots__ = ("_greatest", "_words")

    def __init__(self) -> None:
        self._greatest = -1
        self._words = [0] * _WORDS

    def accepts(self, counter: int) -> bool:
        """Whether `counter` is new and not too old; changes nothing."""
        if not 0 <= counter < REJECT_AFTER_MESSAGES:
            return False
        if counter > self._greatest:
            return True
        if counter + WINDOW < self._greatest:
            return False
        return not self._words[(counter >> 6) % _WORDS] >> (counter & 63) & 1

    def commit(self, counter: int) -> bool:
        """Mark `counter` as seen, once its datagram authenticated; False where `accepts` would say so."""
        if not self.accepts(counter):
            return False
        if counter > self._greatest:
            self._clear_between(self._greatest >> 6, counter >> 6)
            self._greatest = counter
        self._words[(counter >> 6) % _WORDS] |= 1 << (counter & 63)
        return True

    def is_ahead(self, counter: int, count: int) -> bool:
        """Whether `count` counters from `counter` on are all greater than any seen; changes nothing."""
        return counter > self._greatest and counter + count <= REJECT_AFTER_MESSAGES

    def commit_run(self, counter: int, count: int) -> bool:
        """Mark `count` (1 to 8128) counters from `counter` on as seen at once; False, and none marked, unless ahead."""
        if not self.is_ahead(counter, count):
            return False
        greatest = counter + count - 1
        self._clear_between(self._greatest >> 6, greatest >> 6)
        self._greatest = greatest
        for word in range(counter >> 6, (greatest >> 6) + 1):
            low = max(counter - (word << 6), 0)
            high = min(greatest - (word << 6), WORD_BITS - 1)
            self._words[word % _WORDS] |= (2 << high) - (1 << low)
        return True

    def _clear_between(self, old: int, new: int) -> None:
        """Forget the words after word `old` up to and with word `new`."""
        for word in range(new - min(new - old, _WORDS) + 1, new + 1):
            self._words[word % _WORDS] = 0
