# -*- test-case-name: zerogo.test.cli.test_exits_admin -*-
"""What stands behind `zerogo exits users set alice down=2M package=gold`: names of settings, sizes, times."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from zerogo.errors import LocalError

_UNITS = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "t": 1000**4}
_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86_400}


class SettingRefused(LocalError):
    """There is no such setting, or not with that value."""

    code = "E-SETTING"


def parse_size(text: str) -> int:
    """`500`, `20k`, `1.5G`: bytes, in steps of 1,000; `unlimited` and `none` are 0. Raises `SettingRefused`."""
    if text in ("unlimited", "none"):
        return 0
    match = re.fullmatch(r"(\d{1,15}(?:\.\d{1,6})?)([kmgt]?)b?", text.strip().lower())
    if match is None:
        raise SettingRefused(f"{text!r} is not a number of bytes; write it as 500, 20k, 1.5G")
    return int(float(match[1]) * _UNITS[match[2]])


def parse_duration(text: str) -> float:
    """`90s`, `30min`, `12h`, `30d`, in seconds; `never` and `once` are 0. Raises `SettingRefused`."""
    if text in ("never", "once", "0"):
        return 0.0
    match = re.fullmatch(r"(\d{1,9})(s|min|h|d)", text.strip().lower())
    if match is None:
        raise SettingRefused(f"{text!r} is not a time; write it as 90s, 30min, 12h, 30d")
    return float(int(match[1]) * _SECONDS[match[2]])


def _expiry(text: str) -> float:
    """A day (its end, UTC), or so long from now on."""
    if text == "never":
        return 0.0
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).timestamp() + 86_400
    except ValueError:
        return time.time() + parse_duration(text)


def _switch(text: str) -> bool:
    if text.lower() not in ("yes", "no", "on", "off", "true", "false"):
        raise SettingRefused(f"{text!r} is neither yes nor no")
    return text.lower() in ("yes", "on", "true")


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise SettingRefused(f"{text!r} is not a number")
    return int(text)


def _words(text: str) -> list[str]:
    return [word for word in text.split(",") if word]


def _package(text: str) -> str | None:
    return None if text in ("", "none") else text


SETTINGS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "package": ("package", _package),
    "used": ("used", parse_size),
    "up": ("upload", parse_size),
    "down": ("download", parse_size),
    "streams": ("streams", _number),
    "reply": ("reply", str),
    "bind": ("may_listen", _switch),
    "udp": ("may_datagrams", _switch),
    "sources": ("sources", _words),
    "zones": ("zones", _words),
    "regions": ("regions", _words),
    "countries": ("countries", _words),
    "edges": ("edges", _words),
    "mode": ("mode", str),
    "edge": ("edge", str),
    "minutes": ("minutes", _number),
    "expires": ("expires_at", _expiry),
    "paused": ("is_paused", _switch),
}
"""Names on the command line, keys of the API, and how values are read."""


def parse_settings(pairs: Sequence[str]) -> dict[str, Any]:
    """`KEY=VALUE` pairs as keys of the API; raises `SettingRefused`."""
    found: dict[str, Any] = {}
    for pair in pairs:
        name, mark, value = pair.partition("=")
        if not mark or name not in SETTINGS:
            raise SettingRefused(f"{pair!r} is not KEY=VALUE with one of the keys {', '.join(SETTINGS)}")
        key, read = SETTINGS[name]
        found[key] = read(value)
    return found
