from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.dataplane.messages import ADD_SESSION, PEER_COUNTERS, decode, encode


class MessagesTests(SynchronousTestCase):
    def test_a_message_comes_back_as_it_was(self) -> None:
        for message in (
            (ADD_SESSION, 3, (2**32 - 1, 0), (bytes(32), b"\xff" * 32), 2, True),
            (PEER_COUNTERS, [(1, 2**63, 0, 5, 6, 123.456, None)]),
        ):
            self.assertEqual(message, decode(encode(message)))
