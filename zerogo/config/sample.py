# -*- test-case-name: zerogo.test.config.test_sample -*-
"""The commented sample files under etc/zerogo, and the effective configuration, written from the classes.

`python -m zerogo.config.sample etc/zerogo` writes the samples; a test holds them to what this module makes.
"""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

from zerogo.config.agent import AgentConfig
from zerogo.config.controller import ControllerConfig
from zerogo.config.edge import EdgeConfig
from zerogo.config.gateway import GatewayConfig
from zerogo.config.relay import RelayConfig
from zerogo.config.schema import ListOption, Option, documentation, options_of

ROLES: dict[str, type] = {
    "agent": AgentConfig,
    "controller": ControllerConfig,
    "relay": RelayConfig,
    "gateway": GatewayConfig,
    "edge": EdgeConfig,
}
_WIDTH = 100


def sample(role: str) -> str:
    """The sample file of a role: every key with its documentation, commented out where it holds the default."""
    head = f"""\
        # Configuration of zerogo-{role}, read from /etc/zerogo/{role}.yaml.
        # A key that is commented out shows its default, or an example where it has none. The file may
        # be empty. Keys may be written with - or _.
        """
    return textwrap.dedent(head) + _sample_keys(ROLES[role], "")


def effective(config: object) -> str:
    """All keys with the values in force, secrets hidden, as YAML."""
    return "".join(_effective_lines(config, ""))


def _sample_keys(cls: type, indent: str) -> str:
    texts = documentation(cls)
    parts = []
    for option in options_of(cls):
        text = textwrap.fill(
            " ".join(texts[option.attribute].split()), _WIDTH, initial_indent="# ", subsequent_indent="# ",
            break_on_hyphens=False, break_long_words=False,
        )  # fmt: skip
        if isinstance(option, Option):
            shown = option.example if option.example is not None else option.kind.show(option.default)
            parts.append(f"{text}\n#{option.key}: {shown}\n")
        elif isinstance(option, ListOption):
            parts.append(f"{text} The keys of each:\n{_listed_keys(option.cls)}#{option.key}: [{option.example}]\n")
        else:
            inner = _sample_keys(option.cls, indent + "  ").removeprefix("\n")
            parts.append(f"{text}\n{option.key}:\n{inner}")
    return "".join("\n" + textwrap.indent(part, indent) for part in parts)


def _listed_keys(cls: type) -> str:
    """The keys of a list's entries, as indented comment lines."""
    texts = documentation(cls)
    lines = (
        textwrap.fill(
            f"{option.key}: {' '.join(texts[option.attribute].split())}", _WIDTH,
            initial_indent="#   ", subsequent_indent="#     ", break_on_hyphens=False, break_long_words=False,
        )
        for option in options_of(cls)
    )  # fmt: skip
    return "".join(f"{line}\n" for line in lines)


def _effective_lines(config: object, indent: str) -> list[str]:
    lines = []
    for option in options_of(type(config)):
        value = getattr(config, option.attribute)
        if isinstance(option, ListOption):
            lines.append(f"{indent}{option.key}:{'' if value else ' []'}\n")
            for entry in value:
                inner = _effective_lines(entry, indent + "    ")
                lines += [f"{indent}  - {inner[0].lstrip()}", *inner[1:]]
        elif not isinstance(option, Option):
            lines.append(f"{indent}{option.key}:\n")
            lines += _effective_lines(value, indent + "  ")
        else:
            lines.append(f"{indent}{option.key}: {'null' if value is None else option.kind.show(value)}\n")
    return lines


def main(directory: Path) -> None:
    """Write all samples into `directory`."""
    for role in ROLES:
        (directory / f"{role}.yaml").write_text(sample(role), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
