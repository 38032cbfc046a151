# -*- test-case-name: zerogo.test.config.test_document -*-
"""YAML text to a small tree of texts, lists and mappings that remember their line.

Only the plain part of YAML is taken: mappings, lists and scalars. Anchors, aliases (the "billion laughs"), tags and a
second document are refused, so are duplicate keys, more than `SIZE_LIMIT` bytes and more than `DEPTH_LIMIT` levels.
Scalars stay text: what `9993` or `off` means is decided by the key, not by YAML's guess.
"""

from __future__ import annotations

from collections.abc import Mapping

import yaml
from attrs import frozen

from zerogo.config.errors import ConfigError

SIZE_LIMIT = 64 * 1024
"""Bytes of a configuration file."""
DEPTH_LIMIT = 6
_EMPTY = frozenset({"", "~", "null", "Null", "NULL"})


@frozen
class Text:
    """A scalar, as written."""

    value: str
    line: int | None


@frozen
class Empty:
    """A key without a value: as if the key were absent."""

    line: int | None


@frozen
class Items:
    """A list."""

    items: tuple[Branch, ...]
    line: int | None


@frozen
class Section:
    """A mapping; keys are spelled with `-` whichever way they were written."""

    entries: Mapping[str, Branch]
    line: int | None


Branch = Text | Empty | Items | Section


def parse_document(data: bytes, source: str) -> Section:
    """Read a file's bytes; `source` names the file in errors. Raises `ConfigError`."""
    if len(data) > SIZE_LIMIT:
        raise ConfigError(source, None, "", f"the file has more than {SIZE_LIMIT // 1024} KiB")
    try:
        text = data.decode("utf-8")
        _check_events(text, source)
        node = yaml.compose(text, Loader=yaml.BaseLoader)
    except UnicodeDecodeError as error:
        raise ConfigError(source, None, "", f"byte {error.start} is not UTF-8 text") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = None if mark is None else mark.line + 1
        raise ConfigError(source, line, "", f"this is not YAML: {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise ConfigError(source, None, "", "this is not YAML: it has a character that may not be there") from error
    if node is None or (isinstance(node, yaml.ScalarNode) and node.value in _EMPTY):
        return Section({}, None)
    if not isinstance(node, yaml.MappingNode):
        raise ConfigError(
            source, node.start_mark.line + 1, "", "the file must hold keys and values, as in `port: 9993`"
        )
    return _section(node, source, "")


def _check_events(text: str, source: str) -> None:
    depth = documents = 0
    for event in yaml.parse(text, Loader=yaml.BaseLoader):
        line = event.start_mark.line + 1 if event.start_mark else None
        if getattr(event, "anchor", None):
            raise ConfigError(
                source, line, "", "anchors (&) and aliases (*) are not taken; quote a value that begins so"
            )
        if getattr(event, "tag", None):
            raise ConfigError(source, line, "", "tags (!) are not taken; quote a value that begins so")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        documents += isinstance(event, yaml.DocumentStartEvent)
        if depth > DEPTH_LIMIT:
            raise ConfigError(source, line, "", f"nested deeper than {DEPTH_LIMIT} levels")
        if documents > 1:
            raise ConfigError(source, line, "", "a second document (---) begins here; write one only")


def _branch(node: yaml.Node, source: str, key: str) -> Branch:
    line = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        return _section(node, source, f"{key}.")
    if isinstance(node, yaml.SequenceNode):
        return Items(tuple(_branch(item, source, key) for item in node.value), line)
    value = str(node.value)
    is_plain = isinstance(node, yaml.ScalarNode) and node.style is None
    return Empty(line) if is_plain and value in _EMPTY else Text(value, line)


def _section(node: yaml.MappingNode, source: str, prefix: str) -> Section:
    entries: dict[str, Branch] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            raise ConfigError(source, line, "", "a key must be a word")
        key = str(key_node.value).replace("_", "-")
        if key in entries:
            raise ConfigError(source, line, prefix + key, "this key stands here a second time")
        entries[key] = _branch(value_node, source, prefix + key)
    return Section(entries, node.start_mark.line + 1)
