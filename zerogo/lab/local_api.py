# -*- test-case-name: zerogo.test.lab.test_local_api -*-
"""What an agent says about itself and its peers over its local socket (`zerogo.net.local_api`), as the lab's values.

A unix socket is a file: it is reached from any network namespace. An agent that does not answer says nothing here, for
it may just be starting, or have been killed by the scenario.
"""

from __future__ import annotations

import ipaddress
import json
import socket
import time
from pathlib import Path

import msgspec

from zerogo.agent.reports import PeerReport, StatusReport
from zerogo.lab.result import PeerView

_TIMEOUT_SECONDS = 2.0
_ANSWER_LIMIT = 16 * 1024 * 1024
_CONNECTED = "connected"


class _Status(msgspec.Struct):
    ok: bool
    result: StatusReport | None = None


class _Peers(msgspec.Struct):
    ok: bool
    result: list[PeerReport] = []


def ask(path: Path, command: str) -> bytes | None:
    """The line that the agent answers to a command without arguments; None if it does not."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_TIMEOUT_SECONDS)
            connection.connect(str(path))
            connection.sendall(json.dumps({"command": command}).encode() + b"\n")
            answer = b""
            while not answer.endswith(b"\n") and len(answer) < _ANSWER_LIMIT:
                chunk = connection.recv(65536)
                if not chunk:
                    return None
                answer += chunk
            return answer
    except OSError:
        return None


def segment_address(path: Path) -> str | None:
    """The agent's address in the mesh, IPv4 if it has one; None before its device has it: until then, whoever pings
    from there would do so past the mesh."""
    raw = ask(path, "status")
    if raw is None:
        return None
    status = msgspec.json.decode(raw, type=_Status).result
    if status is None or not status.mac or not status.addresses or status.state not in ("member", "offline"):
        return None
    addresses = [ipaddress.ip_interface(text).ip for text in status.addresses]
    return str(min(addresses, key=lambda address: address.version))


def peer_views(path: Path) -> list[PeerView]:
    """What the agent says about its peers."""
    asked_at = time.time()
    raw = ask(path, "peers")
    return [] if raw is None else [view_of(peer, asked_at) for peer in msgspec.json.decode(raw, type=_Peers).result]


def view_of(peer: PeerReport, asked_at: float) -> PeerView:
    """The lab's view of a peer; a path counts only while frames flow over it.

    :param asked_at: when the agent was asked, seconds since 1970.
    """
    known_since = None if peer.known_seconds is None else asked_at - peer.known_seconds
    path, addresses = peer.path, tuple(str(ipaddress.ip_interface(text).ip) for text in peer.addresses)
    if path is None or peer.state != _CONNECTED:
        return PeerView(
            name=peer.name,
            addresses=addresses,
            state=peer.state,
            reason=peer.reason or peer.state,
            known_since=known_since,
        )
    return PeerView(
        name=peer.name,
        addresses=addresses,
        state=peer.state,
        path=path.kind,
        local_candidate=path.local_candidate,
        remote_candidate=path.remote_candidate,
        address=path.address,
        rtt=None if path.rtt_ms is None else path.rtt_ms / 1000,
        seconds_to_direct=peer.seconds_to_direct,
        seconds_to_offer=peer.seconds_to_offer,
        seconds_to_checks=peer.seconds_to_checks,
        known_since=known_since,
    )
