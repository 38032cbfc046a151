# -*- test-case-name: zerogo.test.lab.test_document -*-
"""A YAML document that knows where each of its values stands, so that an error names file, line and key.

A `Place` is one value in the file: asked for what it must be, it answers, or raises `ScenarioError`. Reading goes over
YAML's node graph and constructs nothing, so an alias that refers to itself cannot make the reader run for ever: it
follows the fixed depth of the scenario format.
"""

from __future__ import annotations

import difflib
import enum
import re
from collections.abc import Iterator, Sequence
from typing import TypeVar

import yaml
from attrs import frozen

from zerogo.lab.errors import ScenarioError

DOCUMENT_LIMIT_BYTES = 1024 * 1024
_NUMBER = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?) ?([a-z%]{0,5})", re.ASCII)
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,18}[a-z0-9])?", re.ASCII)
_DURATIONS = {"": 1.0, "us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}
_RATES = {"": 1.0, "bit": 1.0, "kbit": 1e3, "mbit": 1e6, "gbit": 1e9}
_FRACTIONS = {"": 1.0, "%": 0.01}

Kind = TypeVar("Kind", bound=enum.Enum)


@frozen(eq=False)
class Place:
    """One value of the document; `path` is how a person would name it."""

    file: str
    path: str
    node: yaml.Node

    def error(self, sentence: str) -> ScenarioError:
        """The error that says `sentence` about this place."""
        where = f"{self.file}:{self.node.start_mark.line + 1}"
        return ScenarioError(f"{where}: {self.path}: {sentence}" if self.path else f"{where}: {sentence}")

    # ----- mappings and lists

    def entries(self) -> dict[str, Place]:
        """A mapping's values by key, in the order of the file; an absent value is an empty mapping."""
        if self._is_null():
            return {}
        if not isinstance(self.node, yaml.MappingNode):
            raise self.error("there must be keys and values here")
        found: dict[str, Place] = {}
        for key, value in self.node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else ""
            if not name or len(name) > 64:
                raise self.error("a key must be a short word")
            path = f"{self.path}.{name}" if self.path else name
            if name in found:
                raise Place(self.file, path, key).error("the key is there twice")
            found[name] = Place(self.file, path, value)
        return found

    def keys(self, allowed: Sequence[str]) -> dict[str, Place]:
        """A mapping of which all keys are known; `-` and `_` are the same."""
        known: dict[str, Place] = {}
        for name, place in self.entries().items():
            spelled = name.replace("_", "-")
            if spelled not in allowed:
                raise place.error(f"unknown key {name!r}{_nearest(spelled, allowed)}")
            if spelled in known:
                raise place.error("the key is there twice")
            known[spelled] = place
        return known

    def items(self) -> Iterator[Place]:
        """A list's values; an absent one is empty."""
        if self._is_null():
            return
        if not isinstance(self.node, yaml.SequenceNode):
            raise self.error("there must be a list here")
        for index, node in enumerate(self.node.value):
            yield Place(self.file, f"{self.path}[{index}]", node)

    def is_list(self) -> bool:
        """Whether the value is a list."""
        return isinstance(self.node, yaml.SequenceNode)

    def _is_null(self) -> bool:
        return isinstance(self.node, yaml.ScalarNode) and self.node.tag == "tag:yaml.org,2002:null"

    # ----- scalars

    def text(self) -> str:
        """A piece of text of at most 1,000 characters."""
        if not isinstance(self.node, yaml.ScalarNode) or self._is_null():
            raise self.error("there must be a single value here")
        value: str = self.node.value
        if len(value) > 1000:
            raise self.error("the text is too long")
        return value

    def name(self) -> str:
        """A name of a site or host: lower-case letters, digits and hyphens, at most 20 characters."""
        return self.check_name(self.text())

    def check_name(self, value: str) -> str:
        """`value` if it can be the name of what stands here."""
        if not _NAME.fullmatch(value):
            raise self.error(f"{value[:40]!r} is no name: up to 20 lower-case letters, digits and hyphens")
        return value

    def choice(self, kinds: type[Kind]) -> Kind:
        """One of the values of an enumeration of text."""
        value = self.text().replace("_", "-")
        names = [str(kind.value) for kind in kinds]
        if value not in names:
            raise self.error(f"{value[:40]!r} is none of {', '.join(names)}{_nearest(value, names)}")
        return kinds(value)

    def boolean(self) -> bool:
        """True or false."""
        value = self.text().lower()
        if value not in ("true", "false", "yes", "no", "on", "off"):
            raise self.error(f"{value[:40]!r} is neither true nor false")
        return value in ("true", "yes", "on")

    def integer(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`."""
        value = self.text()
        if not re.fullmatch(r"[0-9]{1,12}", value, re.ASCII) or not low <= int(value) <= high:
            raise self.error(f"{value[:40]!r} is no whole number from {low} to {high}")
        return int(value)

    def seconds(self, high: float = 86400.0) -> float:
        """A duration such as `20ms`, `1.5s` or `2min`; a bare number is seconds."""
        return self._quantity("a duration such as 20ms or 1.5s", _DURATIONS, high)

    def rate(self) -> float:
        """Bits per second, such as `10mbit`."""
        return self._quantity("a rate such as 10mbit", _RATES, 1e12)

    def fraction(self) -> float:
        """From 0 to 1, or `0%` to `100%`."""
        return self._quantity("a fraction such as 5%", _FRACTIONS, 1.0)

    def _quantity(self, what: str, units: dict[str, float], high: float) -> float:
        value = self.text()
        match = _NUMBER.fullmatch(value.strip().lower())
        if match is None or match[2] not in units:
            raise self.error(f"{value[:40]!r} is not {what}")
        quantity = float(match[1]) * units[match[2]]
        if quantity > high:
            raise self.error(f"{value[:40]!r} is too much: at most {high:g}")
        return quantity

    def anything(self) -> object:
        """The value as YAML's safe types, for keys that others define."""
        return yaml.safe_load(yaml.serialize(self.node))


def parse_document(text: str, file: str) -> Place:
    """The whole of a YAML document; `file` is its name in errors. Raises `ScenarioError`."""
    if len(text) > DOCUMENT_LIMIT_BYTES:
        raise ScenarioError(f"{file}: the file is larger than {DOCUMENT_LIMIT_BYTES} bytes")
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ScenarioError(f"{file}: this is not YAML: {_one_line(error)}") from error
    if node is None:
        raise ScenarioError(f"{file}: the file is empty")
    return Place(file, "", node)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


def _nearest(name: str, allowed: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, allowed, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(allowed)}"
