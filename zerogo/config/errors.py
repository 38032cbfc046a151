"""What is wrong with a configuration."""

from __future__ import annotations

from zerogo.errors import EnvironmentFault, ParseError


class ConfigError(EnvironmentFault):
    """The configuration cannot be used."""

    code = "E-CONFIG"

    def __init__(self, source: str, line: int | None, key: str, problem: str) -> None:
        """`source` is the file or option, `line` counts from 1, `key` is dotted (empty: the whole file)."""
        self.source = source
        self.line = line
        self.key = key
        self.problem = problem
        where = source if line is None else f"{source}:{line}"
        super().__init__(f"{where}: {key}: {problem}" if key else f"{where}: {problem}")


class ValueRefused(ParseError):
    """A value of a key is not one that the key can have; the text says what is wrong and what would be right."""


class PrivateFileError(EnvironmentFault):
    """A file that only its owner may read is missing, or others may read it."""

    code = "E-PRIVATE-FILE"
