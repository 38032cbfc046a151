from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.store.notices import MESSAGE_LIMIT, PIECE_CHARACTERS, SENDERS_LIMIT, _cut, _joined


class PieceTests(SynchronousTestCase):
    @settings(max_examples=50, deadline=None)
    @given(st.lists(st.binary(max_size=40_000), max_size=4))
    def test_messages_of_several_senders_are_put_together_again(self, messages: list[bytes]) -> None:
        pieces: dict[int, str] = {}
        found = {}
        cut = [[(sender, piece) for piece in _cut(message)] for sender, message in enumerate(messages)]
        while any(cut):
            for waiting in cut:
                if waiting:
                    sender, piece = waiting.pop(0)
                    self.assertLessEqual(len(piece), PIECE_CHARACTERS + 1)
                    message = _joined(pieces, sender, piece)
                    if message is not None:
                        found[sender] = message
        self.assertEqual(list(found.values()) if not messages else [found[n] for n in range(len(messages))], messages)
        self.assertEqual(pieces, {})

    @settings(max_examples=100, deadline=None)
    @given(st.text(max_size=50))
    def test_garbage_is_nothing(self, payload: str) -> None:
        pieces: dict[int, str] = {}
        found = _joined(pieces, 1, payload)
        self.assertTrue(found is None or payload.startswith("."))

    def test_what_never_ends_is_bounded(self) -> None:
        pieces: dict[int, str] = {}
        for sender in range(2 * SENDERS_LIMIT):
            _joined(pieces, sender, "+abcd")
        self.assertEqual(len(pieces), SENDERS_LIMIT)
        for _ in range(2 * MESSAGE_LIMIT // PIECE_CHARACTERS):
            _joined(pieces, 5000, "+" + "a" * PIECE_CHARACTERS)
        self.assertLessEqual(max(map(len, pieces.values())), MESSAGE_LIMIT)
