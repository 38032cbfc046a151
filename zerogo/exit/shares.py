# -*- test-case-name: zerogo.test.exit.test_shares -*-
"""A rate that holds at several gateways at once: who gets how much of it.

Each gateway says each second how fast a user was there and whether the rate held the user up. Who was not held up gets
what was used and a quarter more; those that were share the rest evenly, but nobody gets less than a tenth of an even
part, so that a stream that begins is not starved until the next second. For that second all gateways together may
exceed the rate; after it they do not, but for the tenths.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

LEAST_PART = 0.1
HEADROOM = 1.25


@frozen
class Demanded:
    """One user at one gateway in the last second, one direction."""

    rate: float
    """Bytes per second."""
    is_hungry: bool
    """Whether the limit held the user up."""


def divide(rate: int, demands: Mapping[str, Demanded]) -> dict[str, int]:
    """The part of each gateway, bytes per second; `rate` zero is without limit, for all."""
    if not rate or not demands:
        return dict.fromkeys(demands, rate)
    least = LEAST_PART * rate / len(demands)
    parts: dict[str, float] = {}
    left = float(rate)
    hungry = [gateway for gateway, demand in demands.items() if demand.is_hungry]
    even = rate / len(demands)
    for gateway, demand in demands.items():
        if not demand.is_hungry:
            parts[gateway] = max(least, min(demand.rate * HEADROOM, even))
            left -= parts[gateway]
    if not hungry:
        # Nobody was held up: what is over is shared, so that whoever speeds up is not.
        return {gateway: max(1, int(part + left / len(parts))) for gateway, part in parts.items()}
    for gateway in hungry:
        parts[gateway] = max(least, left / len(hungry))
    return {gateway: max(1, int(parts[gateway])) for gateway in demands}
