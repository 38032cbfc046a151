# -*- test-case-name: zerogo.test.exit.test_username -*-
"""What a user asks for in the user name: `NAME-key-value-key-value...`, on SOCKS5 and HTTP alike.

    alice-country-de-session-k7-sessTime-30      an exit in Germany, the same one for half an hour

| Key | Value |
|---|---|
| zone | a tag that the edge must have |
| region, country, city | where it is |
| asn | whose network it is in |
| session | 1 to 16 letters and digits: same session, same exit |
| sessTime, lifetime | minutes that a session holds, 1 to 1440 |
| strict | yes: when the exit of a session is gone, fail; no (the default): take another |

Keys may be written in either case. An unknown key, a key twice or a value that cannot be is refused, with a reason: a
mistyped country that is silently ignored costs its user more than an error. Names of users hold no hyphen.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from attrs import frozen

from zerogo.errors import ParseError

USERNAME_LIMIT = 255
"""RFC 1929 has room for no more."""
SESSION_MINUTES = 10
MINUTES_LIMIT = 1440
_NAME = re.compile(r"[A-Za-z0-9._@+]{1,64}")
_LABEL = re.compile(r"[A-Za-z0-9._]{1,32}")
_SESSION = re.compile(r"[A-Za-z0-9]{1,16}")


@frozen(kw_only=True)
class Wish:
    """Which exit a user wants. Empty texts and zero mean any."""

    zone: str = ""
    region: str = ""
    country: str = ""
    city: str = ""
    asn: int = 0
    session: str = ""
    minutes: int = SESSION_MINUTES
    is_strict: bool = False


ANYWHERE = Wish()
"""Of those who wish for nothing."""


@frozen
class UserName:
    """A user name that has been taken apart."""

    name: str
    wish: Wish = ANYWHERE


def _label(value: str) -> str:
    if not _LABEL.fullmatch(value):
        raise ValueError("letters, digits, dots and underscores")
    return value.lower()


def _country(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z]{2}", value):
        raise ValueError("two letters, as in de")
    return value.lower()


def _session(value: str) -> str:
    if not _SESSION.fullmatch(value):
        raise ValueError("1 to 16 letters and digits")
    return value


def _number(low: int, high: int, what: str) -> Callable[[str], int]:
    def read(value: str) -> int:
        digits = value[2:] if value[:2].lower() == "as" else value
        if not re.fullmatch(r"[0-9]{1,10}", digits) or not low <= int(digits) <= high:
            raise ValueError(what)
        return int(digits)

    return read


def _switch(value: str) -> bool:
    if value.lower() not in ("yes", "no", "1", "0", "true", "false"):
        raise ValueError("yes or no")
    return value.lower() in ("yes", "1", "true")


_minutes = _number(1, MINUTES_LIMIT, f"minutes from 1 to {MINUTES_LIMIT}")
_KEYS: dict[str, tuple[str, Callable[[str], object]]] = {
    "zone": ("zone", _label),
    "region": ("region", _label),
    "country": ("country", _country),
    "city": ("city", _label),
    "asn": ("asn", _number(1, 2**32 - 1, "the number of a network, as in 3320")),
    "session": ("session", _session),
    "sesstime": ("minutes", _minutes),
    "lifetime": ("minutes", _minutes),
    "strict": ("is_strict", _switch),
}


def parse_username(text: str) -> UserName:
    """Take a user name apart; raises `ParseError` with a sentence for the user."""
    name, *words = text.split("-")
    if len(text) > USERNAME_LIMIT or not _NAME.fullmatch(name):
        raise ParseError("a user name has 1 to 64 letters and digits before the first hyphen")
    if len(words) % 2:
        raise ParseError(f"the key {words[-1][:20]!r} in the user name has no value")
    if not words:
        return UserName(name)
    found: dict[str, object] = {}
    for key, value in zip(words[::2], words[1::2], strict=True):
        known = _KEYS.get(key.lower())
        if known is None:
            raise ParseError(f"there is no key {key[:20]!r} in user names; there are {', '.join(_KEYS)}")
        attribute, read = known
        if attribute in found:
            raise ParseError(f"the key {key[:20]!r} stands twice in the user name")
        try:
            found[attribute] = read(value)
        except ValueError as error:
            raise ParseError(f"{value[:20]!r} cannot be the {key[:20]} in a user name; write {error}") from None
    return UserName(name, Wish(**found))  # type: ignore[arg-type]
