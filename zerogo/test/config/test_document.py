"""The bounded YAML reader."""

from __future__ import annotations

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.config.document import DEPTH_LIMIT, SIZE_LIMIT, Empty, Items, Section, Text, parse_document
from zerogo.config.errors import ConfigError

_NAMES = st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=8)
_TREES = st.recursive(
    st.text(max_size=20),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(_NAMES, children, max_size=3),
    max_leaves=10,
)


def plain(branch: object) -> object:
    """The tree without its lines."""
    if isinstance(branch, Section):
        return {key: plain(value) for key, value in branch.entries.items()}
    if isinstance(branch, Items):
        return [plain(item) for item in branch.items]
    return branch.value if isinstance(branch, Text) else None


class DocumentTests(SynchronousTestCase):
    """`parse_document`."""

    def refusal(self, text: str | bytes) -> ConfigError:
        data = text.encode() if isinstance(text, str) else text
        return self.assertRaises(ConfigError, parse_document, data, "agent.yaml")

    def test_remembers_lines_and_keeps_scalars_as_text(self) -> None:
        tree = parse_document(b"a: 1\nb:\n  c: off\n  d: [x, 2]\n", "f")
        self.assertEqual(plain(tree), {"a": "1", "b": {"c": "off", "d": ["x", "2"]}})
        section = tree.entries["b"]
        assert isinstance(section, Section)
        self.assertEqual(section.entries["c"], Text("off", 3))

    def test_key_may_be_spelled_with_hyphen_or_underscore(self) -> None:
        self.assertEqual(plain(parse_document(b"jwt_secret: x", "f")), {"jwt-secret": "x"})

    def test_file_of_comments_is_empty(self) -> None:
        for text in (b"", b"# nothing\n", b"---\n", b"~"):
            self.assertEqual(parse_document(text, "f").entries, {})

    def test_key_without_value_is_empty_but_quoted_nothing_is_text(self) -> None:
        self.assertEqual(
            parse_document(b"a:\nb: ~\nc: ''", "f").entries, {"a": Empty(1), "b": Empty(2), "c": Text("", 3)}
        )

    def test_duplicate_key_is_refused_in_either_spelling(self) -> None:
        error = self.refusal("log-level: info\nlog_level: debug\n")
        self.assertEqual((error.line, error.key), (2, "log-level"))
        self.assertIn("second time", str(error))

    def test_billion_laughs_are_refused(self) -> None:
        bomb = "a: &a [x, x]\n" + "".join(
            f"{chr(98 + i)}: &{chr(98 + i)} [*{chr(97 + i)}, *{chr(97 + i)}]\n" for i in range(9)
        )
        self.assertIn("anchors", str(self.refusal(bomb)))

    def test_tags_are_refused(self) -> None:
        self.assertIn("tags", str(self.refusal("a: !!python/object/apply:os.system [id]")))

    def test_second_document_is_refused(self) -> None:
        self.assertIn("second document", str(self.refusal("a: 1\n---\nb: 2\n")))

    def test_size_is_bounded(self) -> None:
        parse_document(b"#" * SIZE_LIMIT, "f")
        self.assertIn("KiB", str(self.refusal(b"#" * (SIZE_LIMIT + 1))))

    def test_depth_is_bounded(self) -> None:
        parse_document(b"a: " + b"[" * (DEPTH_LIMIT - 1) + b"]" * (DEPTH_LIMIT - 1), "f")
        self.assertIn("nested", str(self.refusal("a: " + "[" * DEPTH_LIMIT + "]" * DEPTH_LIMIT)))
        self.assertIn("nested", str(self.refusal("[" * (SIZE_LIMIT // 2))))

    def test_file_of_one_value_is_refused(self) -> None:
        self.assertIn("keys and values", str(self.refusal("hello")))
        self.assertIn("keys and values", str(self.refusal("- a\n- b")))

    def test_key_must_be_a_word(self) -> None:
        self.assertIn("word", str(self.refusal("? [a, b]\n: 1\n")))

    def test_broken_yaml_names_file_and_line(self) -> None:
        error = self.refusal("a: 1\nb: [1, 2\n")
        self.assertTrue(str(error).startswith("agent.yaml:3: "), str(error))

    def test_bytes_that_are_no_text_are_refused(self) -> None:
        self.assertIn("UTF-8", str(self.refusal(b"a: \xff")))
        self.assertIn("character", str(self.refusal(b"a: \x00")))

    @settings(deadline=None, max_examples=150)
    @given(st.dictionaries(_NAMES, _TREES, max_size=4))
    def test_reads_what_a_yaml_writer_wrote(self, tree: dict[str, object]) -> None:
        text = yaml.safe_dump(tree, default_style='"', default_flow_style=False)
        try:
            read = plain(parse_document(text.encode(), "f"))
        except ConfigError as error:
            self.assertIn("nested deeper", str(error))
        else:
            self.assertEqual(read, tree)

    @settings(deadline=None, max_examples=200)
    @given(st.binary(max_size=200) | st.text("ab:-[]{}&*!|>'\"#,? \n\t%@~", max_size=60).map(str.encode))
    def test_garbage_is_refused_or_read(self, data: bytes) -> None:
        try:
            self.assertIsInstance(parse_document(data, "f"), Section)
        except ConfigError as error:
            self.assertTrue(str(error).startswith("f"))
