# -*- test-case-name: zerogo.test.observe.test_log -*-
"""The log of a role: text for people, or one JSON object a line for programs.

Text:  `2026-05-01 12:00:00.123 W ice    checks with living-room failed` - time in UTC, first letter of the level,
subsystem, message. JSON: `time`, `level`, `subsystem`, `message`, the fields that the message's braces name, `event`
where the call gives a word for programs to look for, and `traceback` where there was a failure. Nothing else of an
event is written, so a field that was passed along by accident does not leave the process.
"""

from __future__ import annotations

import json
import re
import string
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TextIO

from twisted.logger import FilteringLogObserver, ILogObserver, LogEvent, LogLevel, globalLogBeginner
from twisted.python.failure import Failure
from zope.interface import implementer

from zerogo.errors import LocalError
from zerogo.observe.levels import Levels, subsystem_of
from zerogo.observe.redact import LINE_LIMIT, safe_value, without_bearers, without_controls

TRACEBACK_LINES = 60
_WORD = re.compile(r"[a-z][a-z0-9-]{0,39}")
_LETTERS = {LogLevel.debug: "D", LogLevel.info: "I", LogLevel.warn: "W", LogLevel.error: "E", LogLevel.critical: "C"}


class _Fields(string.Formatter):
    """Fills a message's braces with harmless values, and keeps those that have a name."""

    def __init__(self) -> None:
        self.named: dict[str, object] = {}

    def get_field(self, field_name: str, args: object, kwargs: Mapping[str, object]) -> tuple[object, str]:
        called = field_name.endswith("()")
        value, first = super().get_field(field_name.removesuffix("()"), args, kwargs)  # type: ignore[arg-type]
        last = field_name.removesuffix("()").replace("[", ".").replace("]", "").rpartition(".")[2]
        shown = safe_value(last, value() if called and callable(value) else value)
        self.named[field_name] = shown
        return shown, str(first)

    def convert_field(self, value: object, conversion: object) -> object:
        return value

    def format_field(self, value: object, format_spec: str) -> str:
        try:
            return format(value, format_spec)
        except (TypeError, ValueError):
            return str(value)


def describe(event: LogEvent) -> tuple[str, dict[str, object]]:
    """An event's message on one line, and the fields that it names."""
    pattern = event.get("log_format")
    fields = _Fields()
    if pattern is None:
        failure = event.get("log_failure")
        return ("" if failure is None else _headline(failure)), {}
    try:
        text = fields.vformat(str(pattern), (), event)
    except Exception:  # a log call that does not fit its own fields must not take the role down
        text = f"unformattable: {str(pattern)[:200]}"
    return without_controls(without_bearers(text[:LINE_LIMIT])), fields.named


def _headline(failure: Failure) -> str:
    text = f"{type(failure.value).__name__}: {failure.getErrorMessage()}"
    return without_controls(without_bearers(text[:LINE_LIMIT]))


def _traceback(event: LogEvent) -> list[str]:
    failure = event.get("log_failure")
    if failure is None:
        return []
    lines = failure.getTraceback().splitlines()
    return [without_controls(without_bearers(line[:LINE_LIMIT])) for line in lines[-TRACEBACK_LINES:]]


def _time(event: LogEvent) -> datetime:
    return datetime.fromtimestamp(float(event.get("log_time") or 0.0), UTC)


def format_text(event: LogEvent) -> str:
    """One line for people, and the traceback under it, each line indented; ends in a newline."""
    time = _time(event).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    letter = _LETTERS.get(event.get("log_level") or LogLevel.info, "?")
    subsystem = subsystem_of(str(event.get("log_namespace") or ""))
    message, _ = describe(event)
    lines = [f"{time} {letter} {without_controls(subsystem):<9} {message}", *_traceback(event)]
    return "\n    ".join(lines) + "\n"


def format_json(event: LogEvent) -> str:
    """One JSON object and a newline."""
    message, named = describe(event)
    entry: dict[str, object] = {
        "time": _time(event).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": str((event.get("log_level") or LogLevel.info).name),
        "subsystem": subsystem_of(str(event.get("log_namespace") or "")),
        "message": message,
    }
    word = event.get("event")
    if isinstance(word, str) and _WORD.fullmatch(word):
        entry["event"] = word
    entry |= {name: value for name, value in named.items() if name not in entry and not name.startswith("log_")}
    if traceback := _traceback(event):
        entry["traceback"] = "\n".join(traceback)
    return json.dumps(entry, ensure_ascii=False) + "\n"


@implementer(ILogObserver)
class LineObserver:
    """Writes each event to a stream in one of the two formats, and flushes."""

    def __init__(self, stream: TextIO, log_format: str) -> None:
        formats = {"text": format_text, "json": format_json}
        if log_format not in formats:
            raise LocalError(f"{log_format!r} is not a log format; write text or json")
        self._stream = stream
        self._format = formats[log_format]

    def __call__(self, event: LogEvent) -> None:
        try:
            self._stream.write(self._format(event))
            self._stream.flush()
        except (OSError, ValueError):
            return  # a closed or full log must not stop the role, and there is nowhere left to say so


def observer(levels: Levels, log_format: str, stream: TextIO) -> FilteringLogObserver:
    """An observer that writes what `levels` lets through; raises `LocalError` for a format that is not one."""
    return FilteringLogObserver(LineObserver(stream, log_format), [levels])


def install(log_level: str, log_format: str, stream: TextIO | None = None) -> Levels:
    """Log to `stream` (standard error where None) in a program that twistd did not start.

    `set` of the result changes levels at run time. Raises `LocalError` for a level or format that is not one.
    """
    levels = Levels(log_level)
    chosen = observer(levels, log_format, stream or sys.stderr)
    globalLogBeginner.beginLoggingTo([chosen], discardBuffer=False, redirectStandardIO=False)
    return levels
