# -*- test-case-name: zerogo.test.control.test_lock -*-
"""The network lock: members that the owner signed, so that not even the controller can invent one.

The owner has an Ed25519 key that the controller never sees, and signs with it the two public keys of each member. The
signatures travel in the map like everything else about members. An agent that knows the lock's key (from its join
token, or because the map showed one, the first of which it keeps for good) takes no member for one whose signature is
missing or wrong. What the controller still can do: leave members out, and exchange names and addresses of real ones.

Only the key itself ends the lock: by signing so, in a text that the map carries (docs/PROTOCOL.md, "Network lock").
"""

from __future__ import annotations

from attrs import evolve, field, frozen
from nacl.signing import SigningKey

from zerogo.control.netmap import MemberRecord, NetworkMap
from zerogo.errors import RemoteError
from zerogo.ids import KEY_BYTES, NetworkId, NodeId
from zerogo.noise.identity import SIGNATURE_BYTES, verify

MEMBER_CONTEXT = b"zerogo member lock 1\x00"
END_CONTEXT = b"zerogo lock end 1\x00"


def member_text(network: NetworkId, static_public: bytes, signing_public: bytes) -> bytes:
    """What is signed of a member."""
    return MEMBER_CONTEXT + network.raw + static_public + signing_public


def is_signed(lock: bytes, network: NetworkId, record: MemberRecord) -> bool:
    """Whether the lock with that public key has signed this member of that network."""
    return _verifies(lock, member_text(network, record.static_public, record.signing_public), record.lock)


def is_ended(lock: bytes, network: NetworkId, end: bytes | None) -> bool:
    """Whether `end` is the word of that lock that it is no more."""
    return _verifies(lock, END_CONTEXT + network.raw + lock, end)


def _verifies(lock: bytes, text: bytes, signature: bytes | None) -> bool:
    if signature is None or len(signature) != SIGNATURE_BYTES:
        return False
    try:
        verify(lock, text, signature)
    except RemoteError:
        return False
    return True


@frozen
class OwnerLock:
    """The owner's side: the key."""

    seed: bytes = field(repr=False)
    """32 bytes, secret."""

    @property
    def public(self) -> bytes:
        """32 bytes, for everybody."""
        return bytes(SigningKey(self.seed).verify_key)

    def sign_member(self, network: NetworkId, static_public: bytes, signing_public: bytes) -> bytes:
        """64 bytes: this is a member."""
        return self._sign(member_text(network, static_public, signing_public))

    def sign_end(self, network: NetworkId) -> bytes:
        """64 bytes: the lock is no more."""
        return self._sign(END_CONTEXT + network.raw + self.public)

    def _sign(self, text: bytes) -> bytes:
        return bytes(SigningKey(self.seed).sign(text).signature)


class MemberLock:
    """An agent's side.

    :param held: the key that is known already, 32 bytes.
    """

    def __init__(self, held: bytes | None) -> None:
        assert held is None or len(held) == KEY_BYTES
        self.held = held
        """The lock that is insisted on; None where there is none."""
        self.refused: tuple[MemberRecord, ...] = ()
        """Members of the last map that are none."""
        self.is_own_signed = True
        """Whether others that insist on the lock take us for a member."""
        self._proven: set[tuple[bytes, bytes, bytes | None]] = set()

    def admit(self, network_map: NetworkMap, own: NodeId) -> NetworkMap:
        """The map with its real members only, ourselves among them in any case."""
        if self.held is not None and is_ended(self.held, network_map.network, network_map.lock_end):
            self.held = None
        elif self.held is None and not is_ended_map(network_map):
            self.held = network_map.lock
        if self.held is None:
            self.refused, self.is_own_signed, self._proven = (), True, set()
            return network_map
        good = {record.node_id: self._is_good(network_map.network, record) for record in network_map.members}
        self.is_own_signed = good.get(own, True)
        self.refused = tuple(one for one in network_map.members if not good[one.node_id] and one.node_id != own)
        refused = {one.node_id for one in self.refused}
        kept = tuple(one for one in network_map.members if one.node_id not in refused)
        self._proven &= {_key(one) for one in kept}
        return evolve(network_map, members=kept)

    def _is_good(self, network: NetworkId, record: MemberRecord) -> bool:
        assert self.held is not None
        key = _key(record)
        if key not in self._proven and is_signed(self.held, network, record):
            self._proven.add(key)
        return key in self._proven


def is_ended_map(network_map: NetworkMap) -> bool:
    """Whether a map shows a lock together with that lock's own word that it is no more."""
    lock = network_map.lock
    return lock is not None and is_ended(lock, network_map.network, network_map.lock_end)


def _key(record: MemberRecord) -> tuple[bytes, bytes, bytes | None]:
    return record.static_public, record.signing_public, record.lock
