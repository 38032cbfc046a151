import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.errors import ParseError
from zerogo.store.paging import Paging, Piece, emit_cursor, parse_cursor
from zerogo.test.spoiled import spoiled

CURSORS = tuple(emit_cursor(key).encode() for key in ((5,), ("a",), (1.5, "b"), ("x" * 40,)))


class PagingTests(SynchronousTestCase):
    def test_a_piece_ends_with_a_cursor_where_there_is_more(self) -> None:
        piece = Piece.cut([1, 2, 3], Paging(2), lambda one: (one,))
        self.assertEqual((list(piece.items), piece.next), ([1, 2], (2,)))
        self.assertIsNone(Piece.cut([1, 2], Paging(2), lambda one: (one,)).next)

    @settings(deadline=None, max_examples=100)
    @given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60), st.floats(0, 1e12))
    def test_a_cursor_reads_back(self, text: str, number: float) -> None:
        self.assertEqual(parse_cursor(emit_cursor((number, text)), tuple[float, str]), (number, text))

    @settings(deadline=None, max_examples=200)
    @given(st.text(max_size=100) | spoiled(*CURSORS).map(lambda data: data.decode("latin-1")))
    def test_garbage_is_a_cursor_of_its_form_or_a_parse_error(self, text: str) -> None:
        for form, kinds in (((tuple[str]), [str]), ((tuple[int]), [int]), ((tuple[float, str]), [float, str])):
            with contextlib.suppress(ParseError):
                key = parse_cursor(text, form)  # type: ignore[arg-type]
                self.assertEqual([type(part) for part in key], kinds)
                told = emit_cursor(key)
                self.assertEqual(emit_cursor(parse_cursor(told, form)), told)  # type: ignore[arg-type]

    def test_a_cursor_of_another_list_or_beyond_all_bounds_is_refused(self) -> None:
        for text in (emit_cursor((5,)), emit_cursor(("a", "b")), "x" * 600, "é"):
            self.assertRaises(ParseError, parse_cursor, text, tuple[str])
        self.assertRaises(ParseError, parse_cursor, emit_cursor((2**63,)), tuple[int])
