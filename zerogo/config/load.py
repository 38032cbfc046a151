# -*- test-case-name: zerogo.test.config.test_load -*-
"""A role's configuration file to its frozen class.

Precedence: options of the command line, then the environment (`ZEROGO_STATE_DIR`), then the file, then the defaults.
"""

from __future__ import annotations

import difflib
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from twisted.logger import Logger

from zerogo.config.document import SIZE_LIMIT, Branch, Empty, Items, Section, Text, parse_document
from zerogo.config.errors import ConfigError, ValueRefused
from zerogo.config.schema import ListOption, Option, SectionOption, options_of

Config = TypeVar("Config")

SECTIONS_LIMIT = 64
CONFIG_DIRECTORY = Path("/etc/zerogo")
ENVIRONMENT_KEYS = {"ZEROGO_STATE_DIR": "state-dir"}

_log = Logger()


def load(
    path: Path | str | None,
    cls: type[Config],
    overrides: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Config:
    """Read `path` (None: defaults only) into `cls`; raises `ConfigError`.

    `overrides` are key -> text from the command line, under the same rules as in the file. `environ` is `os.environ`
    where None.
    """
    tree = Section({}, None) if path is None else parse_document(_read(Path(path)), str(path))
    config = _build(cls, tree, str(path), "")
    return override(config, _environment(cls, os.environ if environ is None else environ), overrides or {})


def parse(data: bytes, cls: type[Config], source: str = "configuration") -> Config:
    """As `load`, from bytes, without environment."""
    return _build(cls, parse_document(data, source), source, "")


def override(config: Config, *layers: Mapping[str, str]) -> Config:
    """A copy of `config` with keys set from texts, later layers over earlier ones; raises `ConfigError`.

    A layer's keys are in either spelling, those of a section as in `routing.max-hops`; an error names the option
    (`--state-dir`).
    """
    sections = {option.key: option for option in options_of(type(config)) if isinstance(option, SectionOption)}
    options = {option.key: option for option in options_of(type(config)) if isinstance(option, Option)}
    values: dict[str, Any] = {}
    for layer in layers:
        for name, text in layer.items():
            key = name.replace("_", "-")
            head, _, rest = key.partition(".")
            if rest and head in sections:
                attribute = sections[head].attribute
                values[attribute] = override(values.get(attribute, getattr(config, attribute)), {rest: text})
                continue
            if key not in options:
                raise ConfigError(f"--{key}", None, "", _unknown(key, list(options)))
            values[options[key].attribute] = _value(options[key], Text(text, None), f"--{key}", "")
    unchanged = {option.attribute: getattr(config, option.attribute) for option in options_of(type(config))}
    return type(config)(**(unchanged | values))


def default_path(role: str) -> Path | None:
    """The installed configuration of a role (`agent`, `controller`, `relay`), where there is one."""
    path = CONFIG_DIRECTORY / f"{role}.yaml"
    return path if path.exists() else None


def _environment(cls: type, environ: Mapping[str, str]) -> dict[str, str]:
    known = {option.key for option in options_of(cls)}
    return {key: environ[name] for name, key in ENVIRONMENT_KEYS.items() if key in known and environ.get(name)}


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ConfigError(str(path), None, "", "this is not a plain file")
            return file.read(SIZE_LIMIT + 1)
    except OSError as error:
        raise ConfigError(str(path), None, "", f"the file cannot be read: {error.strerror}") from error


def _build(cls: type[Config], tree: Section, source: str, prefix: str) -> Config:
    options = {option.key: option for option in options_of(cls)}
    values: dict[str, Any] = {}
    for key, branch in tree.entries.items():
        option = options.get(key)
        if option is None:
            raise ConfigError(source, branch.line, prefix + key, _unknown(key, list(options)))
        if isinstance(branch, Empty):
            continue
        if isinstance(option, SectionOption):
            values[option.attribute] = _section(option.cls, branch, source, prefix + key)
        elif isinstance(option, ListOption):
            values[option.attribute] = _sections(option, branch, source, prefix + key)
        else:
            values[option.attribute] = _value(option, branch, source, prefix)
            _warn_of_readable_secret(option, branch, source)
    return cls(**values)


def _section(cls: type[Config], branch: Branch, source: str, key: str) -> Config:
    if not isinstance(branch, Section):
        raise ConfigError(source, branch.line, key, f"a section is wanted here: {_listed(cls)}")
    return _build(cls, branch, source, f"{key}.")


def _sections(option: ListOption, branch: Branch, source: str, key: str) -> tuple[Any, ...]:
    if not isinstance(branch, Items) or len(branch.items) > SECTIONS_LIMIT:
        raise ConfigError(source, branch.line, key, f"a list of at most {SECTIONS_LIMIT} sections is wanted here")
    return tuple(
        _section(option.cls, item, source, f"{key}[{place}]") for place, item in enumerate(branch.items, start=1)
    )


def _value(option: Option, branch: Branch, source: str, prefix: str) -> Any:
    try:
        return option.kind.parse(branch)
    except ValueRefused as error:
        key = "" if source.startswith("--") else prefix + option.key
        raise ConfigError(source, branch.line, key, str(error)) from error


def _unknown(key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key, known, 1, 0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"the keys here are {', '.join(known)}"
    return f"there is no such key; {hint}"


def _listed(cls: type) -> str:
    return ", ".join(option.key for option in options_of(cls))


def _warn_of_readable_secret(option: Option, branch: Branch, source: str) -> None:
    if not option.kind.is_secret or not isinstance(branch, Text) or branch.value.startswith("file:"):
        return
    path = Path(source)
    if path.exists() and path.stat().st_mode & 0o044:
        _log.warn("{path} holds a secret and others may read it; run: chmod 600 {path}", path=source)
