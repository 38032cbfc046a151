"""What the lab makes of an agent's answers; the socket itself is tested in namespaces and with the agent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from twisted.trial.unittest import SynchronousTestCase

from zerogo.agent.reports import PathReport, PeerReport
from zerogo.lab import local_api
from zerogo.lab.local_api import ask, peer_views, segment_address, view_of
from zerogo.test.cli.fake_agent import STATUS

PATH = PathReport(
    kind="direct",
    address="5.10.1.1:9993",
    local_candidate="srflx",
    remote_candidate="prflx",
    is_active=True,
    is_alive=True,
    rtt_ms=40.0,
    rtt_min_ms=39.0,
    jitter_ms=1.0,
    loss=0.0,
    mtu=1400,
)


def peer(**facts: Any) -> PeerReport:
    base: dict[str, Any] = {
        **dict.fromkeys(("handshake_age_seconds", "next_try_in_seconds", "last_receive_age_seconds")),
        **dict.fromkeys(("bytes_in", "bytes_out", "datagrams_in", "datagrams_out"), 0),
        "name": "bob",
        "node_id": "x",
        "addresses": ["10.66.0.2/16"],
        "state": "connected",
        "reason": "",
        "path": PATH,
        "paths": [PATH],
        "seconds_to_direct": 0.5,
    }
    return PeerReport(**{**base, **facts})


class ViewTests(SynchronousTestCase):
    def test_connected_peer_has_its_path(self) -> None:
        view = view_of(peer(known_seconds=2.5), 1000.0)
        self.assertEqual((view.path, view.local_candidate, view.remote_candidate), ("direct", "srflx", "prflx"))
        self.assertEqual((view.rtt, view.seconds_to_direct, view.addresses), (0.04, 0.5, ("10.66.0.2",)))
        self.assertEqual(view.known_since, 997.5)

    def test_path_of_a_peer_that_is_not_connected_does_not_count(self) -> None:
        view = view_of(peer(state="handshaking"), 1000.0)
        self.assertEqual((view.path, view.reason), ("none", "handshaking"))
        self.assertEqual(view_of(peer(state="unreachable", path=None, reason="gone"), 1000.0).reason, "gone")

    def test_silent_agent_says_nothing(self) -> None:
        nowhere = Path(self.mktemp())
        self.assertEqual((ask(nowhere, "status"), peer_views(nowhere), segment_address(nowhere)), (None, [], None))

    def test_peers_are_read_from_the_answer(self) -> None:
        answer = msgspec.json.encode({"ok": True, "result": [peer()]})
        self.patch(local_api, "ask", lambda path, command: answer if command == "peers" else None)
        self.assertEqual([view.name for view in peer_views(Path("x"))], ["bob"])

    def test_refused_question_is_no_peers(self) -> None:
        self.patch(local_api, "ask", lambda path, command: b'{"ok": false, "error": "no"}')
        self.assertEqual((peer_views(Path("x")), segment_address(Path("x"))), ([], None))


class AddressTests(SynchronousTestCase):
    """`segment_address`."""

    def address(self, **changes: object) -> str | None:
        status = msgspec.structs.replace(STATUS, **changes)
        self.patch(local_api, "ask", lambda path, command: msgspec.json.encode({"ok": True, "result": status}))
        return segment_address(Path("agent.sock"))

    def test_an_address_counts_once_the_device_has_it(self) -> None:
        self.assertEqual(self.address(state="member"), "10.1.0.2")
        self.assertIsNone(self.address(state="member", mac=""))
        self.assertIsNone(self.address(state="pending"))
