# -*- test-case-name: zerogo.test.cli.test_passwords -*-
"""Passwords are asked for at the terminal, else read from standard input; the command line is seen by others."""

from __future__ import annotations

import sys

import click

from zerogo.errors import LocalError


class NoPassword(LocalError):
    """Standard input had none."""

    code = "E-NO-PASSWORD"


def ask_password(what: str = "Password", *, is_new: bool = False) -> str:
    """A line, which a terminal does not show and is asked for twice where it `is_new`; raises `NoPassword`."""
    if sys.stdin.isatty():
        return str(click.prompt(what, hide_input=True, confirmation_prompt=is_new, err=True))
    line = sys.stdin.readline()
    if not line:
        raise NoPassword("no password was given: it is typed at a terminal, or is a line of standard input")
    return line.rstrip("\n")
