# -*- test-case-name: zerogo.test.turn.test_server -*-
"""All that a relay has lent: allocations by client and by relayed address, ports kept for later, requests that wait.

Whatever is in here belongs to a user that has proven who it is, and is counted in the books (`turn.quota`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from attrs import frozen

from zerogo.core import RandomBytes
from zerogo.ids import SocketAddress
from zerogo.stun.message import Message
from zerogo.turn.allocation import Allocation, ClientAddress
from zerogo.turn.door import Admitted
from zerogo.turn.quota import Bandwidth, Books, Quota, Usage, make_bandwidth

RESERVATION_SECONDS = 30.0
TOKEN_BYTES = 8


@frozen
class Waiting:
    """An Allocate request whose socket is being opened."""

    request: Message
    client: ClientAddress
    admitted: Admitted
    usage: Usage
    lifetime: float


@frozen
class Reservation:
    """A port that was kept by EVEN-PORT."""

    relayed: SocketAddress
    usage: Usage
    expires_at: float


class Ledger:
    """The tables."""

    def __init__(
        self, quota: Quota, rng: RandomBytes, make: Callable[[float, float], Bandwidth] = make_bandwidth
    ) -> None:
        self.books = Books(quota, make=make)
        self._rng = rng
        self._by_client: dict[ClientAddress, Allocation] = {}
        self._by_relayed: dict[SocketAddress, Allocation] = {}
        self._waiting: dict[int, Waiting] = {}
        self._reservations: dict[bytes, Reservation] = {}
        self._last_ticket = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing is lent."""
        return not (self._by_client or self._waiting or self._reservations)

    def __len__(self) -> int:
        """Allocations."""
        return len(self._by_client)

    def of_client(self, client: ClientAddress, now: float) -> Allocation | None:
        """The allocation of a client, while it lasts."""
        found = self._by_client.get(client)
        return found if found is not None and now < found.expires_at else None

    def outdated(self, client: ClientAddress, now: float) -> Allocation | None:
        """The allocation of a client whose time is over, until it is removed."""
        found = self._by_client.get(client)
        return found if found is not None and now >= found.expires_at else None

    def at(self, relayed: SocketAddress, now: float) -> Allocation | None:
        """The allocation that a relayed address belongs to, while it lasts."""
        found = self._by_relayed.get(relayed)
        return found if found is not None and now < found.expires_at else None

    def add(self, allocation: Allocation) -> None:
        """A new allocation."""
        self._by_client[allocation.client] = allocation
        self._by_relayed[allocation.relayed] = allocation

    def remove(self, allocation: Allocation) -> None:
        """An allocation ends."""
        self._by_client.pop(allocation.client, None)
        self._by_relayed.pop(allocation.relayed, None)
        self.books.close(allocation.usage)
        self.books.entries -= allocation.entries

    def wait(self, waiting: Waiting) -> int:
        """A request waits for its socket; returns the ticket to take it back with."""
        self._last_ticket += 1
        self._waiting[self._last_ticket] = waiting
        return self._last_ticket

    def is_waiting(self, client: ClientAddress) -> bool:
        """Whether a request of this client waits."""
        return any(each.client == client for each in self._waiting.values())

    def take_waiting(self, ticket: int) -> Waiting | None:
        """The request that waits under a ticket, once."""
        return self._waiting.pop(ticket, None)

    def cancel_waiting(self, client: ClientAddress) -> None:
        """Forget the requests of a client that is gone; their tickets lead nowhere."""
        for ticket in [ticket for ticket, each in self._waiting.items() if each.client == client]:
            self.books.close(self._waiting.pop(ticket).usage)

    def reserve(self, relayed: SocketAddress, usage: Usage, now: float) -> bytes:
        """Keep a port; returns the token that names it."""
        token = self._rng(TOKEN_BYTES)
        self._reservations[token] = Reservation(relayed, usage, now + RESERVATION_SECONDS)
        return token

    def take_reservation(self, token: bytes, user: str, now: float) -> Reservation | None:
        """The port that a token of this user names, once."""
        found = self._reservations.get(token)
        if found is None or found.usage.user != user or found.expires_at <= now:
            return None
        return self._reservations.pop(token)

    def expired(self, now: float) -> Iterator[Allocation]:
        """Allocations whose time is over."""
        yield from [each for each in self._by_client.values() if each.expires_at <= now]

    def of_user(self, user: str) -> Iterator[Allocation]:
        """The allocations of a user."""
        yield from [each for each in self._by_client.values() if each.user == user]

    def release_reservations(self, now: float) -> Iterator[SocketAddress]:
        """Strike off the ports that nobody came for."""
        for token in [token for token, each in self._reservations.items() if each.expires_at <= now]:
            reservation = self._reservations.pop(token)
            self.books.close(reservation.usage)
            yield reservation.relayed
