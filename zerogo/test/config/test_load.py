"""From a file to a configuration class."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.config.agent import AgentConfig
from zerogo.config.controller import ControllerConfig
from zerogo.config.errors import ConfigError
from zerogo.config.load import load, override, parse
from zerogo.config.schema import documentation, option, options_of, section
from zerogo.config.values import PATH, integer


@frozen(kw_only=True)
class Inner:
    depth: int = option(integer(0, 9), 1)
    """How deep."""


@frozen(kw_only=True)
class Outer:
    """An example."""

    tap_device: int = option(integer(0, 9), 3)
    """First line,
    second line."""
    state_dir: Path = option(PATH, Path("/nowhere"))
    """A path."""
    inner: Inner = section(Inner)
    """A section."""


class ParseTests(SynchronousTestCase):
    """`parse`: bytes to a class."""

    def refusal(self, text: str) -> ConfigError:
        return self.assertRaises(ConfigError, parse, text.encode(), Outer, "outer.yaml")

    def test_empty_file_gives_the_defaults(self) -> None:
        self.assertEqual(parse(b"", Outer), Outer())

    def test_keys_are_read_in_sections_and_both_spellings(self) -> None:
        expected = Outer(tap_device=5, inner=Inner(depth=7))
        self.assertEqual(parse(b"tap-device: 5\ninner:\n  depth: 7", Outer), expected)
        self.assertEqual(parse(b"tap_device: 5\ninner: {depth: 7}", Outer), expected)

    def test_key_without_value_means_its_default(self) -> None:
        self.assertEqual(parse(b"tap-device:\ninner:\n", Outer), Outer())

    def test_unknown_key_names_file_line_key_and_nearest_key(self) -> None:
        error = self.refusal("state-dir: /x\ntap-devise: 5\n")
        self.assertEqual((error.source, error.line, error.key), ("outer.yaml", 2, "tap-devise"))
        self.assertEqual(str(error), "outer.yaml:2: tap-devise: there is no such key; did you mean 'tap-device'?")

    def test_unknown_key_like_no_other_lists_the_keys(self) -> None:
        self.assertIn("the keys here are tap-device, state-dir, inner", str(self.refusal("xyzzy: 1")))

    def test_unknown_key_in_a_section_is_named_with_its_section(self) -> None:
        self.assertIn(
            "outer.yaml:2: inner.dept: there is no such key; did you mean 'depth'?",
            str(self.refusal("inner:\n  dept: 1")),
        )

    def test_wrong_value_names_file_line_key_and_what_would_be_right(self) -> None:
        self.assertEqual(
            str(self.refusal("\ntap-device: many")),
            "outer.yaml:2: tap-device: 'many' is not a whole number; write a whole number from 0 to 9",
        )
        self.assertIn("not a list or a section", str(self.refusal("tap-device: [1]")))
        self.assertIn("a section is wanted here: depth", str(self.refusal("inner: 3")))

    @settings(deadline=None, max_examples=150)
    @given(
        st.dictionaries(
            st.sampled_from(["tap-device", "inner", "state_dir", "x"]),
            st.text(max_size=9) | st.lists(st.text(max_size=3)),
        )
    )
    def test_any_mapping_is_read_or_refused(self, tree: dict[str, object]) -> None:
        import yaml

        try:
            self.assertIsInstance(parse(yaml.safe_dump(tree).encode(), Outer), Outer)
        except ConfigError as error:
            self.assertNotEqual(error.problem, "")


class LoadTests(SynchronousTestCase):
    """`load`: a file, the environment and the command line."""

    def write(self, text: str, mode: int = 0o600) -> Path:
        path = Path(self.mktemp()).absolute()
        path.write_text(text)
        path.chmod(mode)
        return path

    def test_no_file_gives_the_defaults(self) -> None:
        self.assertEqual(load(None, Outer, environ={}), Outer())

    def test_command_line_beats_environment_beats_file(self) -> None:
        path = self.write("state-dir: /file")
        environ = {"ZEROGO_STATE_DIR": "/environment"}
        self.assertEqual(load(path, Outer, environ={}).state_dir, Path("/file"))
        self.assertEqual(load(path, Outer, environ=environ).state_dir, Path("/environment"))
        self.assertEqual(load(path, Outer, {"state_dir": "/option"}, environ).state_dir, Path("/option"))

    def test_wrong_option_is_named_as_the_user_wrote_it(self) -> None:
        error = self.assertRaises(ConfigError, override, Outer(), {"tap-device": "x"})
        self.assertTrue(str(error).startswith("--tap-device: 'x' is not a whole number"), str(error))
        self.assertRaises(ConfigError, override, Outer(), {"nonsense": "x"})

    def test_missing_file_is_an_error_that_names_it(self) -> None:
        error = self.assertRaises(ConfigError, load, "/nonexistent/agent.yaml", Outer)
        self.assertEqual(str(error), "/nonexistent/agent.yaml: the file cannot be read: No such file or directory")

    def test_device_file_is_not_read(self) -> None:
        self.assertIn("plain file", str(self.assertRaises(ConfigError, load, "/dev/zero", Outer)))

    def test_secret_in_a_file_that_others_may_read_is_warned_of(self) -> None:
        from twisted.logger import globalLogPublisher

        events: list[dict[str, object]] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        text = "jwt-secret: 8d1f6b0ac2e94735b0f1d2c3a4958677"
        load(self.write(text), ControllerConfig, environ={})
        self.assertEqual(events, [])
        load(self.write(text, 0o644), ControllerConfig, environ={})
        self.assertIn("chmod 600", str(events[0]["log_format"]))


class DocumentationTests(SynchronousTestCase):
    """The strings under the fields."""

    def test_each_key_has_its_text(self) -> None:
        texts = documentation(Outer)
        self.assertEqual(texts["tap_device"], "First line,\nsecond line.")
        self.assertEqual(texts["inner"], "A section.")

    def test_every_key_of_a_role_is_documented(self) -> None:
        for cls in (AgentConfig, ControllerConfig):
            self.assertEqual(set(documentation(cls)), {found.attribute for found in options_of(cls)})
