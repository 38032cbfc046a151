# -*- test-case-name: zerogo.test.agent.test_state_dir -*-
"""The files of an agent, all private (0600 in a directory of 0700), written whole and synced or not at all.

identity.key   the node's keys; never changes
network.json   the membership (`record`)
network.map    the newest signed map; worthless to whoever cannot sign, but believed only after verification
filters.sheet  the newest signed filters, where the network has a policy; believed after verification
relays.json    how relays may be used, for some hours
peers.json     where peers were reached last, and take TCP connections, to meet them again without a controller
choices.json   networks to announce and the exit to use, as a person decided with a command
agent.pid, agent.log, agent.sock    of an agent that `zerogo` started
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

import msgspec
from attrs import frozen

from zerogo.agent.credentials import CREDENTIALS_BYTES, emit_credentials, parse_credentials
from zerogo.agent.record import RECORD_LIMIT, Membership
from zerogo.agent.subnets import Choices
from zerogo.config.agent import AgentConfig
from zerogo.config.identity_file import IDENTITY_FILE, load_or_create_identity
from zerogo.config.private_file import make_private_directory, read_private, write_private
from zerogo.control.messages import CONTROLLER_MESSAGE_LIMIT
from zerogo.control.relays import RelayCredential
from zerogo.control.subnets import announced_subnets
from zerogo.errors import EnvironmentFault, ParseError
from zerogo.ids import NodeId, SocketAddress
from zerogo.mesh.signal import STREAMS_LIMIT
from zerogo.noise.identity import Identity
from zerogo.noise.timestamp import TIMESTAMP_BYTES

RECORD_FILE = "network.json"
MAP_FILE = "network.map"
FILTERS_FILE = "filters.sheet"
PEERS_FILE = "peers.json"
RELAYS_FILE = "relays.json"
MARK_FILE = "handshake.mark"
CHOICES_FILE = "choices.json"
LOG_FILE = "agent.log"
SOCKET_FILE = "agent.sock"
KNOWN_PEERS_LIMIT = 4096
ENDPOINTS_LIMIT = 4
"""Addresses remembered at which datagrams reached one peer."""
_PEERS_BYTES = 4 * 1024 * 1024
_CHOICES_BYTES = 64 * 1024


@frozen
class LastSeen:
    """Where a peer was when something was heard of it last."""

    endpoints: tuple[SocketAddress, ...] = ()
    """Where datagrams reached it, the path in use first."""
    streams: tuple[SocketAddress, ...] = ()
    """Where it takes TCP connections, best first as it told."""


Endpoints = dict[NodeId, LastSeen]


class DamagedState(EnvironmentFault):
    """A file of the state directory cannot be read."""

    code = "E-STATE"


def socket_path(config: AgentConfig) -> Path:
    """Where the agent's socket is: as configured; an agent with a state directory of its own has it there."""
    defaults = AgentConfig()
    if config.socket == defaults.socket and config.state_dir != defaults.state_dir:
        return config.state_dir / SOCKET_FILE
    return config.socket


