# -*- test-case-name: zerogo.test.ice.test_prediction -*-
"""Between which ports the mappings of a hard NAT lie, from samples that were taken together with them.

The hard end opens fresh sockets. From some of them it asks STUN servers where they are seen, and from all of them it
sends a check to the peer, so that the mappings for the peer were made between those for the servers. Where the samples
lie close together the NAT counts: the mappings lie between the first sample and the last, give or take what overtook.
Where they lie within a block that carriers use, the block is a little wider than what was seen of it. Else it is any
port that translators use.

The window is told to the peer, which tries its ports (`zerogo.ice.spray`).
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from zerogo.ids import SocketAddress

FIRST_PORT = 1024
LAST_PORT = 65535
"""Translators give no others to sockets that have none below 1024 themselves."""
MARGIN_PORTS = 4
"""Datagrams that leave together may overtake each other."""
CLOSE_PORTS = 64
"""Ports that others on the same NAT may take while we take ours, in the time of a few datagrams."""
BLOCK_PORTS_LIMIT = 8192
SAMPLES_FOR_BLOCK = 6
"""With fewer, random ports may lie in a block by chance: 6 do with a probability of 1 in 5,000."""


@frozen(kw_only=True)
class PortWindow:
    """Where a hard end expects to be seen by its peer: `sockets` mappings between two ports, both included."""

    number: int
    """Which try this is: 32 bits, another for each."""
    host: str
    """The outside IPv4 address."""
    low: int
    high: int
    sockets: int

    @property
    def size(self) -> int:
        """How many ports."""
        return self.high - self.low + 1


def predict(number: int, samples: Sequence[SocketAddress], sockets: int) -> PortWindow | None:
    """The window for `sockets` mappings made among the samples; None without any sample."""
    if not samples:
        return None
    low, high = _bounds([sample.port for sample in samples], sockets)
    return PortWindow(
        number=number,
        host=samples[-1].host,
        low=max(low, FIRST_PORT),
        high=min(high, LAST_PORT),
        sockets=sockets,
    )


def is_narrow(samples: Sequence[SocketAddress], sockets: int) -> bool:
    """Whether the samples show a NAT that counts."""
    ports = [sample.port for sample in samples]
    return len(ports) >= 2 and max(ports) - min(ports) <= sockets + len(ports) + CLOSE_PORTS


def _bounds(ports: list[int], sockets: int) -> tuple[int, int]:
    low, high = min(ports), max(ports)
    if low < FIRST_PORT:
        return FIRST_PORT, LAST_PORT
    if len(ports) >= 2 and high - low <= sockets + len(ports) + CLOSE_PORTS:
        return low - MARGIN_PORTS, high + MARGIN_PORTS
    if len(ports) >= SAMPLES_FOR_BLOCK and high - low < BLOCK_PORTS_LIMIT:
        # The largest of n samples of a block is expected 1/(n+1) of it below its end; twice that is seldom exceeded.
        beyond = 2 * (high - low) // (len(ports) - 1)
        return low - beyond, high + beyond
    return FIRST_PORT, LAST_PORT
