"""A controller's exits and gateways under it, in one process, on one clock; messages between them may be delayed."""

from __future__ import annotations

import random
from collections import deque
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from argon2 import PasswordHasher
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.task import Clock

from zerogo.config.gateway import GatewayConfig
from zerogo.control.edge_token import GatewayToken
from zerogo.control.gateway_messages import Enter
from zerogo.control.gateways import GatewayOffice
from zerogo.controller.exits import Exits
from zerogo.exit.choose import Demand, Policy
from zerogo.exit.edges import EdgeProfile
from zerogo.exit.frames import Command
from zerogo.exit.reason import Reason
from zerogo.exit.target import Target
from zerogo.exit.username import UserName
from zerogo.gateway.accounts import AccountBook, PasswordAccounts
from zerogo.gateway.cache import ControllerFiles
from zerogo.gateway.controlled import Controlled, Parts
from zerogo.gateway.denials import Denials
from zerogo.gateway.hub import Hub
from zerogo.gateway.link import ControllerLink
from zerogo.gateway.metering import LeasedMeter
from zerogo.gateway.tokens import KeyedEdges
from zerogo.gateway.users import UserDesk
from zerogo.net.exit_ports import StreamMeter
from zerogo.net.exit_user import Entry
from zerogo.noise.identity import Identity
from zerogo.store import exit_gateways, exit_users
from zerogo.store.exit_values import KeyKind, StoredExitUser
from zerogo.test.control.pair import CONTROLLER, KEY_HASH
from zerogo.test.controller.stock import PromptStore
from zerogo.test.store.stock import NOW, StoreCase

HASH = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash("correct-horse")
EDGE = EdgeProfile(edge="e" * 16, name="kiel", country="de", region="eu", address="198.51.100.1")
DEMAND = Demand(command=Command.CONNECT, target=Target("example.net", 443))


class End:
    """A user's connection with one stream."""

    meter: StreamMeter

    def __init__(self) -> None:
        self.killed: Reason | None = None
        self.is_held = False
        self.passed = 0

    def kill(self, reason: Reason) -> None:
        if self.killed is None:
            self.killed = reason
            self.meter.closed(reason)

    def hold(self, is_held: bool) -> None:
        self.is_held = is_held

    def send(self, count: int) -> None:
        """As a splice does: counted, then passed on."""
        if self.killed is None and not self.is_held:
            self.passed += count
            self.meter.sent(count)


class Wire:
    """Instead of a WebSocket: frames in both directions, delivered when they are asked to be."""

    def __init__(self, exits: Exits, number: int) -> None:
        self.up: deque[bytes] = deque()
        self.down: deque[bytes] = deque()
        self.link: ControllerLink
        self.is_up = False
        self.number = number
        self._exits = exits

    def connect(self) -> None:
        """The WebSocket is open."""
        self.number += 100
        self.is_up = True
        self.link.connected()
        self._exits.connection_opened(self.number, "192.0.2.7")

    def cut(self) -> None:
        """It is gone, with what was under way."""
        self.is_up = False
        self.up.clear()
        self.down.clear()
        self._exits.connection_closed(self.number)
        self.link.disconnected("the test cut it")

    def deliver(self) -> bool:
        """One frame of each direction; whether there was any."""
        was_busy = bool(self.up or self.down)
        if self.up:
            self._exits.message_received(self.number, self.up.popleft())
        if self.down:
            self.link.receive_message(self.down.popleft())
        return was_busy

    # ----- what the link takes for its client

    def send(self, data: bytes) -> None:
        if self.is_up:
            self.up.append(data)

    def start(self) -> None:
        """`connect` is called by the test."""

    def stop(self) -> Deferred[None]:
        return succeed(None)

    def drop(self, reason: str) -> None:
        raise AssertionError(reason)

    def settled(self) -> None:
        """All is well."""


