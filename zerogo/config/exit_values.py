# -*- test-case-name: zerogo.test.config.test_exit_values -*-
"""The kinds of value that only the keys of gateways and edges have."""

from __future__ import annotations

import re

from zerogo.config.document import Branch, Text
from zerogo.config.errors import ValueRefused
from zerogo.config.schema import Kind
from zerogo.config.values import text
from zerogo.errors import ParseError
from zerogo.exit.exit_policy import Rule
from zerogo.exit.owner_limits import Hours
from zerogo.secret import Secret

_USER = re.compile(r"[A-Za-z0-9._@+]{1,64}", re.ASCII)
_LABEL = re.compile(r"[a-z0-9._]{1,32}", re.ASCII)
_COUNTRY = re.compile(r"[a-z]{2}", re.ASCII)
_EDGE = re.compile(r"[a-z2-7]{16}", re.ASCII)


def _parse_rule(branch: Branch) -> Rule:
    if not isinstance(branch, Text):
        raise ValueRefused("a rule is one text; write accept or reject, and WHERE:PORTS, as in reject *:25")
    try:
        return Rule.parse(branch.value)
    except ParseError as error:
        raise ValueRefused(str(error)) from error


def _parse_hash(branch: Branch) -> Secret:
    if not isinstance(branch, Text) or not re.fullmatch(r"\$argon2id\$[\x21-\x7e]{20,400}", branch.value):
        raise ValueRefused("this is not the hash of a password; make one with `zerogo exits password`")
    return Secret(branch.value)


def _parse_hours(branch: Branch) -> Hours:
    if not isinstance(branch, Text):
        raise ValueRefused("hours are one text, as in 22:00-06:30")
    try:
        return Hours.parse(branch.value)
    except ParseError as error:
        raise ValueRefused(str(error)) from error


HOURS: Kind[Hours] = Kind(_parse_hours, lambda value: f'"{value}"')
RULE: Kind[Rule] = Kind(_parse_rule, lambda value: f'"{value}"')
PASSWORD_HASH: Kind[Secret] = Kind(_parse_hash, lambda _: "<secret>", is_secret=True)
USER_NAME = text(_USER, "letters, digits and . _ @ +, without a hyphen, as in alice")
LABEL = text(_LABEL, "small letters, digits, dots and underscores, as in home")
COUNTRY = text(_COUNTRY, "two small letters, as in de")
EDGE_ID = text(_EDGE, "the id of an edge, 16 characters")
