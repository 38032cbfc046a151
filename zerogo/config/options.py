# -*- test-case-name: zerogo.test.config.test_options -*-
"""The command line of a role under twistd: where its configuration is, and a few keys that are handy there."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import ClassVar, Generic, TypeVar

from twisted.python.usage import Options, UsageError

from zerogo.config.errors import ConfigError
from zerogo.config.load import default_path, load

Config = TypeVar("Config")


class RoleOptions(Options, Generic[Config]):
    """A role's `Options` derives from this, names its role and its configuration class, and adds keys as parameters.

    After parsing, `config` is what holds: file, environment and command line together.
    """

    role: ClassVar[str]
    config_class: ClassVar[type]
    optParameters = [  # noqa: RUF012 - Twisted reads it from the class
        ["config", "c", None, "The configuration file; else the role's one in /etc/zerogo, if it is there."],
        ["log-level", None, None, "debug, info, warn, error or critical; as in info,ice=debug."],
        ["log-format", None, None, "text or json."],
    ]
    nested: ClassVar[Mapping[str, str]] = {}
    """Options that stand for keys of a section: name -> `section.key`."""
    config: Config

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Read the command line; raises `UsageError`.

        Below twistd it ends the process with the sentence alone: twistd would print its whole usage before it.
        """
        try:
            super().parseOptions(options)  # type: ignore[no-untyped-call]
        except UsageError as error:
            if self.parent is None:
                raise
            sys.exit(f"zerogo: {error}")

    def postOptions(self) -> None:
        """Read the configuration, so that what is wrong with it is said before anything starts."""
        given = {key: value for key, value in self.items() if key != "config" and value is not None}
        overrides = {self.nested.get(key, key): value for key, value in given.items()}
        try:
            self.config = load(self["config"] or default_path(self.role), self.config_class, overrides)
        except ConfigError as error:
            raise UsageError(str(error)) from error
