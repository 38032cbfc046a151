# -*- test-case-name: zerogo.test.names.test_label -*-
"""What becomes of a name that a person gave, as a label of a host name (RFC 1123 section 2.1, RFC 5890).

Names of members and networks may hold letters of any script, spaces and underscores. A label holds a-z, 0-9 and inner
hyphens, 63 of them at most; other letters are carried as Punycode (`xn--...`), the form that browsers and, by IDNA,
most programs ask for when a person writes the name itself.
"""

from __future__ import annotations

import re
import unicodedata

import idna

LABEL_LIMIT = 63
_NO_LETTER = re.compile(r"[^\w-]+|_+")


def label_of(name: str) -> str:
    """The label, in lower case; empty where no letter or digit is left of the name."""
    spelled = unicodedata.normalize("NFKC", name).casefold()
    words = _NO_LETTER.sub("-", spelled).strip("-")
    if words.isascii():
        return words[:LABEL_LIMIT].rstrip("-")
    # Letters that IDNA does not know go; Punycode is longer than what it stands for, so the end goes until it fits.
    kept = re.sub("-+", "-", "".join(c for c in words if c == "-" or _is_known(c)))
    while kept:
        encoded = _encoded(kept.strip("-"))
        if encoded is not None:
            return encoded
        kept = kept[:-1]
    return ""


def _is_known(letter: str) -> bool:
    try:
        idna.check_label(f"a{letter}") if unicodedata.category(letter).startswith("M") else idna.check_label(letter)
    except (idna.IDNAError, UnicodeError):
        return False
    return True


def _encoded(words: str) -> str | None:
    if words.isascii():
        return words[:LABEL_LIMIT].rstrip("-")
    try:
        return idna.alabel(words).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        return None
