# -*- test-case-name: zerogo.test.lab.test_timeline -*-
"""Actions of a scenario, carried out when their time has come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from zerogo.lab.scenario import Action, ActionKind, Link, Role


class Network(Protocol):
    """What actions do to the network; `Lab` is one."""

    def cut(self, a: str, b: str | None = None) -> None: ...

    def heal(self, a: str, b: str | None = None) -> None: ...

    def set_link(self, a: str, link: Link, b: str | None = None) -> None: ...

    def rebind(self, name: str) -> None: ...

    def change_address(self, name: str) -> None: ...

    def move(self, name: str, to: str) -> None: ...


class Processes(Protocol):
    """What actions do to the roles' processes; `Mesh` is one. None as role is all roles of the host."""

    def kill(self, host: str, role: Role | None) -> None: ...

    def stop(self, host: str, role: Role | None) -> None: ...

    def start(self, host: str, role: Role | None) -> None: ...


class Timeline:
    """The actions that are still to come; times are seconds since the time line began."""

    def __init__(self, actions: Sequence[Action], network: Network, processes: Processes) -> None:
        self._actions = list(actions)
        self._network = network
        self._processes = processes

    @property
    def is_over(self) -> bool:
        """Whether nothing is to come."""
        return not self._actions

    def advance(self, now: float) -> list[Action]:
        """Carry out what is due; returns it."""
        done = []
        while self._actions and self._actions[0].at <= now:
            action = self._actions.pop(0)
            self._carry_out(action)
            done.append(action)
        return done

    def _carry_out(self, action: Action) -> None:
        target, other = action.targets[0], action.targets[1] if len(action.targets) > 1 else None
        network, processes = self._network, self._processes
        match action.kind:
            case ActionKind.KILL:
                processes.kill(target, action.role)
            case ActionKind.STOP:
                processes.stop(target, action.role)
            case ActionKind.START:
                processes.start(target, action.role)
            case ActionKind.RESTART:
                processes.kill(target, action.role)
                processes.start(target, action.role)
            case ActionKind.CUT:
                network.cut(target, other)
            case ActionKind.HEAL:
                network.heal(target, other)
            case ActionKind.CHANGE_ADDRESS:
                network.change_address(target)
            case ActionKind.REBIND:
                network.rebind(target)
            case ActionKind.MOVE:
                network.move(target, action.to or "")
            case ActionKind.LINK:
                network.set_link(target, action.link or Link(), other)
