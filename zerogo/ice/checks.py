# -*- test-case-name: zerogo.test.ice.test_checks -*-
"""Checks under way and requests seen: whose an answer is, and whether a request was here before."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from attrs import frozen

from zerogo.core import RandomBytes
from zerogo.ice.binding import Check, emit_check
from zerogo.ice.checklist import CandidatePair
from zerogo.ice.credentials import Credentials
from zerogo.ids import Endpoint
from zerogo.stun.integrity import Integrity
from zerogo.stun.message import Message, check_integrity, new_transaction_id
from zerogo.stun.transaction import ClientTransaction

TRANSACTIONS_LIMIT = 256
SEEN_LIMIT = 128
LOOSE_LIMIT = 1024


@frozen
class SentCheck:
    """A check under way, and the role it claimed."""

    pair: CandidatePair
    transaction: ClientTransaction
    controlling: bool


class SentChecks:
    """The transactions of one agent: per pair the latest and the one before, for late answers; at most 256."""

    def __init__(self, local: Credentials, remote: Credentials, integrity: Integrity, rng: RandomBytes) -> None:
        self._local = local
        self._remote = remote
        self._integrity = integrity
        self._rng = rng
        self._sent: OrderedDict[bytes, SentCheck] = OrderedDict()

    def __contains__(self, transaction_id: bytes) -> bool:
        return transaction_id in self._sent

    def __len__(self) -> int:
        return len(self._sent)

    def open(self, pair: CandidatePair, check: Check, schedule: Sequence[float], now: float) -> None:
        """Begin a transaction on the pair; it becomes the pair's check under way. Nothing is sent yet."""
        transaction_id = new_transaction_id(self._rng)
        payload = emit_check(check, transaction_id, self._local, self._remote, self._integrity)
        transaction = ClientTransaction(payload, pair.endpoint, schedule, now)
        self._forget_before(pair)
        self._sent[transaction_id] = SentCheck(pair, transaction, check.controlling)
        if len(self._sent) > TRANSACTIONS_LIMIT:
            self._sent.popitem(last=False)
        pair.check = transaction

    def close(self, message: Message, raw: bytes, source: Endpoint) -> SentCheck | None:
        """The check that a response answers, which is then over; None where it is not an authentic answer.

        A check is answered from where it went to (RFC 8445 section 7.2.5.2.1).
        """
        sent = self._sent.get(message.transaction_id)
        if sent is None or source != sent.pair.endpoint or message.unknown_required:
            return None
        if not check_integrity(raw, self._remote.key):
            return None
        del self._sent[message.transaction_id]
        if sent.pair.check is sent.transaction:
            sent.pair.check = None
        return sent

    def _forget_before(self, pair: CandidatePair) -> None:
        latest = pair.check.transaction_id if pair.check is not None else b""
        stale = [key for key, sent in self._sent.items() if sent.pair is pair and key != latest]
        for key in stale:
            del self._sent[key]


class LooseChecks:
    """Checks that belong to no pair, by transaction id; the latest `LOOSE_LIMIT`."""

    def __init__(self) -> None:
        self._sent: OrderedDict[bytes, None] = OrderedDict()

    def __contains__(self, transaction_id: bytes) -> bool:
        return transaction_id in self._sent

    def make(self, check: Check, local: Credentials, remote: Credentials, rng: RandomBytes) -> bytes:
        """A fresh one, as a datagram."""
        transaction_id = new_transaction_id(rng)
        self._sent[transaction_id] = None
        if len(self._sent) > LOOSE_LIMIT:
            self._sent.popitem(last=False)
        return emit_check(check, transaction_id, local, remote, Integrity.SHA256)


class SeenRequests:
    """The latest authentic requests by transaction id, and where each came from first.

    A request that comes again from there is a retransmission; from elsewhere it is a replay by someone on the path.
    """

    def __init__(self) -> None:
        self._sources: OrderedDict[bytes, Endpoint] = OrderedDict()

    def is_replay(self, transaction_id: bytes, source: Endpoint) -> bool:
        """Note a request; True where it was here before from another source."""
        known = self._sources.setdefault(transaction_id, source)
        if len(self._sources) > SEEN_LIMIT:
            self._sources.popitem(last=False)
        return known != source
