# -*- test-case-name: zerogo.test.control.test_relays -*-
"""What the controller lets a member do at the relays, and how the member reads it.

Whoever shares a relay's secret can make users that end by themselves (`turn.credentials`) and grants for addresses
(`turn.grant`); the relay needs no list of either, and is told whose credentials are void (`turn.revocation`). The user
is the node id, so quotas are a node's, and whose grant it is cannot be changed.

A grant is given for one address only: the one that the other member's connection to the controller comes from at that
moment. TCP has proven that it receives there; what a member merely says about itself opens nothing, since two members
together could then send to whom they like. Addresses of special-purpose ranges are never granted.
"""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Callable, Iterable, Sequence

from attrs import frozen

from zerogo.control.messages import PeerGrants, RelayGrant, RelayPassword, RelayPasswords
from zerogo.control.relays import PeerGrant, RelayCredential
from zerogo.errors import ParseError
from zerogo.ids import NodeId, SocketAddress
from zerogo.policy.addresses import parse_address, special_range
from zerogo.secret import Secret
from zerogo.turn.client import TurnCredential
from zerogo.turn.credentials import timed_password, timed_username
from zerogo.turn.grant import emit_grant
from zerogo.turn.nonce import NONCE_SECONDS, hand_out
from zerogo.turn.revocation import Revocation

CREDENTIAL_SECONDS = 3600.0
"""So long a member that was removed can use a relay that is not told."""
RENEW_SECONDS = NONCE_SECONDS - 60.0
"""So often, a member's nonce is always fresh, and relays go on for 51 minutes at least while the controller is away."""
SETTLED_SECONDS = 20.0
"""So long after a member was admitted it is given credentials anew: another controller of the same database may have
had the relays void those that it has, as its clock is ahead or since it read of an earlier removal late."""
GRANT_SECONDS = 3600.0


@frozen
class RelaySecret:
    """What we share with the relay of that name in the map."""

    relay: str
    secret: Secret


class RelayAccess:
    """Makes credentials and grants for all relays that we share a secret with. `unix_time` gives Unix seconds."""

    def __init__(self, secrets: Sequence[RelaySecret], unix_time: Callable[[], float]) -> None:
        self._secrets = tuple(secrets)
        self._unix_time = unix_time
        self._void: dict[NodeId, int] = {}
        """Until when the credentials are void that a former member was given."""

    def revoke(self, node_ids: Iterable[NodeId]) -> tuple[Revocation, ...]:
        """What the relays are to be told of nodes that are members no more: all that they were given here is void."""
        now = self._unix_time()
        self._void = {node_id: until for node_id, until in self._void.items() if until > now}
        usual = math.ceil(now + CREDENTIAL_SECONDS)
        new = {node_id: max(usual, self._void.get(node_id, 0) + 1) for node_id in node_ids}
        self._void |= new
        return tuple(Revocation(str(node_id), until) for node_id, until in new.items())

    def passwords(self, node_id: NodeId) -> RelayPasswords | None:
        """The credentials of a node; None where there is no relay. Those of a node that was removed and is a member
        again end later than what was revoked here."""
        if not self._secrets:
            return None
        now = self._unix_time()
        username = timed_username(str(node_id), max(now + CREDENTIAL_SECONDS, self._void.get(node_id, 0) + 1))
        entries = [
            RelayPassword(
                each.relay,
                username,
                timed_password(each.secret, username).reveal(),
                hand_out(each.secret, username, now),
            )
            for each in self._secrets
        ]
        return RelayPasswords(CREDENTIAL_SECONDS, entries)

    def grants(self, node_id: NodeId, peer: NodeId, source: str) -> PeerGrants | None:
        """Grants for `node_id` to reach `peer`, whose connection comes from host `source`; None where there is no
        relay, or no grant for such an address."""
        try:
            address = parse_address(SocketAddress.of(source, 0).host)
        except ParseError:
            return None
        if not self._secrets or special_range(address) is not None:
            return None
        expires_at = self._unix_time() + GRANT_SECONDS
        entries = [
            RelayGrant(each.relay, emit_grant(each.secret, str(node_id), address, expires_at)) for each in self._secrets
        ]
        return PeerGrants(peer.raw, address.packed, GRANT_SECONDS, entries)


def credentials_of(message: RelayPasswords, now: float) -> tuple[RelayCredential, ...]:
    """What a member is told, by its own clock."""
    return tuple(
        RelayCredential(each.relay, TurnCredential(each.user, Secret(each.password), each.nonce), now + message.seconds)
        for each in message.relays
    )


def grants_of(message: PeerGrants, now: float) -> tuple[PeerGrant, ...]:
    """What a member is told, by its own clock; raises `ParseError`."""
    try:
        host = SocketAddress.of(str(ipaddress.ip_address(message.address)), 0).host
    except ValueError as error:
        raise ParseError(f"an address of {len(message.address)} bytes") from error
    return tuple(
        PeerGrant(
            peer=NodeId(message.peer),
            relay=each.relay,
            host=host,
            grant=each.grant,
            expires_at=now + message.seconds,
        )
        for each in message.relays
    )
