# -*- test-case-name: zerogo.test.control.test_introductions -*-
"""Two members are brought together: signals, punches, and grants at relays; across controllers, where there are more.

A member that is not connected here may be connected to another controller of the same database. What it is to be told
goes out as `Elsewhere`, to all of them, and the one that has it `receive`s it. Nothing waits for an answer: what nobody
has is lost, as a signal to a member that is away is.

A punch across two controllers: the one that has the other end is told how far the asking end is from its own, chooses a
moment, counts from there, and tells both. What the way back takes is not measured; `FELLOW_SECONDS` is assumed, and the
error is the difference.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Annotated

import msgspec

from zerogo.control.connection import Connection
from zerogo.control.coordinator_events import CoordinatorEvent, Elsewhere
from zerogo.control.messages import ControllerMessage, Punch, SignalFrom, emit_message
from zerogo.control.relay_access import RelayAccess
from zerogo.errors import ParseError
from zerogo.ids import NODE_ID_BYTES, NetworkId, NodeId

PUNCH_MARGIN = 0.02
"""Seconds between the later arrival of a punch message and the moment it names: what messages are late by at times. An
end that begins later than the other is let in by the other's NAT."""
FELLOW_SECONDS = 0.01
"""What a message between controllers is assumed to take."""
_NodeBytes = Annotated[bytes, msgspec.Meta(min_length=NODE_ID_BYTES, max_length=NODE_ID_BYTES)]
_Seconds = Annotated[float, msgspec.Meta(ge=0, le=10)]


class Told(msgspec.Struct, frozen=True, tag="told", forbid_unknown_fields=True):
    """Pass this message on to the member."""

    message: bytes


class PunchAsked(msgspec.Struct, frozen=True, tag="punch-asked", forbid_unknown_fields=True):
    """A member elsewhere wants to punch with this one."""

    sender: _NodeBytes
    one_way: _Seconds
    """From its controller to it."""


class PunchTold(msgspec.Struct, frozen=True, tag="punch-told", forbid_unknown_fields=True):
    """The member's punch with `peer` is in so many seconds."""

    peer: _NodeBytes
    seconds: _Seconds


class GrantAsked(msgspec.Struct, frozen=True, tag="grant-asked", forbid_unknown_fields=True):
    """A member elsewhere wants to reach this one's address through the relays."""

    sender: _NodeBytes


_Between = Told | PunchAsked | PunchTold | GrantAsked
_DECODER = msgspec.msgpack.Decoder(_Between)


def told(message: ControllerMessage) -> bytes:
    """What another controller, or ours, passes on to a member that it has (`Introductions.receive`)."""
    return msgspec.msgpack.encode(Told(emit_message(message)))


class Introductions:
    """Between the members that are connected here, and those elsewhere.

    :param find: the connection of a member that is present, or None.
    :param sent: called with a connection that was given something to send.
    """

    def __init__(
        self,
        access: RelayAccess,
        events: deque[CoordinatorEvent],
        find: Callable[[NetworkId, NodeId], Connection | None],
        sent: Callable[[Connection], None],
    ) -> None:
        self._access = access
        self._events = events
        self._find = find
        self._sent = sent

    def signal(self, network: NetworkId, sender: NodeId, to: NodeId, blob: bytes) -> None:
        """Pass a blob on."""
        message = SignalFrom(sender.raw, blob)
        target = self._find(network, to)
        if target is None:
            self._elsewhere(network, to, Told(emit_message(message)))
        else:
            self._tell(target, message)

    def punch(self, connection: Connection, network: NetworkId, sender: NodeId, to: NodeId) -> None:
        """Tell both a common moment."""
        target = self._find(network, to)
        if target is None:
            self._elsewhere(network, to, PunchAsked(sender.raw, connection.one_way))
        elif target is not connection and not target.is_congested:
            moment = max(connection.one_way, target.one_way) + PUNCH_MARGIN
            connection.send(Punch(to.raw, (moment - connection.one_way) * 1000))
            self._tell(target, Punch(sender.raw, (moment - target.one_way) * 1000))

    def grant(self, connection: Connection, network: NetworkId, sender: NodeId, to: NodeId) -> None:
        """Let the relays let one reach the other's address."""
        target = self._find(network, to)
        if target is None:
            self._elsewhere(network, to, GrantAsked(sender.raw))
        elif target is not connection:
            grants = self._access.grants(sender, to, target.source)
            if grants is not None:
                connection.send(grants)

    def receive(self, network: NetworkId, to: NodeId, content: bytes) -> None:
        """What another controller has for a member, which may be here; raises `ParseError`."""
        target = self._find(network, to)
        if target is None:
            return
        message = _parse(content)
        match message:
            case Told(encoded):
                if not target.is_congested:
                    target.send_encoded(encoded)
                    self._sent(target)
            case PunchAsked(sender, one_way):
                self._punch_from_elsewhere(target, network, NodeId(sender), one_way, to)
            case PunchTold(peer, seconds):
                self._tell(target, Punch(peer, max(0.0, seconds - FELLOW_SECONDS - target.one_way) * 1000))
            case GrantAsked(sender):
                grants = self._access.grants(NodeId(sender), to, target.source)
                if grants is not None:
                    self._elsewhere(network, NodeId(sender), Told(emit_message(grants)))

    def _punch_from_elsewhere(
        self, target: Connection, network: NetworkId, sender: NodeId, one_way: float, to: NodeId
    ) -> None:
        if target.is_congested:
            return
        moment = max(FELLOW_SECONDS + one_way, target.one_way) + PUNCH_MARGIN
        self._tell(target, Punch(sender.raw, (moment - target.one_way) * 1000))
        self._elsewhere(network, sender, PunchTold(to.raw, moment))

    def _tell(self, target: Connection, message: ControllerMessage) -> None:
        if not target.is_congested:
            target.send(message)
            self._sent(target)

    def _elsewhere(self, network: NetworkId, to: NodeId, message: _Between) -> None:
        self._events.append(Elsewhere(network, to, msgspec.msgpack.encode(message)))


def _parse(content: bytes) -> _Between:
    try:
        message: _Between = _DECODER.decode(content)
        return message
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ParseError(f"not a message between controllers: {str(error)[:100]}") from error
