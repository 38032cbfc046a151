"""Agents and one coordinator, joined in virtual time without a network."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from attrs import define, field

from zerogo.control.coordinator import Coordinator
from zerogo.control.coordinator_events import Admission, CloseWanted, MapWanted, RegistrationWanted
from zerogo.control.member import Member, MemberEvent
from zerogo.control.netmap import MemberRecord, NetworkMap
from zerogo.control.publication import MapView
from zerogo.control.relay_access import RelayAccess
from zerogo.control.token import controller_key_hash, emit_base32
from zerogo.ids import MacAddress, NetworkId, NodeId
from zerogo.noise.identity import Identity

NETWORK = NetworkId(b"\x01\x02\x03\x04\x05")
SECRET = emit_base32(bytes(range(20)))


def seeded(seed: str) -> Callable[[int], bytes]:
    """Random bytes that are the same in each run."""
    state = hashlib.blake2b(seed.encode()).digest()

    def draw(count: int) -> bytes:
        nonlocal state
        out = b""
        while len(out) < count:
            state = hashlib.blake2b(state).digest()
            out += state
        return out[:count]

    return draw


CONTROLLER = Identity.generate(seeded("controller"))
NO_RELAYS = RelayAccess((), lambda: 0.0)
KEY_HASH = controller_key_hash(CONTROLLER.static_public, CONTROLLER.signing_public)


def record_of(identity: Identity, name: str, position: int = 1) -> MemberRecord:
    """A member's record."""
    return MemberRecord(
        node_id=identity.node_id,
        static_public=identity.static_public,
        signing_public=identity.signing_public,
        name=name,
        mac=MacAddress.for_node(NETWORK, identity.static_public),
        addresses=(f"10.1.0.{position}", f"fd00::{position:x}"),
        capabilities=("aes",),
    )


@define
class Wire:
    """One agent and its connection."""

    member: Member
    number: int = 0
    is_up: bool = False
    delay: float = 0.0
    """One-way, seconds."""
    events: list[MemberEvent] = field(factory=list)
    frames: list[bytes] = field(factory=list)
    """All that the agent sent."""


class Pair:
    """Runs everything to quiescence after each step. The store is a dictionary."""

    def __init__(self, access: RelayAccess = NO_RELAYS, controllers: tuple[str, ...] = ()) -> None:
        self.now = 1000.0
        self.coordinator = Coordinator(CONTROLLER, seeded("coordinator"), access, controllers)
        self.wires: list[Wire] = []
        self.records: dict[NodeId, MemberRecord] = {}
        self.changed_at: dict[NodeId, int] = {}
        self.removed_at: dict[NodeId, int] = {}
        self.revision = 1
        self.events: list[object] = []
        self.answers = True
        """Whether registrations are admitted at once."""
        self.flow_log = False
        self.is_prompt = True
        """Whether all members are told of a map in one go."""
        self._last = 0

    def agent(self, name: str, delay: float = 0.0) -> Wire:
        """A new agent, not connected."""
        member = Member(
            identity=Identity.generate(seeded(name)), key_hash=KEY_HASH, network=NETWORK, name=name, rng=seeded(name)
        )
        member.use_token(SECRET)
        wire = Wire(member, delay=delay)
        self.wires.append(wire)
        return wire

    def connect(self, wire: Wire, source: str = "192.0.2.1") -> None:
        """Open its connection, and run."""
        self.open(wire, source)
        wire.member.connected(self.now)
        self.run()

    def open(self, wire: Wire, source: str = "192.0.2.1") -> None:
        """Open its connection, of which its agent does not know yet."""
        self._last += 1
        wire.number, wire.is_up = self._last, True
        self.coordinator.connection_opened(wire.number, source, self.now)

    def disconnect(self, wire: Wire) -> None:
        """Cut its connection, and run."""
        wire.is_up = False
        self.coordinator.connection_closed(wire.number, self.now)
        wire.member.disconnected(self.now)
        self.run()

    def add(self, wire: Wire) -> None:
        """Store the agent as a member."""
        identity = wire.member._identity
        self.revision += 1
        self.records[identity.node_id] = record_of(identity, wire.member._name, len(self.records) + 1)
        self.changed_at[identity.node_id] = self.revision

    def remove(self, node_id: NodeId) -> None:
        """Remove it from the store."""
        self.revision += 1
        del self.records[node_id], self.changed_at[node_id]
        self.removed_at[node_id] = self.revision

    def view(self) -> MapView:
        """What is stored."""
        network_map = NetworkMap(
            network=NETWORK,
            name="home",
            revision=self.revision,
            prefixes=("10.1.0.0/24",),
            stun_servers=(":3478",),
            members=tuple(self.records.values()),
            flow_log=self.flow_log,
        )
        return MapView(
            network_map=network_map,
            changed_at=dict(self.changed_at),
            removed_at=dict(self.removed_at),
            complete_since=1,
        )

    def run(self) -> None:
        """Until nothing moves."""
        for _ in range(200):
            if not (self._move() | self._answer()):
                return
        raise AssertionError("the pair does not come to rest")

    def advance(self, seconds: float) -> None:
        """Let time go by in small steps."""
        end = self.now + seconds
        while self.now < end:
            self.now = min(end, self.now + 0.05)
            self.coordinator.handle_timer(self.now)
            for wire in self.wires:
                wire.member.handle_timer(self.now)
            self.run()

    def _move(self) -> bool:
        moved = False
        by_number = {wire.number: wire for wire in self.wires if wire.is_up}
        for output in self.coordinator.outgoing():
            moved = True
            if isinstance(output, CloseWanted):
                wire = by_number.pop(output.connection, None)
                self.events.append(output)
                if wire is not None:
                    self._closed(wire)
            elif output[0] in by_number:
                by_number[output[0]].member.receive_message(output[1], self.now)
        for wire in by_number.values():
            for frame in wire.member.outgoing():
                moved = True
                wire.frames.append(frame)
                self.coordinator.receive_message(wire.number, frame, self.now + 2 * wire.delay)
        for wire in self.wires:
            wire.events.extend(wire.member.events())
        return moved

    def _closed(self, wire: Wire) -> None:
        wire.is_up = False
        wire.member.disconnected(self.now)
        self.coordinator.connection_closed(wire.number, self.now)

    def _answer(self) -> bool:
        events = list(self.coordinator.events())
        for event in events:
            self.events.append(event)
            if isinstance(event, MapWanted):
                self.coordinator.install(self.view(), self.now)
                while self.is_prompt and self.coordinator.is_telling:
                    self.coordinator.tell(self.now)
            elif isinstance(event, RegistrationWanted) and self.answers:
                self.admit(event)
        return bool(events)

    def admit(self, event: RegistrationWanted) -> None:
        """As a store would where the token is good."""
        node_id = event.registration.node_id
        if node_id not in self.records:
            wire = next(wire for wire in self.wires if wire.member._identity.node_id == node_id)
            self.add(wire)
        record = self.records[node_id]
        admission = Admission(
            name=record.name, addresses=record.addresses, psk=bytes(32), revision=self.changed_at[node_id]
        )
        self.coordinator.admit(event.connection, admission, self.now)