class StateDir:
    """An agent's directory. Everything raises `EnvironmentFault` where the disk or the modes are not right."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def prepare(self) -> None:
        """Make the directory, or check the one that is there."""
        make_private_directory(self.path)

    def identity(self) -> Identity:
        """The node's keys, made on the first call."""
        return load_or_create_identity(self.path / IDENTITY_FILE)

    def membership(self) -> Membership | None:
        """The membership, None where this machine has none."""
        data = self._read(RECORD_FILE, RECORD_LIMIT)
        if data is None:
            return None
        try:
            return Membership.parse(data)
        except ParseError as error:
            raise DamagedState(f"{self.path / RECORD_FILE}: {error}") from None

    def save_membership(self, membership: Membership) -> None:
        """Remember the membership."""
        write_private(self.path / RECORD_FILE, membership.emit())

    def signed_map(self) -> bytes | None:
        """The newest signed map, which nobody has verified yet."""
        return self._read(MAP_FILE, CONTROLLER_MESSAGE_LIMIT)

    def save_signed_map(self, blob: bytes) -> None:
        """Remember a verified map."""
        write_private(self.path / MAP_FILE, blob)

    def filter_sheet(self) -> bytes | None:
        """The newest sheet of filters, which nobody has verified yet."""
        return self._read(FILTERS_FILE, CONTROLLER_MESSAGE_LIMIT)

    def save_filter_sheet(self, blob: bytes) -> None:
        """Remember a verified sheet of filters."""
        write_private(self.path / FILTERS_FILE, blob)

    def relay_credentials(self, unix_offset: float, now: float) -> tuple[RelayCredential, ...]:
        """How relays may be used, as was written last and is not over; none where that is unknown or unreadable.

        :param unix_offset: Unix time less the agent's clock.
        """
        try:
            data = self._read(RELAYS_FILE, CREDENTIALS_BYTES)
            return () if data is None else parse_credentials(data, unix_offset, now)
        except (EnvironmentFault, ParseError):
            return ()

    def save_relay_credentials(self, credentials: Iterable[RelayCredential], unix_offset: float) -> None:
        """Remember how relays may be used."""
        write_private(self.path / RELAYS_FILE, emit_credentials(credentials, unix_offset))

    def endpoints(self) -> Endpoints:
        """Where peers were last; empty where that is unknown or unreadable: it is a hint, nothing more."""
        try:
            data = self._read(PEERS_FILE, _PEERS_BYTES)
            return {} if data is None else parse_endpoints(data)
        except (EnvironmentFault, ParseError):
            return {}

    def save_endpoints(self, endpoints: Mapping[NodeId, LastSeen]) -> None:
        """Remember where peers are."""
        write_private(self.path / PEERS_FILE, emit_endpoints(endpoints))

    def handshake_mark(self) -> bytes | None:
        """The mark of the handshake clock; None where it is missing or damaged, which costs one round trip a peer."""
        try:
            mark = self._read(MARK_FILE, TIMESTAMP_BYTES)
        except EnvironmentFault:
            return None
        return mark if mark is not None and len(mark) == TIMESTAMP_BYTES else None

    def save_handshake_mark(self, mark: bytes) -> None:
        """Remember the mark."""
        write_private(self.path / MARK_FILE, mark)

    def choices(self) -> Choices:
        """What a person decided with commands."""
        data = self._read(CHOICES_FILE, _CHOICES_BYTES)
        if data is None:
            return Choices()
        try:
            stored = msgspec.json.decode(data, type=_Choices)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise DamagedState(f"{self.path / CHOICES_FILE} is damaged: delete it") from None
        announced = announced_subnets(stored.announced)
        return Choices(announced=announced, is_exit=stored.is_exit, exit_via=stored.exit_via)

    def save_choices(self, choices: Choices) -> None:
        """Remember them."""
        stored = _Choices(list(choices.announced), choices.is_exit, choices.exit_via)
        write_private(self.path / CHOICES_FILE, msgspec.json.encode(stored) + b"\n")

    def forget_network(self) -> None:
        """Remove everything but the node's keys and its handshake mark, which belongs to them."""
        for name in (MAP_FILE, FILTERS_FILE, PEERS_FILE, RELAYS_FILE, CHOICES_FILE, RECORD_FILE):
            try:
                (self.path / name).unlink(missing_ok=True)
            except OSError as error:
                raise DamagedState(f"{self.path / name} cannot be removed: {error.strerror}") from error

    def _read(self, name: str, limit: int) -> bytes | None:
        path = self.path / name
        return read_private(path, limit) if os.path.lexists(path) else None


class _Choices(msgspec.Struct):
    announced: list[str] = []
    is_exit: bool | None = None
    exit_via: Annotated[str, msgspec.Meta(max_length=64)] | None = None


_Place = Annotated[str, msgspec.Meta(max_length=64)]


class _LastSeen(msgspec.Struct, omit_defaults=True):
    udp: Annotated[list[_Place], msgspec.Meta(max_length=ENDPOINTS_LIMIT)] = []
    tcp: Annotated[list[_Place], msgspec.Meta(max_length=STREAMS_LIMIT)] = []

    def parse(self) -> LastSeen:
        """Raises `ParseError`."""
        return LastSeen(*(tuple(SocketAddress.parse(text) for text in places) for places in (self.udp, self.tcp)))


_decode = msgspec.json.Decoder(dict[str, _LastSeen]).decode


def parse_endpoints(data: bytes) -> Endpoints:
    """Read what `emit_endpoints` wrote; raises `ParseError`."""
    try:
        stored = _decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ParseError("the file of peers is damaged") from error
    if len(stored) > KNOWN_PEERS_LIMIT:
        raise ParseError(f"the file of peers names more than {KNOWN_PEERS_LIMIT}")
    return {NodeId.parse(key): seen.parse() for key, seen in stored.items()}


def emit_endpoints(endpoints: Mapping[NodeId, LastSeen]) -> bytes:
    """The bytes of the file."""
    kept: dict[str, _LastSeen] = {}
    for node_id, seen in list(endpoints.items())[:KNOWN_PEERS_LIMIT]:
        udp = [str(place) for place in seen.endpoints[:ENDPOINTS_LIMIT]]
        kept[str(node_id)] = _LastSeen(udp, [str(place) for place in seen.streams[:STREAMS_LIMIT]])
    return msgspec.json.encode(kept) + b"\n"
