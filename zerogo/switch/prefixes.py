# -*- test-case-name: zerogo.test.switch.test_source -*-
"""Sets of IP prefixes in the form that is quick to ask."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable


class PrefixSet:
    """IP prefixes of both families, as leading bits and the number of bits that follow, by the bytes of an address."""

    __slots__ = ("_by_width",)

    def __init__(self, texts: Iterable[str]) -> None:
        self._by_width: dict[int, list[tuple[int, int]]] = {4: [], 16: []}
        for text in texts:
            network = ipaddress.ip_network(text)
            shift = network.max_prefixlen - network.prefixlen
            self._by_width[network.max_prefixlen // 8].append((int(network.network_address) >> shift, shift))

    def __contains__(self, address: bytes) -> bool:
        number = int.from_bytes(address, "big")
        return any(number >> shift == network for network, shift in self._by_width[len(address)])
