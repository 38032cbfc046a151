from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, update

from zerogo.store import audit, tables
from zerogo.store.paging import Paging
from zerogo.test.store.stock import NOW, StoreCase


class AuditTests(StoreCase):
    def setUp(self) -> None:
        super().setUp()
        for number in range(9):
            self.database.write(audit.record, "user:ann", "test.line", NOW + number / 3, subject=str(number))

    def verdict(self) -> audit.Verdict:
        return self.database.read(audit.check_chain)

    def test_the_chain_holds_and_ends_in_the_newest_hash(self) -> None:
        newest = self.database.read(audit.list_lines, Paging(1)).items[0]
        self.assertEqual(self.verdict(), audit.Verdict(lines=10, newest_hash=newest.hash))

    def test_an_altered_line_breaks_it(self) -> None:
        lines = tables.audit.c
        for column in (lines.actor, lines.action, lines.network, lines.subject, lines.detail, lines.hash):
            with self.database._engine.connect().execution_options(zerogo_write=True) as connection:
                connection.execute(update(tables.audit).where(lines.number == 5).values({column: "other"}))
                self.assertEqual(audit.check_chain(connection).broken_at, 5, column.name)
                connection.rollback()
        self.database.write(lambda c: c.execute(update(tables.audit).where(lines.number == 6).values(at=NOW)))
        self.assertEqual(self.verdict().broken_at, 6)

    def test_a_line_taken_out_breaks_it(self) -> None:
        self.database.write(lambda c: c.execute(delete(tables.audit).where(tables.audit.c.number == 4)))
        self.assertEqual(self.verdict().broken_at, 4)

    def test_a_line_put_in_breaks_it(self) -> None:
        line = {"at": NOW, "actor": "x", "action": "x", "network": "", "subject": "", "detail": "", "hash": "0" * 64}
        self.database.write(lambda c: c.execute(insert(tables.audit).values(number=11, **line)))
        self.assertEqual(self.verdict().broken_at, 11)

    def test_a_line_of_a_change_that_failed_is_not_there(self) -> None:
        def fail(connection: object) -> None:
            audit.record(connection, "x", "x", NOW)  # type: ignore[arg-type]
            raise RuntimeError

        self.assertRaises(RuntimeError, self.database.write, fail)
        self.assertEqual(self.verdict().lines, 10)

    def test_pieces_make_up_the_whole_newest_first(self) -> None:
        paging, numbers = Paging(3), []
        while True:
            piece = self.database.read(audit.list_lines, paging)
            numbers += [line.number for line in piece.items]
            if piece.next is None:
                break
            paging = Paging(3, piece.next)
        self.assertEqual(numbers, list(range(10, 0, -1)))

    @settings(deadline=None, max_examples=50)
    @given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=600))
    def test_any_text_is_read_back_as_it_was_hashed(self, text: str) -> None:
        self.database.write(audit.record, text, text, NOW, subject=text, detail=text)
        self.assertIsNone(self.verdict().broken_at)
