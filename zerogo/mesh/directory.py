# -*- test-case-name: zerogo.test.mesh.test_directory -*-
"""Whose a datagram is: checks go by the ufrag in them, answers by transaction id, handshakes by key or index.

Never by address: many peers may sit behind one, and one peer may come from many. Indexes are dictionaries, so the price
of a datagram does not grow with the number of peers; the one of transactions is bounded, oldest out first.
"""

from __future__ import annotations

from collections import OrderedDict

from attrs import define, field

from zerogo.mesh.peer import Peer
from zerogo.stun.message import TRANSACTION_ID_BYTES

TRANSACTIONS_LIMIT = 16384
GATHERER = 0
"""Owner of the transactions with STUN servers; peers count from 1."""
_TRANSACTION_AT = 8
_TYPE_IS_REQUEST = 0x0110


@define(eq=False)
class Directory:
    """The peers of a node by everything that a datagram can name them with."""

    _by_number: dict[int, Peer] = field(factory=dict, init=False)
    _by_ufrag: dict[str, Peer] = field(factory=dict, init=False)
    _by_key: dict[bytes, Peer] = field(factory=dict, init=False)
    _by_node: dict[bytes, Peer] = field(factory=dict, init=False)
    _transactions: OrderedDict[bytes, int] = field(factory=OrderedDict, init=False)

    def add(self, peer: Peer) -> None:
        """Make a peer findable."""
        self._by_number[peer.number] = peer
        self._by_ufrag[peer.secrets.local.ufrag] = peer
        self._by_key[peer.spec.static_public] = peer
        self._by_node[peer.spec.node_id.raw] = peer

    def remove(self, peer: Peer) -> None:
        """Forget a peer."""
        del self._by_number[peer.number]
        del self._by_ufrag[peer.secrets.local.ufrag]
        del self._by_key[peer.spec.static_public]
        del self._by_node[peer.spec.node_id.raw]

    def peers(self) -> list[Peer]:
        """All, in the order they were added."""
        return list(self._by_number.values())

    def numbered(self, number: int) -> Peer | None:
        """The peer of that number."""
        return self._by_number.get(number)

    def addressed(self, ufrag: str | None) -> Peer | None:
        """The peer whose checks are addressed to `ufrag`."""
        return None if ufrag is None else self._by_ufrag.get(ufrag)

    def with_key(self, static_public: bytes) -> Peer | None:
        """The peer with that static key."""
        return self._by_key.get(static_public)

    def of_node(self, node_id: bytes) -> Peer | None:
        """The peer with that node id, 10 bytes."""
        return self._by_node.get(node_id)

    def note_request(self, payload: bytes, owner: int) -> None:
        """A STUN datagram leaves; where it is a request, its answer is for `owner`."""
        if int.from_bytes(payload[:2], "big") & _TYPE_IS_REQUEST:
            return
        transaction_id = payload[_TRANSACTION_AT : _TRANSACTION_AT + TRANSACTION_ID_BYTES]
        self._transactions[transaction_id] = owner
        self._transactions.move_to_end(transaction_id)
        if len(self._transactions) > TRANSACTIONS_LIMIT:
            self._transactions.popitem(last=False)

    def owner_of(self, transaction_id: bytes) -> int | None:
        """Whose request had that id: a peer's number, `GATHERER`, or None."""
        return self._transactions.get(transaction_id)

    @property
    def transaction_count(self) -> int:
        """Requests remembered."""
        return len(self._transactions)
