# -*- test-case-name: zerogo.test.mesh.test_punching -*-
"""What a node behind a hard NAT does to be reached by a peer: it sounds the NAT, tells what it found, opens sockets.

A quarter of a second after the checks began without finding anything, a few side sockets sound the NAT
(`zerogo.ice.fan`). Where it counts its ports, the peer is told the few that the sockets have, and that is all. Else, a
third of a second later, more side sockets are opened, 64 where the samples lie within a block and 256 where they do
not, and the peer is told where to try. Where both ends are hard and count, each sends from further sockets to one port
that the other is about to use.

The side sockets that turned out to carry datagrams go to the data plane; the others are closed, at the latest after
`FAN_SECONDS`. A try that found nothing is followed by another one, later and later.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence

from attrs import define, field

from zerogo.ice.agent import IceAgent
from zerogo.ice.candidate import CandidateKind
from zerogo.ice.fan import BIRTHDAY_SOCKETS, BLOCK_SOCKETS, SOUNDING_SOCKETS, SPREAD_ROUNDS, Fan
from zerogo.ice.prediction import BLOCK_PORTS_LIMIT, PortWindow, is_narrow, predict
from zerogo.ids import Endpoint, SideAddress, SocketAddress
from zerogo.mesh.context import NodeContext
from zerogo.mesh.events import SideSocketKept, SideSocketsDropped, SideSocketsWanted
from zerogo.mesh.punch_desk import PunchDesk, backoff
from zerogo.mesh.signal import NatMapping, Offer
from zerogo.stun.attributes import MappedAddress, XorMappedAddress
from zerogo.stun.message import Message
from zerogo.stun.server import binding_request

SOUND_AFTER_SECONDS = 0.25
SPREAD_AFTER_SECONDS = 0.6
"""Both after the checks began."""
QUEUE_SECONDS = 0.2
"""Where others are trying, a place is asked for again so much later."""
OPENING_SECONDS = 1.0
"""So long the driver has to open sockets."""
HASTENED_GAP_SECONDS = 4.0
CROSSING_SOCKETS = 32
CROSSING_AHEAD_PORTS = 12
"""Beyond the other's window. A window ends 4 above the last sample; so each meets what the other opens, if at most 15
mappings of others came between."""


class Stage(enum.Enum):
    """Of a try."""

    IDLE = "nothing to be done"
    WAITING = "for its time"
    OPENING = "side sockets"
    SOUNDING = "the NAT"
    SOUNDED = "but not yet the time to spread"
    SPREADING = "more side sockets"
    LISTENING = "for the peer's probes"


@define(eq=False)
class HardEnd:
    """One peer's."""

    _context: NodeContext
    _desk: PunchDesk
    _peer: int
    window: PortWindow | None = field(default=None, init=False)
    """To be told to the peer along with every signal while a try is under way."""
    stage: Stage = field(default=Stage.IDLE, init=False)
    tries: int = field(default=0, init=False)
    sockets_opened: int = field(default=0, init=False)
    """By all tries."""
    _fan: Fan | None = field(default=None, init=False)
    _targets: tuple[SocketAddress, ...] = field(default=(), init=False)
    _is_reached: bool = field(default=False, init=False)
    """Whether the peer was heard by a side socket."""
    _crosses: bool = field(default=False, init=False)
    """Whether the peer is behind such a NAT, too."""
    _due_at: float | None = field(default=None, init=False)
    _spread_at: float = field(default=0.0, init=False)
    _failures: int = field(default=0, init=False)
    _ready_at: float = field(default=float("-inf"), init=False)
    _theirs: PortWindow | None = field(default=None, init=False)
    """Where the peer expects to be seen, if both are hard."""
    _hastened_at: float = field(default=float("-inf"), init=False)
    _kept: dict[int, None] = field(factory=dict, init=False)

    def begin(self, theirs: Offer, *, crosses: bool, began_at: float, now: float) -> None:
        """Checks began; unless they find something, try to be reached by the peer, of which this is known now.

        :param crosses: whether the peer is behind such a NAT, too.
        """
        self._targets, self._crosses = _targets(theirs), crosses
        if self.stage in (Stage.IDLE, Stage.WAITING) and (self._targets or crosses):
            self.stage = Stage.WAITING
            self._due_at = max(began_at + SOUND_AFTER_SECONDS, self._ready_at, now)
            self._spread_at = max(began_at, self._ready_at - SOUND_AFTER_SECONDS) + SPREAD_AFTER_SECONDS

    def told(self, window: PortWindow, now: float) -> None:
        """The peer, which is behind a hard NAT too, told where it expects to be seen."""
        if not self._crosses or self.stage is Stage.IDLE:
            return
        self._theirs = window
        if self.stage is Stage.LISTENING:
            self._cross(now)
        elif self.stage is Stage.WAITING and self._due_at is not None:
            # Both have to try at the same time, whatever this end has been waiting for; but not whenever the peer says.
            self._due_at = min(self._due_at, max(now, self._hastened_at + HASTENED_GAP_SECONDS))
            self._hastened_at = now

    def sockets_opened_by_driver(self, numbers: Sequence[int], now: float) -> None:
        """The driver opened these side sockets, or none if there is no room."""
        fan = self._fan
        if fan is None or self.stage not in (Stage.OPENING, Stage.SPREADING):
            self._context.outbox.tell(SideSocketsDropped(tuple(numbers)))
            return
        if not numbers and not fan.sockets:
            self._failed(now)
            return
        self._due_at = None
        self.sockets_opened += len(numbers)
        if self.stage is Stage.OPENING:
            self.stage = Stage.SOUNDING
            fan.sound(numbers, self._desk.servers, () if self._crosses else self._targets, now)
            return
        self.stage = Stage.LISTENING
        if self._crosses and self._theirs is not None:
            port = min(self._theirs.high + CROSSING_AHEAD_PORTS, 65535)
            fan.spread(numbers, (SocketAddress(self._theirs.host, port),), now)
        else:
            fan.spread(numbers, self._targets, now)
            self._tell_window(len(fan.sockets))

    def owns(self, transaction_id: bytes) -> bool:
        """Whether a STUN server's answer is to a question of ours."""
        return self._fan is not None and self._fan.owns(transaction_id)

    def receive_answer(self, message: Message, source: Endpoint, now: float) -> None:
        """A STUN server's answer."""
        mapped = message.get(XorMappedAddress) or message.get(MappedAddress)
        if self._fan is None or mapped is None or not isinstance(source, SideAddress):
            return
        if not mapped.address.is_ipv6:
            self._fan.receive_answer(message.transaction_id, source, mapped.address)

    def settle(self, ice: IceAgent) -> None:
        """The first side socket that the peer is heard by is the one; the others are closed before they answer.

        Else the peer could come to use another one than this end.
        """
        fan = self._fan
        if fan is None or self._is_reached:
            return
        heard = next((each.socket for each in ice.heard_side_addresses() if each.socket in fan.sockets), None)
        if heard is not None:
            self._is_reached = True
            self._context.outbox.tell(SideSocketsDropped(tuple(each for each in fan.sockets if each != heard)))
            fan.keep_only(heard)

    def found(self, endpoint: Endpoint) -> None:
        """A direct pair works: if it is by a side socket, keep that."""
        self._failures = 0
        self._ready_at = float("-inf")
        if isinstance(endpoint, SideAddress) and self._fan is not None and endpoint.socket in self._fan.sockets:
            self._kept[endpoint.socket] = None
            self._desk.kept += 1
            self._context.outbox.tell(SideSocketKept(endpoint.socket))
            self.stop()
        elif self._is_reached:
            # The peer may come to use the side socket that it reached: that stays until it is a pair, or of no use.
            self.window = None
        else:
            self.stop()

    def lost(self, endpoint: Endpoint) -> None:
        """A pair does not work any more."""
        if isinstance(endpoint, SideAddress) and self._kept.pop(endpoint.socket, 0) is None:
            self._desk.kept -= 1
            self._context.outbox.tell(SideSocketsDropped((endpoint.socket,)))

    def stop(self) -> None:
        """End the try under way; its sockets that are not kept are closed."""
        fan, self._fan, self._is_reached = self._fan, None, False
        self.stage, self._due_at, self.window, self._theirs = Stage.IDLE, None, None, None
        self._desk.leave_fan(self._peer)
        if fan is not None:
            unused = tuple(number for number in fan.sockets if number not in self._kept)
            if unused:
                self._context.outbox.tell(SideSocketsDropped(unused))

    def clear(self) -> None:
        """Close all side sockets, those in use too."""
        self.stop()
        for number in list(self._kept):
            self.lost(SideAddress(number, SocketAddress("0.0.0.0", 0)))  # noqa: S104 only the number counts

    def handle_timer(self, ice: IceAgent, now: float) -> None:
        """Do what is due."""
        if self.stage is Stage.WAITING and self._is_due(now):
            self._open(ice, now)
        elif self.stage is Stage.SOUNDING and self._fan is not None and self._fan.take_sounded(now):
            self._sounded(self._fan, now)
        elif self.stage is Stage.SOUNDED and self._is_due(now):
            self._spread(now)
        fan_is_over = self._fan is not None and now >= self._fan.ends_at
        if fan_is_over or (self.stage in (Stage.OPENING, Stage.SPREADING) and self._is_due(now)):
            if ice.has_direct:
                self.stop()
            else:
                self._failed(now)

    def take_due(self, now: float) -> Iterator[tuple[SideAddress, bytes]]:
        """What goes out by side sockets now."""
        if self._fan is not None:
            for destination, payload in self._fan.take_due(now):
                self._desk.probes += 1
                yield destination, payload

    def next_at(self) -> float | None:
        """When `handle_timer` or `take_due` is wanted."""
        times = [self._due_at, None if self._fan is None else self._fan.next_at()]
        return min((at for at in times if at is not None), default=None)

    def _is_due(self, now: float) -> bool:
        return self._due_at is not None and self._due_at <= now

    def _open(self, ice: IceAgent, now: float) -> None:
        if ice.has_direct:
            self.stop()
        elif not self._desk.take_fan(self._peer):
            self._due_at = now + QUEUE_SECONDS
        else:
            self.tries += 1
            self.stage, self._due_at = Stage.OPENING, now + OPENING_SECONDS
            rng = self._context.rng
            self._fan = Fan(ice.loose_check, lambda: binding_request(rng), now)
            self._context.outbox.tell(SideSocketsWanted(self._peer, SOUNDING_SOCKETS))

    def _sounded(self, fan: Fan, now: float) -> None:
        window = predict(self._context.number(), fan.samples, len(fan.sockets))
        is_counting = is_narrow(fan.samples, len(fan.sockets))
        if window is None or (self._crosses and not is_counting):
            self._failed(now)
        elif is_counting:
            self.window, self.stage, self._due_at = window, Stage.LISTENING, None
            if self._theirs is not None:
                self._cross(now)
        else:
            self.stage, self._due_at = Stage.SOUNDED, max(now, self._spread_at)

    def _spread(self, now: float) -> None:
        assert self._fan is not None
        window = predict(0, self._fan.samples, len(self._fan.sockets))
        is_block = window is not None and window.size <= BLOCK_PORTS_LIMIT
        wanted = (BLOCK_SOCKETS if is_block else BIRTHDAY_SOCKETS) - len(self._fan.sockets)
        probes = SPREAD_ROUNDS * wanted
        if self._desk.budget.take(self._targets[0].host, probes, now) < probes:
            self._failed(now)
            return
        self.stage, self._due_at = Stage.SPREADING, now + OPENING_SECONDS
        self._context.outbox.tell(SideSocketsWanted(self._peer, wanted))

    def _cross(self, now: float) -> None:
        self.stage, self._due_at = Stage.SPREADING, now + OPENING_SECONDS
        self._context.outbox.tell(SideSocketsWanted(self._peer, CROSSING_SOCKETS))

    def _tell_window(self, sockets: int) -> None:
        assert self._fan is not None
        self.window = predict(self._context.number(), self._fan.samples, sockets)

    def _failed(self, now: float) -> None:
        window = self.window
        self.stop()
        self._failures += 1
        self._ready_at = now + backoff(self._failures, window)
        self.stage, self._due_at = Stage.WAITING, self._ready_at
        self._spread_at = self._ready_at + SPREAD_AFTER_SECONDS - SOUND_AFTER_SECONDS


def _targets(theirs: Offer) -> tuple[SocketAddress, ...]:
    """Where an easy peer is seen by everybody: its first server-reflexive address, or its own where nothing maps it."""
    addresses = [each for each in theirs.candidates if not each.address.is_ipv6]
    has_nat = theirs.nat.mapping is not NatMapping.NONE
    for kind in (CandidateKind.SRFLX,) if has_nat else (CandidateKind.SRFLX, CandidateKind.HOST):
        found = [each.address for each in addresses if each.kind is kind]
        if found:
            return (found[0],)
    return ()
