# -*- test-case-name: zerogo.test.observe.test_levels -*-
"""Which level each subsystem is logged at: `info`, or `info,ice=debug,store=warn`.

A subsystem is a room of ours by its short name (`ice` for the logger `zerogo.ice.agent`) or the beginning of any
logger's dotted name (`twisted`, `autobahn`). The longest name that fits decides.
"""

from __future__ import annotations

from constantly import NamedConstant
from twisted.logger import ILogFilterPredicate, InvalidLogLevelError, LogEvent, LogLevel, PredicateResult
from zope.interface import implementer

from zerogo.errors import LocalError

OUR_PREFIX = "zerogo."


def subsystem_of(namespace: str) -> str:
    """The short name of a logger: `ice` for `zerogo.ice.agent`, `twisted` for `twisted.web.http`."""
    return _name(namespace).partition(".")[0] or "-"


def _name(namespace: str) -> str:
    # Twisted's older modules log without saying who they are.
    return "twisted" if namespace == "log_legacy" else namespace.removeprefix(OUR_PREFIX)


@implementer(ILogFilterPredicate)
class Levels:
    """Decides which events are logged; `set` changes it at run time."""

    def __init__(self, text: str = "info") -> None:
        self._default: NamedConstant = LogLevel.info
        self._by_name: dict[str, NamedConstant] = {}
        self._decided: dict[tuple[str, NamedConstant], NamedConstant] = {}
        """What was found for each logger and level; there are as many as the program has."""
        self.set(text)

    def set(self, text: str) -> None:
        """Take over `text`, a level and levels of subsystems; raises `LocalError`, and changes nothing then."""
        first, *others = text.replace(" ", "").split(",")
        default = _level(first)
        by_name: dict[str, NamedConstant] = {}
        for other in others:
            name, _, level = other.partition("=")
            if not name:
                raise LocalError(f"{other[:40]!r} is not a subsystem and its level")
            by_name[name] = _level(level)
        self._default, self._by_name = default, by_name
        self._decided.clear()

    def level_for(self, namespace: str) -> NamedConstant:
        """The lowest level that a logger of this dotted name is heard at."""
        name = _name(namespace)
        while name:
            if name in self._by_name:
                return self._by_name[name]
            name = name.rpartition(".")[0]
        return self._default

    def __call__(self, event: LogEvent) -> NamedConstant:
        level = event.get("log_level") or LogLevel.info
        key = (str(event.get("log_namespace") or ""), level)
        found = self._decided.get(key)
        if found is None:
            found = PredicateResult.no if level < self.level_for(key[0]) else PredicateResult.maybe
            self._decided[key] = found
        return found


def _level(name: str) -> NamedConstant:
    try:
        level: NamedConstant = LogLevel.levelWithName(name)
    except InvalidLogLevelError as error:
        raise LocalError(f"{name[:40]!r} is not a level; write debug, info, warn, error or critical") from error
    return level
