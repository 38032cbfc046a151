# -*- test-case-name: zerogo.test.controller.test_body_words -*-
"""What is wrong with the body of a request, for the person who typed what is in it.

msgspec says it in terms of types and paths. Lengths and bounds are what people meet, as in a password that is too
short; everything else is a program's mistake, and stays in its terms.
"""

from __future__ import annotations

import re

_BOUND = re.compile(r"Expected `(str|array|int|float)`(?: of length)? (>=|<=) (-?[0-9.]+) - at `\$\.([a-z0-9_]+)`")
_UNITS = {"str": " characters", "array": " entries", "int": "", "float": ""}
_LONGEST = 200


def body_fault(error: Exception) -> str:
    """One sentence, without its end."""
    text = str(error)
    found = _BOUND.fullmatch(text)
    if found is None:
        return f"the body is not right: {text[:_LONGEST]}"
    kind, relation, bound, name = found.groups()
    verb = "must have" if _UNITS[kind] else "must be"
    least = "at least" if relation == ">=" else "at most"
    units = _UNITS[kind]
    return f"{name.replace('_', ' ')} {verb} {least} {bound}{units}"
