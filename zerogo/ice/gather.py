# -*- test-case-name: zerogo.test.ice.test_gather -*-
"""Learning our server-reflexive addresses: what STUN servers see as the source of our data socket's datagrams.

Each server is asked when it becomes known and then every 20 s, give or take 2, which also keeps the NAT's binding
alive (RFC 4787 asks for 2 minutes, real gateways begin at 30 s). A request is sent up to three times within 700 ms.
A server that did not answer is asked again after 1, 2 and 5 s and then at the usual interval; the other servers go
on meanwhile.

The servers' views are compared per family: where two of them see different ports or addresses, the NAT maps each
destination differently (it is symmetric), and the address that a server sees is of no use to a peer. That is told as
an observation (`MappingObserved`); one server alone can show nothing. When one server's view changes, the others are
asked at once, and only views that are as new as the change are compared.

An answer counts only if it comes from the server's address and carries the transaction id of a request under way.
"""

from __future__ import annotations

import enum
import ipaddress
from collections import deque
from collections.abc import Iterator, Sequence

from attrs import define, frozen

from zerogo.core import Deadline, RandomBytes, TimerTable, Transmit, drain
from zerogo.ids import SocketAddress
from zerogo.stun.attributes import MappedAddress, XorMappedAddress
from zerogo.stun.message import Message, MessageClass
from zerogo.stun.server import binding_request
from zerogo.stun.transaction import GATHER_SCHEDULE, ClientTransaction

REFRESH_SECONDS = 20.0
REFRESH_JITTER_SECONDS = 2.0
RETRY_SECONDS = (1.0, 2.0, 5.0)
SAME_TIME_SECONDS = 1.0
"""Views that are no further apart are of the same state of the NAT."""
SERVERS_LIMIT = 16


class AddressFamily(enum.Enum):
    """Which data socket."""

    IPV4 = "IPv4"
    IPV6 = "IPv6"

    @classmethod
    def of(cls, address: SocketAddress) -> AddressFamily:
        """The family of an address."""
        return cls.IPV6 if address.is_ipv6 else cls.IPV4


@frozen
class ReflexiveFound:
    """A server sees us at `mapped`; at its first answer, and again whenever that has changed."""

    server: SocketAddress
    mapped: SocketAddress


@frozen
class MappingChanged:
    """A server that saw us at `previous` sees us at `mapped`: the NAT or our network has changed."""

    server: SocketAddress
    previous: SocketAddress
    mapped: SocketAddress


@frozen
class MappingObserved:
    """Two or more servers of a family agree on our address, or they do not; at the first time and on each change."""

    base_family: AddressFamily
    is_endpoint_independent: bool


GatherEvent = ReflexiveFound | MappingChanged | MappingObserved


@define(eq=False)
class _Server:
    address: SocketAddress
    transaction: ClientTransaction | None = None
    mapped: SocketAddress | None = None
    """As of the latest answer; None after the server fell silent."""
    failures: int = 0
    """Requests given up since the last answer."""
    answered_at: float = 0.0


