"""Relay credentials on the disk."""

from __future__ import annotations

import contextlib
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.agent.credentials import emit_credentials, parse_credentials
from zerogo.agent.state_dir import RELAYS_FILE, StateDir
from zerogo.control.relays import RelayCredential
from zerogo.errors import ParseError
from zerogo.secret import Secret
from zerogo.test.spoiled import spoiled
from zerogo.turn.client import TurnCredential

NEAR = RelayCredential("near", TurnCredential("2000:ann", Secret("password of near")), 500.0)
FAR = RelayCredential("far", TurnCredential("3000:ann", Secret("password of far")), 900.0)


class CredentialsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        self.state = StateDir(self.path)
        self.state.prepare()

    def test_what_is_written_is_read_by_another_clock_and_what_is_over_is_left_out(self) -> None:
        self.state.save_relay_credentials((NEAR, FAR), 1_000_000.0)
        found = self.state.relay_credentials(1_000_400.0, 10.0)
        self.assertEqual([(each.relay, each.expires_at) for each in found], [("near", 100.0), ("far", 500.0)])
        self.assertEqual([each.credential for each in found], [NEAR.credential, FAR.credential])
        self.assertEqual([each.relay for each in self.state.relay_credentials(1_000_400.0, 100.0)], ["far"])

    def test_the_file_is_private_and_goes_with_the_network(self) -> None:
        self.state.save_relay_credentials((NEAR,), 0.0)
        file = self.path / RELAYS_FILE
        self.assertEqual(file.stat().st_mode & 0o777, 0o600)
        self.state.forget_network()
        self.assertEqual((file.exists(), self.state.relay_credentials(0.0, 0.0)), (False, ()))

    def test_a_damaged_file_is_none(self) -> None:
        self.state.save_relay_credentials((NEAR,), 0.0)
        (self.path / RELAYS_FILE).write_text('[["near"]]')
        self.assertEqual(self.state.relay_credentials(0.0, 0.0), ())

    @given(st.binary(max_size=200) | spoiled(emit_credentials((NEAR, FAR), 0.0)))
    @settings(deadline=None, max_examples=100)
    def test_any_bytes_are_credentials_that_are_not_over_or_a_parse_error(self, data: bytes) -> None:
        with contextlib.suppress(ParseError):
            found = parse_credentials(data, 0.0, 600.0)
            self.assertTrue(all(each.expires_at > 600.0 for each in found))
            self.assertEqual(parse_credentials(emit_credentials(found, 0.0), 0.0, 600.0), found)

    def test_a_file_says_the_same_twice(self) -> None:
        data = emit_credentials((NEAR, FAR), 7.0)
        self.assertEqual(emit_credentials(parse_credentials(data, 7.0, 0.0), 7.0), data)
