"""An agent that answers from memory, for the tests of the commands."""

import json
import socket
import tempfile
import threading
from pathlib import Path

import msgspec
from attrs import define, field

from zerogo.agent.reports import ControllerReport, PathReport, PeerReport, PlaneReport, StatusReport
from zerogo.cli.agent_client import AgentRefused, AgentSilent

PATH = PathReport(
    kind="direct",
    address="192.0.2.7:9993",
    local_candidate="host",
    remote_candidate="srflx",
    is_active=True,
    is_alive=True,
    rtt_ms=12.34,
    rtt_min_ms=11.0,
    jitter_ms=0.5,
    loss=0.25,
    mtu=1472,
)
BOB = PeerReport(
    name="bob",
    node_id="gaydambtgq2tmnzy",
    addresses=["10.1.0.3", "fd00::3"],
    state="connected",
    reason="",
    path=PATH,
    paths=[PATH],
    handshake_age_seconds=61.0,
    seconds_to_direct=0.2,
    next_try_in_seconds=None,
    bytes_in=1536,
    bytes_out=2_000_000,
    datagrams_in=10,
    datagrams_out=20,
    last_receive_age_seconds=0.1,
)
CAROL = msgspec.structs.replace(
    BOB,
    name="carol",
    node_id="gaydambtgq2tmnza",
    addresses=["10.1.0.4"],
    state="unreachable",
    reason="no answer",
    path=None,
)
STATUS = StatusReport(
    version="1",
    state="member",
    sentence="",
    node_id="ophrxkdqa4gf6tea",
    name="anna",
    addresses=["10.1.0.2", "fd00::2"],
    mac="02:11:22:33:44:55",
    network="pd5ac6ko",
    network_name="home",
    map_revision=3,
    members=3,
    connected=1,
    device="zerogo0",
    mtu=1400,
    ports=[9993],
    controller=ControllerReport(state="open", address="ws://192.0.2.1:9394", reason="", next_try_in_seconds=None),
    plane=PlaneReport(name="reference", offloads={"udp_gso": True, "udp_gro": False}, counters={"dropped_replay": 2}),
    refusals={"foreign_stun": 1},
)


@define(eq=False)
class FakeAgent:
    """Stands for an `AgentClient`; commands are patched to find it."""

    peer_list: list[PeerReport] = field(factory=lambda: [BOB, CAROL])
    report: StatusReport = STATUS
    is_running: bool = True
    left: list[bool] = field(factory=list)
    refusal: str = ""

    def status(self) -> StatusReport:
        self._answer()
        return self.report

    def peers(self) -> list[PeerReport]:
        self._answer()
        return self.peer_list

    def leave(self, force: bool) -> bool:
        self._answer()
        if self.refusal:
            raise AgentRefused(self.refusal)
        self.left.append(force)
        self.is_running = False
        return not force

    def _answer(self) -> None:
        if not self.is_running:
            raise AgentSilent("no agent runs here")


class LineServer:
    """A unix socket that gives one prepared answer to the first request, on a thread; use it in a `with` statement."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._directory = tempfile.TemporaryDirectory()
        self.path = Path(self._directory.name) / "agent.sock"
        self.requests: list[object] = []
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(self.path))
        self._socket.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> "LineServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(5)
        self._socket.close()
        self._directory.cleanup()

    def _serve(self) -> None:
        connection, _ = self._socket.accept()
        with connection:
            self.requests.append(json.loads(connection.recv(65536)))
            connection.sendall(self._answer)
