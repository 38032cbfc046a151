# -*- test-case-name: zerogo.test.store.test_link_history -*-
"""The course of links' figures over weeks: a mean for each five minutes, kept for 30 days.

A row is one link and one hour: twelve slots of five little-endian 32-bit floats, NaN where nothing was known. What is
written into a slot takes the place of NaN, or of what an earlier start of the controller had put there.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Sequence

from attrs import frozen
from sqlalchemy import Connection, delete, insert, select, update

from zerogo.ids import NetworkId
from zerogo.store import tables

STEP_SECONDS = 300
HOUR_SECONDS = 3600
KEPT_SECONDS = 30 * 86_400
FIGURES = 5
_SLOTS = HOUR_SECONDS // STEP_SECONDS
_FORM = struct.Struct(f"<{_SLOTS * FIGURES}f")
_NOTHING = (math.nan,) * FIGURES


@frozen
class LinkMean:
    """The mean of a link's figures in the five minutes from `at`, unix seconds."""

    network: NetworkId
    a: str
    b: str
    at: int
    figures: tuple[float, ...]
    """`FIGURES` of them."""


def keep(connection: Connection, means: Iterable[LinkMean], unix_now: float) -> None:
    """Write them; those of networks that are gone are left out, and what is too old goes."""
    known = {row.id for row in connection.execute(select(tables.networks.c.id))}
    columns = tables.link_history.c
    for mean in means:
        if str(mean.network) not in known:
            continue
        hour, slot = mean.at // HOUR_SECONDS, mean.at % HOUR_SECONDS // STEP_SECONDS
        key = {"network": str(mean.network), "a": mean.a, "b": mean.b, "hour": hour}
        own = (
            (columns.network == key["network"]) & (columns.a == mean.a) & (columns.b == mean.b) & (columns.hour == hour)
        )
        before = connection.scalar(select(columns.figures).where(own))
        figures = _put(before, slot, mean.figures)
        if before is None:
            connection.execute(insert(tables.link_history).values(**key, figures=figures))
        else:
            connection.execute(update(tables.link_history).where(own).values(figures=figures))
    oldest = int(unix_now - KEPT_SECONDS) // HOUR_SECONDS
    connection.execute(delete(tables.link_history).where(columns.hour < oldest))


def read(
    connection: Connection, network: NetworkId, pair: tuple[str, str], begin: float, end: float
) -> list[tuple[int, tuple[float, ...]]]:
    """What is known from `begin` to `end`, oldest first: unix seconds at which five minutes begin, and the figures."""
    columns = tables.link_history.c
    query = (
        select(columns.hour, columns.figures)
        .where(columns.network == str(network), columns.a == pair[0], columns.b == pair[1])
        .where(columns.hour >= int(begin) // HOUR_SECONDS, columns.hour <= int(end) // HOUR_SECONDS)
        .order_by(columns.hour)
    )
    found = []
    for row in connection.execute(query):
        for slot, figures in enumerate(_slots(row.figures)):
            at = row.hour * HOUR_SECONDS + slot * STEP_SECONDS
            if begin <= at <= end and not all(map(math.isnan, figures)):
                found.append((at, figures))
    return found


def _put(before: bytes | None, slot: int, figures: Sequence[float]) -> bytes:
    slots = [_NOTHING] * _SLOTS if before is None else _slots(before)
    slots[slot] = tuple(figures)
    return _FORM.pack(*(figure for each in slots for figure in each))


def _slots(blob: bytes) -> list[tuple[float, ...]]:
    """Of a row that is not of this form, nothing is known."""
    if len(blob) != _FORM.size:
        return [_NOTHING] * _SLOTS
    flat = _FORM.unpack(blob)
    return [flat[start : start + FIGURES] for start in range(0, len(flat), FIGURES)]
