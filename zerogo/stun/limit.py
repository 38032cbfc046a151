# -*- test-case-name: zerogo.test.stun.test_limit -*-
"""Token buckets per source, in a table of bounded size.

A source is an IPv4 address or an IPv6 /64, for whoever has one address of a /64 has them all. The least recently seen
source makes room for a new one; a flood from invented sources can so win fresh buckets, but no memory.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict

from attrs import define

from zerogo.ids import SocketAddress

SOURCES_LIMIT = 4096


@define
class _Bucket:
    tokens: float
    filled_at: float


class SourceLimiter:
    """Allows each source `burst` at once and `rate` a second in the long run."""

    def __init__(self, rate: float, burst: float, sources_limit: int = SOURCES_LIMIT) -> None:
        self._rate = rate
        self._burst = burst
        self._sources_limit = sources_limit
        self._buckets: OrderedDict[bytes, _Bucket] = OrderedDict()

    def allows(self, source: SocketAddress, now: float) -> bool:
        """Take one token of the source's bucket; False where it is empty."""
        bucket = self._bucket(_source_key(source), now)
        bucket.tokens = min(self._burst, bucket.tokens + (now - bucket.filled_at) * self._rate)
        bucket.filled_at = now
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True

    def __len__(self) -> int:
        """Sources in the table."""
        return len(self._buckets)

    def _bucket(self, key: bytes, now: float) -> _Bucket:
        bucket = self._buckets.get(key)
        if bucket is not None:
            self._buckets.move_to_end(key)
            return bucket
        if len(self._buckets) >= self._sources_limit:
            self._buckets.popitem(last=False)
        bucket = self._buckets[key] = _Bucket(self._burst, now)
        return bucket


def _source_key(source: SocketAddress) -> bytes:
    packed = ipaddress.ip_address(source.host).packed
    return packed if len(packed) == 4 else packed[:8]
