"""The two formats of the log."""

from __future__ import annotations

import io
import json

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from zerogo.errors import LocalError
from zerogo.observe.levels import Levels
from zerogo.observe.log import LineObserver, format_json, format_text, observer

CANARY = "cAnArY0123456789abcdefghijkl"


def event(log_format: str, **fields: object) -> dict[str, object]:
    """An event as a logger makes it."""
    return {
        "log_time": 1777636800.123, "log_level": LogLevel.warn, "log_namespace": "zerogo.ice.agent",
        "log_format": log_format, "log_logger": object(), **fields,
    }  # fmt: skip


def failure() -> Failure:
    """A failure with a traceback."""
    try:
        raise LocalError(f"token zerogo://{CANARY} of \x1b[31m")
    except LocalError:
        return Failure()


class TextTests(SynchronousTestCase):
    """For people."""

    def test_line_has_time_level_subsystem_and_message(self) -> None:
        line = format_text(event("checks with {peer} failed", peer="living-room"))
        self.assertEqual(line, "2026-05-01 12:00:00.123 W ice       checks with living-room failed\n")

    def test_value_cannot_forge_a_line_or_move_the_cursor(self) -> None:
        line = format_text(event("name {name}", name="x\n2026-05-01 E store  all lost\x1b[2J"))
        self.assertEqual(line.count("\n"), 1)
        self.assertNotIn("\x1b", line)

    def test_traceback_is_indented_and_clean(self) -> None:
        text = format_text(event("it broke", log_failure=failure()))
        first, *others = text.rstrip("\n").split("\n")
        self.assertTrue(first.endswith("it broke"))
        self.assertTrue(all(line.startswith("    ") for line in others))
        self.assertNotIn("\x1b", text)
        self.assertNotIn(CANARY, text)

    def test_failure_without_a_message_is_named(self) -> None:
        text = format_text({"log_failure": failure(), "log_level": LogLevel.critical})
        self.assertIn("C -         LocalError: ", text)

    def test_numbers_keep_their_format(self) -> None:
        self.assertIn("rtt 1.2 ms, 007", format_text(event("rtt {rtt:.1f} ms, {n:03d}", rtt=1.23, n=7)))

    def test_message_that_does_not_fit_its_fields_is_shown_as_it_is(self) -> None:
        for pattern in ("{nobody}", "{", "{0}", "{x.y}", "{x[3]}"):
            self.assertIn(f"unformattable: {pattern}", format_text(event(pattern, x=1)))

    @settings(deadline=None, max_examples=200)
    @given(st.text("ab{}.[]!:r0()", max_size=15), st.text(max_size=10) | st.binary(max_size=10) | st.floats())
    def test_any_message_is_one_line(self, pattern: str, value: object) -> None:
        self.assertEqual(format_text(event(pattern, a=value)).count("\n"), 1)


class JsonTests(SynchronousTestCase):
    """For programs."""

    def test_object_has_the_named_fields_and_no_others(self) -> None:
        line = format_json(event("{peer} at {rtt} ms", peer="den", rtt=1.5, passed_along=CANARY))
        self.assertEqual(
            json.loads(line),
            {
                "time": "2026-05-01T12:00:00.123Z", "level": "warn", "subsystem": "ice", "message": "den at 1.5 ms",
                "peer": "den", "rtt": 1.5,
            },
        )  # fmt: skip

    def test_the_word_for_programs_is_there_where_it_is_one(self) -> None:
        line = json.loads(format_json(event("[NODE_UNSTABLE] {edge} broke", edge="e1", event="edge-carrier-lost")))
        self.assertEqual((line["event"], line["edge"]), ("edge-carrier-lost", "e1"))
        for wrong in ("Two Words", "", "x" * 41, 7, CANARY.upper()):
            self.assertNotIn("event", json.loads(format_json(event("broke", event=wrong))))

    def test_secret_fields_are_hidden_in_message_and_object(self) -> None:
        line = format_json(event("by {token} {payload!r}", token=CANARY, payload=CANARY.encode()))
        self.assertNotIn(CANARY, line)
        self.assertEqual(json.loads(line)["message"], "by <hidden> <28 bytes>")

    def test_field_cannot_take_the_place_of_the_frame(self) -> None:
        self.assertEqual(json.loads(format_json(event("{level} {message}", level="x", message="y")))["level"], "warn")

    def test_traceback_is_one_text(self) -> None:
        found = json.loads(format_json(event("it broke", log_failure=failure())))
        self.assertIn("LocalError", found["traceback"])
        self.assertNotIn(CANARY, found["traceback"])


class ObserverTests(SynchronousTestCase):
    """Writing."""

    def test_levels_filter_and_may_change(self) -> None:
        stream, levels = io.StringIO(), Levels("info")
        log = Logger(namespace="zerogo.mesh.node", observer=observer(levels, "text", stream))
        log.debug("one")
        levels.set("info,mesh=debug")
        log.debug("two")
        self.assertNotIn("one", stream.getvalue())
        self.assertIn("D mesh      two", stream.getvalue())

    def test_closed_stream_does_not_stop_the_role(self) -> None:
        stream = io.StringIO()
        write = LineObserver(stream, "json")
        stream.close()
        self.assertIsNone(write(event("hello")))  # type: ignore[func-returns-value]

    def test_unknown_format_is_refused(self) -> None:
        self.assertRaises(LocalError, LineObserver, io.StringIO(), "xml")
