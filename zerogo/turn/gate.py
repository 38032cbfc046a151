# -*- test-case-name: zerogo.test.turn.test_gate -*-
"""Which peers a client may have a permission for: closed unless something opens it.

1. Ranges that the operator opened (`AddressRule`): data may leave the relay to there, but not to the relay's own public
   address, where its machine's other programs are.
2. Addresses that somebody with the relay's secret has granted to this user, unless they are special-purpose ones or
   the relay's own: a node may dial its controller from the relay's machine, whose other programs are nobody's peers.
3. The relay's own addresses: data reaches other allocations of this relay, inside it, and nothing else there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from attrs import frozen

from zerogo.policy.addresses import Address, AddressRule, parse_address, special_range
from zerogo.secret import Secret
from zerogo.turn.allocation import Reach
from zerogo.turn.grant import is_granted


@frozen(kw_only=True)
class PeerGate:
    """Decides about peers. `own_hosts` are the addresses that relayed addresses are on, as clients see them."""

    rule: AddressRule
    own_hosts: tuple[str, ...]
    secrets: tuple[Secret, ...]
    unix_time: Callable[[], float]

    def reach(self, host: str, user: str, grants: Iterable[bytes]) -> Reach | None:
        """How far data of `user` for `host` may go; None where there may be no permission for it."""
        address = parse_address(host)
        if self._is_open(address, host) or self._is_granted(address, host, user, grants):
            return Reach.OUTSIDE
        return Reach.INSIDE if host in self.own_hosts else None

    def _is_open(self, address: Address, host: str) -> bool:
        """Whether the rule opens an address. A public address of the relay's own is not what a wide range means."""
        is_own = host in self.own_hosts and special_range(address) is None
        return not is_own and self.rule.refusal(address) is None

    def _is_granted(self, address: Address, host: str, user: str, grants: Iterable[bytes]) -> bool:
        if not self.secrets or special_range(address) is not None or host in self.own_hosts:
            return False
        unix_now = self.unix_time()
        return any(is_granted(self.secrets, grant, user, address, unix_now) for grant in grants)
