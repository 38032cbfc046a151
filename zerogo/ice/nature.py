# -*- test-case-name: zerogo.test.ice.test_nature -*-
"""What a node's NAT was seen to do, and which way of connecting fits a pair of such NATs.

All is read off what STUN servers saw of one socket (RFC 4787 section 4.1, RFC 5780 section 4.3). An end whose NAT maps
each destination anew is *hard*: the address that servers see is of no use to its peer. An end whose mapping is the same
for all is *easy*. Filtering is not asked for: where it is lenient the plain checks succeed before anything else begins.

    easy x easy                  plain: both send at once
    easy x hard, next port       prediction: the hard end tells between which ports its mapping lies
    easy x hard, any port        birthday: many sockets at the hard end, many ports tried by the easy end
    hard x hard                  hopeless, but for two that count their ports up one by one

How ports are chosen is judged from two to sixteen samples, so it is a hint; what is tried goes by samples taken at that
moment (`zerogo.ice.prediction`).
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from itertools import pairwise

from attrs import frozen

SEQUENTIAL_STEP_LIMIT = 256
"""Neighbouring mappings that are no further apart were counted; by chance that happens to 1 of 125 random pairs."""
BLOCK_PORTS_LIMIT = 4096
"""The largest block of ports that carriers give a customer (RFC 7422 examples have up to 2,048)."""


class NatMapping(enum.StrEnum):
    """What a node's NAT was seen to do with one socket that talks to several destinations (RFC 4787 section 4.1)."""

    UNKNOWN = "unknown"
    NONE = "none"
    """The outside sees the host's own address."""
    STABLE = "stable"
    """The same outside address for all destinations."""
    PER_DESTINATION = "per-destination"
    """Another outside port for each destination ("symmetric"): the address that servers see is of no use to peers."""


class PortPattern(enum.StrEnum):
    """How outside ports are chosen (RFC 4787 section 4.2), as far as was seen."""

    UNKNOWN = "unknown"
    PRESERVED = "preserved"
    """The inside port."""
    SEQUENTIAL = "sequential"
    """A fixed step from one mapping to the next."""
    BLOCK = "block"
    """Anywhere in a block of at most `BLOCK_PORTS_LIMIT`, as far as few samples can show that."""
    RANDOM = "random"


@frozen(kw_only=True)
class NatBehaviour:
    """One end's NAT."""

    mapping: NatMapping = NatMapping.UNKNOWN
    ports: PortPattern = PortPattern.UNKNOWN
    step: int = 0
    """From one mapping to the next where ports are sequential; 0 elsewhere."""

    @property
    def is_hard(self) -> bool:
        """Whether peers cannot be told where they will see this end."""
        return self.mapping is NatMapping.PER_DESTINATION


class Recipe(enum.StrEnum):
    """How a pair may be connected directly."""

    PLAIN = "plain"
    PREDICTION = "prediction"
    BIRTHDAY = "birthday"
    HOPELESS = "hopeless"


def recipe_for(ours: NatBehaviour, theirs: NatBehaviour) -> Recipe:
    """What fits two ends; the same from either side."""
    hard = [end for end in (ours, theirs) if end.is_hard]
    if not hard:
        return Recipe.PLAIN
    if all(end.ports is PortPattern.SEQUENTIAL for end in hard):
        return Recipe.PREDICTION
    return Recipe.BIRTHDAY if len(hard) == 1 else Recipe.HOPELESS


def judge_ports(mapped: Sequence[int], own: int) -> tuple[PortPattern, int]:
    """The pattern and its step, from outside ports in the order in which the mappings were made.

    :param own: the inside port.
    """
    if len(mapped) < 2:
        return PortPattern.UNKNOWN, 0
    if all(port == own for port in mapped):
        return PortPattern.PRESERVED, 0
    steps = [later - earlier for earlier, later in pairwise(mapped) if later != earlier]
    if not steps:
        return PortPattern.UNKNOWN, 0
    if max(map(abs, steps)) <= SEQUENTIAL_STEP_LIMIT:
        return PortPattern.SEQUENTIAL, min(steps, key=abs)
    if max(mapped) - min(mapped) < BLOCK_PORTS_LIMIT:
        return PortPattern.BLOCK, 0
    return PortPattern.RANDOM, 0
