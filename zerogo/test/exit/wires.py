"""Two ends of a tunnel with nothing between them, for tests: messages in flight can be held, lost and cut off."""

from __future__ import annotations

from collections import defaultdict

from zerogo.exit.budget import TUNNEL_BYTES, Budget
from zerogo.exit.events import DataReceived, FinReceived, OpenRequested, StreamOpened, StreamReset, TunnelEvent
from zerogo.exit.mux import Mux
from zerogo.exit.tunnel import Tunnel
from zerogo.ids import SocketAddress

BOUND = SocketAddress("192.0.2.1", 4000)


class End:
    """One end that consumes what it gets, unless told not to."""

    def __init__(self, is_opener: bool, *, budget: int = TUNNEL_BYTES, streams_limit: int = 4096) -> None:
        self.budget = Budget(budget)
        self.mux = Mux(is_opener=is_opener, budget=self.budget, streams_limit=streams_limit)
        self.tunnel = Tunnel(self.mux)
        self.data: dict[int, bytearray] = defaultdict(bytearray)
        self.finished: set[int] = set()
        self.resets: dict[int, StreamReset] = {}
        self.opened: dict[int, StreamOpened] = {}
        self.others: list[TunnelEvent] = []
        self.lazy: set[int] = set()
        """Streams whose reader does not read."""
        self.confirms = True

    def take_events(self, now: float) -> None:
        for event in self.tunnel.events():
            match event:
                case DataReceived(stream, data):
                    self.data[stream] += data
                    if stream not in self.lazy:
                        self.mux.consume(stream, len(data), now)
                case FinReceived(stream):
                    self.finished.add(stream)
                case StreamReset(stream, _, _):
                    self.resets[stream] = event
                case StreamOpened(stream, _):
                    self.opened[stream] = event
                case OpenRequested(stream, _) if self.confirms:
                    self.mux.confirm(stream, BOUND, 1000, now)
                    self.others.append(event)
                case _:
                    self.others.append(event)


class Wire:
    """Carries messages at once, until it is cut."""

    def __init__(self, gateway: End, edge: End) -> None:
        self.ends = (gateway, edge)
        self.now = 0.0
        self.connect()

    def connect(self) -> None:
        gateway, edge = self.ends
        from_gateway, from_edge = gateway.tunnel.received, edge.tunnel.received
        gateway.tunnel.attach(from_edge, self.now)
        edge.tunnel.attach(from_gateway, self.now)

    def cut(self) -> None:
        for end in self.ends:
            end.tunnel.detach(self.now)

    def run(self, messages: int = 10**6, lost_after: int = 10**9) -> int:
        """Carry up to `messages`; those after the first `lost_after` are sent and never arrive."""
        carried = 0
        is_moving = True
        while is_moving and carried < messages:
            is_moving = False
            for sender, receiver in (self.ends, self.ends[::-1]):
                message = sender.tunnel.next_message(self.now)
                sender.take_events(self.now)
                if message is not None:
                    is_moving = True
                    carried += 1
                    if carried <= lost_after:
                        receiver.tunnel.receive(message, self.now)
                        receiver.take_events(self.now)
        return carried

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        for end in self.ends:
            end.tunnel.handle_timer(self.now)
            end.take_events(self.now)
        self.run()


def pair(**of_edge: int) -> Wire:
    """A gateway's and an edge's end, connected."""
    return Wire(End(True), End(False, **of_edge))
