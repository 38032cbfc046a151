# -*- test-case-name: zerogo.test.policy.test_reader -*-
"""The text of a policy, YAML or JSON (which is YAML), to a tree whose every leaf knows its line and column.

Only the plain part of YAML is taken. Anchors and aliases (the "billion laughs"), tags, a second document and keys that
stand twice are refused, and so is what is too long or too deep. All leaves stay text: what `22` means, its key decides.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml
from attrs import field, frozen

from zerogo.policy.errors import Finding, PolicyInvalid

TEXT_LIMIT = 256 * 1024
"""Bytes of a policy."""
DEPTH_LIMIT = 6


@frozen(order=True)
class Place:
    """From 1."""

    line: int
    column: int

    def error(self, message: str) -> Finding:
        """Something here is wrong."""
        return Finding(True, self.line, self.column, message)

    def warning(self, message: str) -> Finding:
        """Something here is worth a look."""
        return Finding(False, self.line, self.column, message)


@frozen
class Word:
    """A leaf, as written."""

    text: str
    place: Place


@frozen
class Items:
    """A list."""

    items: tuple[Branch, ...]
    place: Place


@frozen
class Section:
    """Keys and values, in the order of the text."""

    entries: dict[str, Branch]
    places: dict[str, Place] = field(repr=False)
    """Of the keys."""
    place: Place


Branch = Word | Items | Section
BEGIN = Place(1, 1)


def parse_text(text: str) -> Section:
    """The tree of a policy; raises `PolicyInvalid`."""
    if len(text.encode(errors="surrogatepass")) > TEXT_LIMIT:
        raise PolicyInvalid([BEGIN.error(f"a policy has at most {TEXT_LIMIT // 1024} KiB")])
    try:
        for finding in _refusals(text):
            raise PolicyInvalid([finding])
        node = yaml.compose(text, Loader=yaml.BaseLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = BEGIN if mark is None else _place(mark)
        raise PolicyInvalid([place.error(f"this is not YAML: {error.problem or error.context}")]) from error
    except (yaml.YAMLError, ValueError) as error:
        raise PolicyInvalid([BEGIN.error("this is not YAML: it has a character that may not be there")]) from error
    if node is None:
        return Section({}, {}, BEGIN)
    branch = _branch(node)
    if not isinstance(branch, Section):
        raise PolicyInvalid([branch.place.error("a policy has keys and values, such as `default: deny`")])
    return branch


def _refusals(text: str) -> Iterator[Finding]:
    depth = documents = 0
    for event in yaml.parse(text, Loader=yaml.BaseLoader):
        place = _place(event.start_mark) if event.start_mark else BEGIN
        if getattr(event, "anchor", None):
            yield place.error("anchors (&) and aliases (*) are not taken: quote a word that begins so, as in '*'")
        if getattr(event, "tag", None):
            yield place.error("tags of YAML (!) are not taken: quote a word that begins so")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        documents += isinstance(event, yaml.DocumentStartEvent)
        if depth > DEPTH_LIMIT:
            yield place.error(f"nested deeper than {DEPTH_LIMIT} levels")
        if documents > 1:
            yield place.error("a second document (---) begins here: write one only")


def _place(mark: Any) -> Place:
    return Place(mark.line + 1, mark.column + 1)


def _branch(node: yaml.Node) -> Branch:
    place = _place(node.start_mark)
    if isinstance(node, yaml.SequenceNode):
        return Items(tuple(map(_branch, node.value)), place)
    if not isinstance(node, yaml.MappingNode):
        return Word(str(node.value), place)
    entries: dict[str, Branch] = {}
    places: dict[str, Place] = {}
    for key_node, value_node in node.value:
        key = _branch(key_node)
        if not isinstance(key, Word):
            raise PolicyInvalid([key.place.error("a key must be a word")])
        if key.text in entries:
            raise PolicyInvalid([key.place.error(f"{key.text[:40]!r} stands here a second time")])
        entries[key.text] = _branch(value_node)
        places[key.text] = key.place
    return Section(entries, places, place)
