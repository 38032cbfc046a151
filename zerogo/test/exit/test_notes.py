import contextlib

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.errors import ParseError
from zerogo.exit.events import NoteReceived
from zerogo.exit.notes import NOTE_LIMIT, Place, Places, StreamTally, Tally, emit_note, parse_note
from zerogo.test.exit.wires import pair
from zerogo.test.spoiled import spoiled

PLACES = Places(2, [Place(["192.0.2.1:9396"], bytes(20), is_tls=True)])
TALLY = Tally([StreamTally(1, 2, 3)])


class NoteTests(SynchronousTestCase):
    def test_what_was_emitted_parses_back(self) -> None:
        for note in (PLACES, TALLY):
            self.assertEqual(parse_note(emit_note(note)), note)

    def test_what_a_later_release_says_is_passed_over(self) -> None:
        self.assertIsNone(parse_note(msgspec.msgpack.encode({"t": "later"})))

    def test_what_is_too_much_is_refused(self) -> None:
        for bad in (bytes(NOTE_LIMIT + 1), msgspec.msgpack.encode({"t": "places", "wanted": 0, "places": []})):
            self.assertRaises(ParseError, parse_note, bad)

    @settings(deadline=None, max_examples=100)
    @given(st.binary(max_size=100) | spoiled(emit_note(PLACES), emit_note(TALLY)))
    def test_any_bytes_are_a_note_that_is_told_alike_or_of_later_or_a_parse_error(self, data: bytes) -> None:
        with contextlib.suppress(ParseError):
            note = parse_note(data)
            self.assertTrue(note is None or parse_note(emit_note(note)) == note)

    def test_a_tunnel_carries_them_both_ways_and_forgets_them_with_the_carrier(self) -> None:
        wire = pair()
        gateway, edge = wire.ends
        gateway.tunnel.tell(PLACES)
        edge.tunnel.tell(TALLY)
        wire.run()
        self.assertIn(NoteReceived(PLACES), edge.others)
        self.assertIn(NoteReceived(TALLY), gateway.others)
        gateway.tunnel.tell(PLACES)
        wire.cut()
        wire.connect()
        wire.run()
        self.assertEqual(edge.others.count(NoteReceived(PLACES)), 1)
