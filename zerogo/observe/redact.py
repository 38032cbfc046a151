# -*- test-case-name: zerogo.test.observe.test_redact -*-
"""What may never appear in a log, whatever was logged.

A `Secret` prints as `<secret>` by itself. Here are the further nets: fields with a telling name, bytes (keys and
packets alike), join tokens and other long bearers inside a text, and control characters that would forge lines or move
the cursor of whoever reads the log.
"""

from __future__ import annotations

import re

HIDDEN = "<hidden>"
TEXT_LIMIT = 2000
"""Characters of one value."""
LINE_LIMIT = 8000
"""Characters of one message; tracebacks are longer and have their own bound."""

_TELLING = re.compile(r"(^|_)(secret|token|password|passphrase|psk|jwt|cookie|authorization|private|key)(_|$|s$)", re.I)
_TELLING_EXCEPTIONS = frozenset({"static_public", "signing_public", "public_key", "key_hash"})
_BEARERS = re.compile(
    r"(?i:zerogo:)/*[^\s'\"<>]{16,}"  # join tokens
    r"|(?i:bearer)\s+[\w.~+/-]{16,}=*"
    r"|\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*"  # JWTs
    r"|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"  # user and password of a URL
)
# C0 and C1 controls, line and paragraph separators, bidirectional overrides
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def is_telling(name: str) -> bool:
    """Whether a field of this name holds a secret."""
    return name not in _TELLING_EXCEPTIONS and _TELLING.search(name) is not None


def without_bearers(text: str) -> str:
    """`text` with join tokens, JWTs and passwords in URLs hidden."""
    return _BEARERS.sub(HIDDEN, text)


def without_controls(text: str) -> str:
    """`text` on one line, each control character as its escape."""
    return _CONTROLS.sub(lambda found: ascii(found[0])[1:-1], text)


def safe_value(name: str, value: object) -> object:
    """What a field may be logged as: numbers, None and booleans as they are, all else as bounded, harmless text."""
    if is_telling(name):
        return HIDDEN
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"<{len(value)} bytes>"
    try:
        text = str(value)
    except Exception:  # an object's own __str__ may do anything
        return f"<{type(value).__name__} that cannot be shown>"
    return without_controls(without_bearers(text[:TEXT_LIMIT]))