class Gateway:
    """One gateway under the controller."""

    def __init__(self, case: ControlledCase, name: str, number: int, secret: bytes) -> None:
        self.case = case
        self.identity = Identity.generate(random.Random(name).randbytes)
        rng = random.Random(number).randbytes
        self.book = AccountBook()
        self.edges = KeyedEdges()
        self.meter = LeasedMeter(case.clock, case.unix_time, self.book.has_package, lambda edge: "de")
        self.hub = Hub(self.edges, Policy.RANDOM, case.clock, rng)
        self.hub.pool.add(EDGE)
        accounts = PasswordAccounts(self.book, GatewayConfig(), case.clock, case.unix_time, maybeDeferred, rng)
        self.desk = UserDesk(self.hub, accounts, self.meter, case.clock)
        self.files = ControllerFiles(case.directory / name, self.identity, rng)
        self.denials = Denials((), case.unix_time)
        (case.directory / name).mkdir(mode=0o700, exist_ok=True)
        boot = rng(8)
        self.controlled = Controlled(
            Parts(self.book, self.meter, self.edges, self.files, self.denials),
            greeting=lambda revision: Enter(
                signing=self.identity.signing_public,
                boot=boot,
                name=name,
                revision=revision,
                secret=None if self.controlled.was_admitted else secret,
            ),
            served_seconds=3600.0,
            clock=case.clock,
            unix_time=case.unix_time,
        )
        token = GatewayToken(("192.0.2.1:9394",), KEY_HASH, secret)
        link = ControllerLink(
            self.controlled, self.identity, token, clock=case.clock, endpoint_of=lambda address: None, rng=rng
        )  # type: ignore[arg-type,return-value]
        self.wire = Wire(case.exits, number)
        self.wire.link = link
        link._client = self.wire  # type: ignore[assignment]
        self.controlled.link = link
        self.hub.is_denied = self.desk.is_denied = self.denials.holds
        self.controlled.denials_changed = self.desk.kill_denied
        self.controlled.load()
        self.controlled.start(self.hub, self.desk)
        case.wires.append(self.wire)

    def open(self, user: str = "alice") -> End:
        """A stream of a user who is in."""
        account = self.book.find(user)
        assert account is not None
        end = End()
        state = self.hub.pool.get(EDGE.edge)
        stream: Any = SimpleNamespace(
            edge=SimpleNamespace(state=state, counted=lambda *counts: None), number=1, opened=None, early=0
        )
        entry = Entry(account.grant(), UserName(user))
        self.desk._state(entry.grant).streams += 1
        end.meter = self.desk.record(entry, DEMAND, stream, "192.0.2.9", end)
        return end


class ControlledCase(StoreCase):
    """`self.exits` and whatever `self.gateway` makes."""

    def setUp(self) -> None:
        super().setUp()
        self.clock = Clock()
        self.wires: list[Wire] = []
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.office = GatewayOffice(CONTROLLER, self.rng)
        self.exits = Exits(self.office, PromptStore(self.database), self.clock, self.unix_time, self.rng)
        self.exits.attach(self.send, lambda number, reason, is_abrupt: None)
        self.addCleanup(self.exits.stop)
        _, self.secret = self.database.write(exit_gateways.create_key, KeyKind.GATEWAY, 1e6, "tester", self.rng, NOW)

    def unix_time(self) -> float:
        return NOW + self.clock.seconds()

    def send(self, number: int, data: bytes) -> None:
        for wire in self.wires:
            if wire.number == number and wire.is_up:
                wire.down.append(data)

    def gateway(self, name: str = "one", *, is_here: bool = True) -> Gateway:
        made = Gateway(self, name, len(self.wires) + 1, self.secret)
        if is_here:
            made.wire.connect()
            self.settle()
        return made

    def settle(self) -> None:
        """Deliver all there is."""
        while any([wire.deliver() for wire in self.wires]):
            pass

    def wait(self, seconds: float) -> None:
        """Let time pass, in steps."""
        for _ in range(round(seconds / 0.5)):
            self.clock.advance(0.5)
            self.settle()

    def change(self, name: str, **changes: object) -> None:
        """As the API does."""
        self.database.write(exit_users.change_user, name, dict(changes), "tester", self.unix_time())
        self.exits.accounts_changed(name)
        self.settle()

    def user(self, name: str = "alice") -> StoredExitUser:
        return self.database.read(exit_users.find_user, name)
