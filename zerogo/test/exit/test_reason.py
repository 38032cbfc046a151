"""Each reason has words, a SOCKS reply and an HTTP status."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.exit.reason import MEANINGS, Reason, SocksReply


class ReasonTests(SynchronousTestCase):
    def test_every_reason_has_a_meaning_that_is_no_success(self) -> None:
        self.assertEqual(set(MEANINGS), set(Reason))
        for meaning in MEANINGS.values():
            self.assertIsNot(meaning.socks, SocksReply.SUCCEEDED)
            self.assertGreaterEqual(meaning.status, 400)

    def test_the_codes_that_clients_know_are_told_apart(self) -> None:
        found = [MEANINGS[reason].socks for reason in (Reason.REFUSED, Reason.TIMED_OUT, Reason.NETWORK_UNREACHABLE)]
        self.assertEqual(found, [5, 4, 3])
        self.assertEqual([MEANINGS[reason].socks for reason in (Reason.POLICY, Reason.UNSUPPORTED)], [2, 7])

    def test_unknown_numbers_read(self) -> None:
        self.assertIs(Reason.read(200), Reason.INTERNAL)
