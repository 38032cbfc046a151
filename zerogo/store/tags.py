# -*- test-case-name: zerogo.test.store.test_members -*-
"""Tags of members: small words that people give them, to speak of many at once."""

from __future__ import annotations

from collections.abc import Iterable

from zerogo.errors import ParseError

TAGS_LIMIT = 16
TAG_LIMIT = 32


def checked_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Tags in order, each once; raises `ParseError`."""
    found = sorted(set(tags))
    for tag in found:
        letters = tag.replace("-", "")
        if not (letters.isascii() and letters.isalnum() and tag == tag.lower() and len(tag) <= TAG_LIMIT):
            raise ParseError(f"{tag[:40]!r} is not a tag: small letters, digits and -, at most {TAG_LIMIT}")
    if len(found) > TAGS_LIMIT:
        raise ParseError(f"a member has at most {TAGS_LIMIT} tags")
    return tuple(found)