class Gatherer:
    """The core; one for all peers, since all share the data sockets."""

    def __init__(self, rng: RandomBytes) -> None:
        self._rng = rng
        self._servers: dict[SocketAddress, _Server] = {}
        self._transactions: dict[bytes, _Server] = {}
        self._observed: dict[AddressFamily, bool] = {}
        self._changed_at: dict[AddressFamily, float] = {}
        self._timers: TimerTable[SocketAddress] = TimerTable()
        self._transmits: deque[Transmit] = deque(maxlen=4 * SERVERS_LIMIT)
        self._events: deque[GatherEvent] = deque(maxlen=16 * SERVERS_LIMIT)

    def set_servers(self, servers: Sequence[SocketAddress], now: float) -> None:
        """Ask these servers (the first 16) from now on; those that were known already go on as they are."""
        wanted = dict.fromkeys(servers[:SERVERS_LIMIT])
        for address in [each for each in self._servers if each not in wanted]:
            self._finish(self._servers.pop(address))
            self._timers.cancel(address)
        for address in wanted:
            if address not in self._servers:
                self._servers[address] = _Server(address)
                self._ask(self._servers[address], now)

    def refresh(self, now: float) -> None:
        """Ask all servers at once: the network has changed."""
        for server in self._servers.values():
            server.failures = 0
            self._ask(server, now)

    def owns_transaction(self, transaction_id: bytes) -> bool:
        """Whether a response with that id answers a request of ours."""
        return transaction_id in self._transactions

    def receive_message(self, message: Message, raw: bytes, source: SocketAddress, now: float) -> None:
        """A STUN response; one that is not a server's answer is ignored. Never raises."""
        server = self._transactions.get(message.transaction_id)
        if server is None or source != server.address or message.message_class is not MessageClass.SUCCESS:
            return
        attribute = message.get(XorMappedAddress) or message.get(MappedAddress)
        if attribute is None or not _is_plausible(attribute.address, source):
            return
        self._finish(server)
        self._timers.set(server.address, now + self._refresh_interval())
        server.failures = 0
        server.answered_at = now
        self._note(server, attribute.address, now)

    def handle_timer(self, now: float) -> None:
        """Send again, give up, or ask anew."""
        for address in self._timers.take_due(now):
            server = self._servers[address]
            if server.transaction is None:
                self._ask(server, now)
            elif server.transaction.is_expired(now):
                self._give_up(server, now)
            else:
                self._send(server, now)

    def next_timer(self) -> Deadline | None:
        """The earliest deadline."""
        return self._timers.next()

    def transmits(self) -> Iterator[Transmit]:
        """Drain what is to be sent from the data socket."""
        return drain(self._transmits)

    def events(self) -> Iterator[GatherEvent]:
        """Drain what was found."""
        return drain(self._events)

    def _ask(self, server: _Server, now: float) -> None:
        self._finish(server)
        server.transaction = ClientTransaction(binding_request(self._rng), server.address, GATHER_SCHEDULE, now)
        self._transactions[server.transaction.transaction_id] = server
        self._send(server, now)

    def _send(self, server: _Server, now: float) -> None:
        assert server.transaction is not None
        payload = server.transaction.take_due(now)
        if payload is not None:
            self._transmits.append(Transmit(server.address, payload))
        self._timers.set(server.address, server.transaction.next_at)

    def _give_up(self, server: _Server, now: float) -> None:
        self._finish(server)
        server.mapped = None
        is_soon = server.failures < len(RETRY_SECONDS)
        self._timers.set(
            server.address, now + (RETRY_SECONDS[server.failures] if is_soon else self._refresh_interval())
        )
        server.failures += 1

    def _finish(self, server: _Server) -> None:
        if server.transaction is not None:
            self._transactions.pop(server.transaction.transaction_id, None)
            server.transaction = None

    def _note(self, server: _Server, mapped: SocketAddress, now: float) -> None:
        previous, server.mapped = server.mapped, mapped
        family = AddressFamily.of(server.address)
        if previous != mapped:
            self._events.append(ReflexiveFound(server.address, mapped))
        if previous is not None and previous != mapped:
            self._events.append(MappingChanged(server.address, previous, mapped))
            self._changed_at[family] = now
            for stale in [each for each in self._of_family(family) if not self._is_current(each)]:
                self._ask(stale, now)
        self._observe(family)

    def _is_current(self, server: _Server) -> bool:
        """Whether the server's view is not older than the last change of the mapping."""
        changed_at = self._changed_at.get(AddressFamily.of(server.address), float("-inf"))
        return server.mapped is not None and server.answered_at >= changed_at - SAME_TIME_SECONDS

    def _observe(self, family: AddressFamily) -> None:
        views = [each.mapped for each in self._of_family(family) if self._is_current(each)]
        if len(views) < 2:
            return
        is_independent = all(each == views[0] for each in views)
        if self._observed.get(family) is not is_independent:
            self._observed[family] = is_independent
            self._events.append(MappingObserved(family, is_independent))

    def _of_family(self, family: AddressFamily) -> list[_Server]:
        return [each for each in self._servers.values() if AddressFamily.of(each.address) is family]

    def _refresh_interval(self) -> float:
        return REFRESH_SECONDS + REFRESH_JITTER_SECONDS * (2 * self._rng(1)[0] / 255 - 1)


def _is_plausible(mapped: SocketAddress, server: SocketAddress) -> bool:
    """Whether an address may be ours at all: of the server's family, of one host, with a port."""
    ip = ipaddress.ip_address(mapped.host)
    return mapped.port != 0 and mapped.is_ipv6 == server.is_ipv6 and not ip.is_unspecified and not ip.is_multicast
