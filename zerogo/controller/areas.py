# -*- test-case-name: zerogo.test.controller.test_areas -*-
"""Tells who shows something that it is other than it was.

Networks, members, links and relays are pushed to dashboards as documents. The rest of the API is only said to be out of
date, by its area (that of the scopes: `webhooks`, `users`, ...), and read again by who shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from attrs import frozen

from zerogo.controller.caller import Caller
from zerogo.store.values import Role


@frozen
class Readers:
    """Who reads in an area."""

    least: Role = Role.AUDITOR
    but_not: frozenset[Role] = frozenset()

    def has(self, role: Role) -> bool:
        """Whether a role is among them."""
        return role.rank >= self.least.rank and role not in self.but_not


READERS: Mapping[str, Readers] = {
    "audit": Readers(but_not=frozenset({Role.OPERATOR})),
    "exits": Readers(),
    "invites": Readers(),
    "policy": Readers(),
    "tokens": Readers(Role.USER),
    "users": Readers(but_not=frozenset({Role.OPERATOR})),
    "webhooks": Readers(Role.ADMIN),
}
"""The areas of which is only said that they are out of date."""


def areas_for(caller: Caller) -> frozenset[str]:
    """Those that a caller may read by REST."""
    scopes = caller.scopes
    return frozenset(
        area
        for area, readers in READERS.items()
        if readers.has(caller.role) and (scopes is None or f"{area}:read" in scopes)
    )


class Areas:
    """Who is told: each observer with the area, and the network's id where it is about one."""

    def __init__(self) -> None:
        self.observers: list[Callable[[str, str], object]] = []

    def changed(self, area: str, network: str = "") -> None:
        """Somebody may have changed something in an area. The audit log has a line about it then."""
        for name in (area, "audit"):
            if name in READERS:
                self.outdated(name, network if name == area else "")

    def outdated(self, area: str, network: str = "") -> None:
        """An area is other than it was, without anybody's doing."""
        for observer in self.observers:
            observer(area, network)
