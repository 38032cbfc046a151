"""Tests for zerogo.agent.state_dir."""

import contextlib
import json
import stat
import tempfile
from pathlib import Path

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.agent.record import Membership
from zerogo.agent.state_dir import (
    ENDPOINTS_LIMIT,
    MAP_FILE,
    PEERS_FILE,
    RECORD_FILE,
    DamagedState,
    LastSeen,
    StateDir,
    emit_endpoints,
    parse_endpoints,
    socket_path,
)
from zerogo.config.agent import AgentConfig
from zerogo.config.errors import PrivateFileError
from zerogo.errors import ParseError
from zerogo.ids import NodeId, SocketAddress
from zerogo.mesh.signal import STREAMS_LIMIT
from zerogo.test.agent.test_record import TOKEN
from zerogo.test.spoiled import spoiled

NODE = NodeId(b"0123456789")
PLACE = SocketAddress("192.0.2.7", 9993)
SEEN = LastSeen((PLACE,), (SocketAddress("192.0.2.7", 443), PLACE))


class StateDirTests(SynchronousTestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = Path(directory.name) / "agent"
        self.state = StateDir(self.path)
        self.state.prepare()

    def test_an_empty_directory_holds_nothing(self) -> None:
        self.assertIsNone(self.state.membership())
        self.assertIsNone(self.state.signed_map())
        self.assertEqual(self.state.endpoints(), {})

    def test_the_identity_stays_the_same(self) -> None:
        self.assertEqual(self.state.identity().public, StateDir(self.path).identity().public)

    def test_what_is_saved_is_read_back(self) -> None:
        membership = Membership.of_token(TOKEN)
        self.state.save_membership(membership)
        self.state.save_signed_map(b"map")
        self.state.save_endpoints({NODE: SEEN})
        again = StateDir(self.path)
        self.assertEqual((again.membership(), again.signed_map()), (membership, b"map"))
        self.assertEqual(again.endpoints(), {NODE: SEEN})

    def test_every_file_is_private(self) -> None:
        self.state.identity()
        self.state.save_membership(Membership.of_token(TOKEN))
        self.state.save_signed_map(b"map")
        self.state.save_endpoints({NODE: SEEN})
        self.assertEqual({stat.S_IMODE(path.stat().st_mode) for path in self.path.iterdir()}, {0o600})
        self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o700)

    def test_a_membership_that_others_may_read_is_refused(self) -> None:
        self.state.save_membership(Membership.of_token(TOKEN))
        (self.path / RECORD_FILE).chmod(0o644)
        self.assertRaises(PrivateFileError, self.state.membership)

    def test_a_damaged_membership_is_named_by_its_file(self) -> None:
        self.state.save_membership(Membership.of_token(TOKEN))
        (self.path / RECORD_FILE).write_bytes(b"{")
        self.assertIn(RECORD_FILE, str(self.assertRaises(DamagedState, self.state.membership)))

    def test_damaged_endpoints_are_forgotten(self) -> None:
        self.state.save_endpoints({NODE: SEEN})
        (self.path / PEERS_FILE).write_bytes(b"[]")
        self.assertEqual(self.state.endpoints(), {})

    def test_leaving_keeps_the_keys_only(self) -> None:
        identity = self.state.identity()
        self.state.save_membership(Membership.of_token(TOKEN))
        self.state.save_signed_map(b"map")
        self.state.forget_network()
        self.assertFalse((self.path / MAP_FILE).exists())
        self.assertIsNone(self.state.membership())
        self.assertEqual(self.state.identity().public, identity.public)

    def test_an_agent_with_a_directory_of_its_own_has_its_socket_there(self) -> None:
        self.assertEqual(socket_path(AgentConfig()), AgentConfig().socket)
        own = evolve(AgentConfig(), state_dir=self.path)
        self.assertEqual(socket_path(own), self.path / "agent.sock")
        self.assertEqual(socket_path(evolve(own, socket=Path("/tmp/x.sock"))), Path("/tmp/x.sock"))


ENDPOINT_FILES = (
    emit_endpoints({NODE: SEEN}),
    emit_endpoints({NODE: LastSeen((SocketAddress("192.0.2.7", 1), SocketAddress("2001:db8::7", 65535)))}),
    b'{"aaaaaaaaaaaaaaaa": {"tcp": ["x"]}}',
    b'{"aaaaaaaaaaaaaaaa": {}}',
    b'{"a": {"udp": []}}',
)


class EndpointsTests(SynchronousTestCase):
    def test_the_number_of_addresses_of_a_peer_is_bounded(self) -> None:
        places = [SocketAddress("192.0.2.7", port) for port in range(1, 20)]
        found = parse_endpoints(emit_endpoints({NODE: LastSeen(tuple(places), tuple(places))}))
        self.assertEqual(found, {NODE: LastSeen(tuple(places[:ENDPOINTS_LIMIT]), tuple(places[:STREAMS_LIMIT]))})
        for key, limit in (("udp", ENDPOINTS_LIMIT), ("tcp", STREAMS_LIMIT)):
            written = {str(NODE): {key: [str(PLACE)] * (limit + 1)}}
            self.assertRaises(ParseError, parse_endpoints, json.dumps(written).encode())

    @settings(deadline=None, max_examples=200)
    @given(st.binary(max_size=100) | spoiled(*ENDPOINT_FILES))
    def test_a_damaged_file_is_a_parse_error_or_one_that_is_written_again_alike(self, data: bytes) -> None:
        with contextlib.suppress(ParseError):
            found = parse_endpoints(data)
            self.assertEqual(parse_endpoints(emit_endpoints(found)), found)
