"""A kernel in memory: its routes into the mesh, and whether it forwards out of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import define, field

from zerogo.net.forwarding import Forwards
from zerogo.net.kernel_routes import MeshRoute


@define(eq=False)
class MemoryRoutes:
    """A kernel's routes into the mesh."""

    device: str
    routes: dict[str, str | None] = field(factory=dict)
    outside: list[str] = field(factory=list)
    shut_subnets: tuple[str, ...] = ()

    def use(self, routes: Sequence[MeshRoute], outside: Iterable[str]) -> list[str]:
        self.routes = {route.subnet: route.gateway for route in routes}
        self.outside = list(outside)
        return []

    def clear(self) -> None:
        self.routes, self.outside, self.shut_subnets = {}, [], ()

    def shut(self, subnets: Iterable[str]) -> None:
        self.shut_subnets = tuple(subnets)

    def open_up(self) -> None:
        self.shut_subnets = ()


@define(eq=False)
class MemoryForwarder:
    """A kernel that forwards, or not."""

    is_on: bool = True
    wanted: Forwards | None = None

    def forwardable(self, subnets: Sequence[str]) -> tuple[tuple[str, ...], str]:
        return (tuple(subnets), "") if self.is_on else ((), "this machine does not forward" if subnets else "")

    def filter_complaint(self, device: str) -> str:
        return ""

    def use(self, wanted: Forwards | None) -> None:
        self.wanted = wanted

    def clear(self) -> None:
        self.wanted = None
