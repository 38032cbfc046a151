# -*- test-case-name: zerogo.test.config.test_load -*-
"""What a key of a configuration class is: its kind of value, its default, its documentation.

A configuration class is an attrs frozen class whose fields are made by `option` or `section`; the string under a field
is the key's documentation, read back from the source by `documentation`.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import textwrap
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import attrs
from attrs import field, frozen

from zerogo.config.document import Branch

Value = TypeVar("Value")
CoValue = TypeVar("CoValue", covariant=True)
_META = "zerogo"


@frozen
class Kind(Generic[CoValue]):
    """How values of one kind are read and written."""

    parse: Callable[[Branch], CoValue]
    """Raises `ValueRefused`."""
    show: Callable[[Any], str]
    """The value as it would stand in the file."""
    is_secret: bool = False


@frozen
class Option:
    """One key. `example` stands in the sample file where there is no default."""

    key: str
    attribute: str
    kind: Kind[Any]
    default: Any
    example: str | None


@frozen
class SectionOption:
    """A key that holds keys."""

    key: str
    attribute: str
    cls: type


@frozen
class ListOption:
    """A key that holds a list of mappings. `example` is a whole entry in one line."""

    key: str
    attribute: str
    cls: type
    example: str


def option(kind: Kind[Value], default: Value, example: str | None = None) -> Value:
    """A field that is a key; its name with `-` for `_` is the key's name."""
    made: Value = field(default=default, metadata={_META: (kind, example)})
    return made


def section(cls: Callable[[], Value]) -> Value:
    """A field that is a mapping of keys; `cls` is their class."""
    made: Value = field(factory=cls, metadata={_META: cls})
    return made


def sections(cls: Callable[..., Value], example: str) -> tuple[Value, ...]:
    """A field that is a list of mappings of keys; `cls` is the class of one."""
    made: tuple[Value, ...] = field(default=(), metadata={_META: [cls, example]})
    return made


def options_of(cls: type) -> list[Option | SectionOption | ListOption]:
    """The keys of a configuration class, in the order of its fields."""
    found: list[Option | SectionOption | ListOption] = []
    for attribute in attrs.fields(cls):
        key = attribute.name.replace("_", "-")
        meta = attribute.metadata[_META]
        if isinstance(meta, tuple):
            kind, example = meta
            found.append(Option(key, attribute.name, kind, attribute.default, example))
        elif isinstance(meta, list):
            found.append(ListOption(key, attribute.name, *meta))
        else:
            found.append(SectionOption(key, attribute.name, meta))
    return found


def documentation(cls: type) -> dict[str, str]:
    """Field name -> the string under it in the class body."""
    body = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]
    texts: dict[str, str] = {}
    statements = body.body if isinstance(body, ast.ClassDef) else []
    for statement, following in itertools.pairwise(statements):
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            continue
        if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            texts[statement.target.id] = inspect.cleandoc(str(following.value.value))
    return texts
