# -*- test-case-name: zerogo.test.config.test_tor_values -*-
"""The kind of value that says where a Tor's control port is."""

from __future__ import annotations

from zerogo.config.document import Branch, Text
from zerogo.config.errors import ValueRefused
from zerogo.config.schema import Kind
from zerogo.config.values import HOST_PORT


def _parse_control(branch: Branch) -> str:
    if isinstance(branch, Text) and branch.value.startswith("/") and len(branch.value) <= 100:
        return branch.value
    try:
        return HOST_PORT.parse(branch)
    except ValueRefused as error:
        right = "write the path of its socket, as in /run/tor/control, or HOST:PORT, as in 127.0.0.1:9051"
        raise ValueRefused(f"this is not Tor's control port; {right}") from error


TOR_CONTROL: Kind[str] = Kind(_parse_control, str)
