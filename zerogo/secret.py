# -*- test-case-name: zerogo.test.test_secret -*-
"""A text that must not be seen: it prints, formats, compares and pickles without giving itself away.

Passwords, tokens and pre-shared keys travel through configuration and constructors as a `Secret`; whoever really
needs the text calls `reveal()`, which is easy to search for.
"""

from __future__ import annotations

import hmac
from typing import NoReturn

from zerogo.errors import LocalError


class Secret:
    """Holds a text; only `reveal()` gives it out."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself."""
        return self._text

    def __repr__(self) -> str:
        return "<secret>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __reduce__(self) -> NoReturn:
        raise LocalError("a secret cannot be pickled or copied")
