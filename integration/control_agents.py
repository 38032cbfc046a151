"""Agents and controllers for tests on loopback: agents as far as a controller can tell, in this process; controllers as
processes of their own, which are started and killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import treq
from attrs import evolve
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.task import deferLater

from zerogo.control.channel import FRAME_LIMIT
from zerogo.control.member import (
    ChannelFailed,
    ControllersTold,
    MapUpdated,
    Member,
    MemberEvent,
    MemberState,
    PunchAt,
    Refused,
    Registered,
    SignalReceived,
)
from zerogo.control.token import JoinToken
from zerogo.ids import NodeId
from zerogo.net.control_client import ControlClient
from zerogo.net.dial import ControllerAddress, TorPlaces, stream_endpoint
from zerogo.net.pump import Pump
from zerogo.noise.identity import Identity

reactor: Any = installed


def sleep(seconds: float) -> Deferred[None]:
    """Real time: the other process lives in it."""
    return deferLater(reactor, seconds, lambda: None)


class Agent:
    """An agent as far as the controller can tell."""

    def __init__(
        self,
        token: JoinToken,
        addresses: Sequence[str] = (),
        name: str = "machine",
        tor: TorPlaces | None = None,
        source: str = "",
    ) -> None:
        """`addresses` in place of those of the token, the first one first; `source` is the address to dial from."""
        self.token = token
        self.identity = Identity.generate(os.urandom)
        self.signals: list[SignalReceived] = []
        self.punches: list[PunchAt] = []
        self.revision = 0
        """Of the map it holds."""
        self.map_at = 0.0
        """When it came."""
        self.is_connected = False
        self.received_bytes = 0
        """Of WebSocket messages."""
        self.welcomes: list[Registered] = []
        self.refusal: Refused | None = None
        self.last_event: MemberEvent | None = None
        self.is_deaf = False
        """Whether it hears no answer to its registration."""
        member = Member(
            identity=self.identity, key_hash=token.key_hash, network=token.network, name=name, rng=os.urandom
        )
        member.use_token(token.secret)
        places = [ControllerAddress.parse(f"http://{text}") for text in addresses or token.addresses]
        self.places = [evolve(place, onion_key=token.onion_key or b"") for place in places]
        self.client = ControlClient(
            reactor,
            self,
            self.places,
            endpoint_of=lambda address: (
                TCP4ClientEndpoint(reactor, address.host, address.port, bindAddress=(source, 0))
                if source
                else stream_endpoint(reactor, address, tor=tor or TorPlaces())
            ),
            rng=os.urandom,
            frame_limit=FRAME_LIMIT,
        )
        self.member = member
        self._pump: Pump[MemberEvent, bytes] = Pump(
            member, reactor, outputs=member.outgoing, send=self.client.send, on_event=self._on_event
        )

    @property
    def node_id(self) -> NodeId:
        """Its id."""
        return self.identity.node_id

    def call(self, verb: Any, *arguments: object) -> Any:
        """One of the member's verbs."""
        return self._pump.call(verb, *arguments)

    def connected(self) -> None:
        self._pump.call(self.member.connected)

    def receive_message(self, data: bytes) -> None:
        self.received_bytes += len(data)
        if self.is_deaf and self.member.state is MemberState.REGISTERING:
            return
        self._pump.call(self.member.receive_message, data)

    def disconnected(self, reason: str) -> None:
        self.is_connected = False
        self._pump.call(self.member.disconnected)

    def _on_event(self, event: MemberEvent) -> None:
        self.last_event = event
        if isinstance(event, Registered):
            self.is_connected = True
            self.welcomes.append(event)
            self.client.settled()
        elif isinstance(event, MapUpdated):
            assert event.network_map.revision >= self.revision, "a map is older than the one before"
            self.revision, self.map_at = event.network_map.revision, reactor.seconds()
        elif isinstance(event, ControllersTold):
            told = [ControllerAddress.parse(f"http://{text}") for text in event.places]
            self.client.use_addresses(list(dict.fromkeys([*told, *self.places])))
        elif isinstance(event, SignalReceived):
            self.signals.append(event)
        elif isinstance(event, PunchAt):
            self.punches.append(event)
        elif isinstance(event, Refused) and event.is_final:
            self.refusal = event
            self.client.stop()
        elif isinstance(event, Refused | ChannelFailed):
            self.client.drop(type(event).__name__)

    @property
    def is_decided(self) -> bool:
        return bool(self.welcomes) or self.refusal is not None


class ControllerProcess:
    """The controller, started and killed."""

    def __init__(self, directory: Path, *lines: str) -> None:
        """`lines` are further ones of its configuration."""
        self.directory = directory
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.config = directory / "controller.yaml"
        own = (f"listen: 127.0.0.1:{self.port}", f"state-dir: {directory / 'state'}", "relay-port: 0")
        self.config.write_text("\n".join([*own, *lines, ""]))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [str(Path(sys.executable).with_name("twistd")), "-n", "--pidfile=", "zerogo-controller"]
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--config", str(self.config)], stdout=log, stderr=log, cwd=self.directory
            )

    @property
    def address(self) -> str:
        """Where agents dial it."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Of its process."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """At once, as a power cut would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(10)
            self._process = None

    def stored_members(self) -> set[str]:
        """The node ids in the database as the kill left it; opened as a copy, so that recovery is the controller's."""
        copy = self.directory / "copy"
        copy.mkdir(exist_ok=True)
        for suffix in ("", "-wal"):
            original = self.directory / "state" / f"controller.db{suffix}"
            (copy / original.name).unlink(missing_ok=True)
            if original.exists():
                shutil.copy(original, copy)
        (copy / "controller.db-shm").unlink(missing_ok=True)
        with closing(sqlite3.connect(copy / "controller.db")) as database:
            verdict = database.execute("PRAGMA integrity_check").fetchone()[0]
            if verdict != "ok":
                raise AssertionError(verdict)
            return {row[0] for row in database.execute("SELECT node_id FROM members")}

    async def wait_until_up(self) -> None:
        for _ in range(1200):
            try:
                await self.request("GET", "/health")
                return
            except Exception:
                await sleep(0.05)
        raise AssertionError((self.directory / "log").read_text()[-4000:])

    def owner(self) -> dict[str, str]:
        """Where its API is, and the token of this machine's owner."""
        found: dict[str, str] = json.loads((self.directory / "state" / "owner.json").read_text())
        return found

    async def request(self, method: str, path: str, body: object = None, **headers: str) -> Any:
        owner = self.owner()
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        response = await treq.request(
            method,
            owner["url"] + "/api/v1" + path,
            json=body,
            headers={"Authorization": f"Bearer {owner['token']}", **sent},
            timeout=5,
            persistent=False,
        )
        content = await response.content()
        return json.loads(content) if content else None
