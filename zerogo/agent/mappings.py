# -*- test-case-name: zerogo.test.agent.test_mappings -*-
"""What the router is asked to let in at: the data socket, and the open TCP port where there is one.

The two have nothing to do with each other but the router. Each is asked for by all protocols at once and kept by the
one that answered, so a router that maps only one of them is no trouble to the other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from twisted.internet.defer import Deferred

from zerogo.agent.host import Mapping, MappingWish
from zerogo.agent.presence import Presence
from zerogo.agent.reports import PortMappingReport, port_mapping_report
from zerogo.config.agent import AgentConfig
from zerogo.noise.identity import Identity
from zerogo.portmap.lease import Transport


def derive_nonce_key(identity: Identity) -> bytes:
    """The key from which this node's PCP nonces are made (RFC 6887 section 11.1), 32 bytes."""
    return hashlib.blake2s(identity.static_private, person=b"zg-nonce").digest()


class Mappings:
    """One agent's; of nothing where the configuration wants none."""

    def __init__(
        self,
        config: AgentConfig,
        identity: Identity,
        presence: Presence,
        map_port: Callable[[MappingWish], Mapping],
    ) -> None:
        def ignored() -> tuple[str, ...]:
            return (presence.device_name, *config.ignore_interfaces)

        self._data: Mapping | None = None
        self._tcp: Mapping | None = None
        if not config.port_mapping:
            return
        nonce_key = derive_nonce_key(identity)
        self._data = map_port(
            MappingWish(
                transport=Transport.UDP,
                inner_of=presence.data_address,
                on_change=presence.use_port_mapped,
                ignored=ignored,
                nonce_key=nonce_key,
            )
        )
        if config.listen_tcp is not None:
            self._tcp = map_port(
                MappingWish(
                    transport=Transport.TCP,
                    inner_of=presence.streams.address,
                    on_change=presence.streams.use_port_mapped,
                    ignored=ignored,
                    nonce_key=nonce_key,
                )
            )

    def look(self, *, is_doubtful: bool = False) -> None:
        """Find out where we are; where that is the same place and `is_doubtful`, whether the router is the same."""
        for mapping in self._all():
            mapping.look(is_doubtful=is_doubtful)

    def stop(self) -> list[Deferred[None]]:
        """Have what is mapped removed; each fires when that is done, or the router had its time for it."""
        return [mapping.stop() for mapping in self._all()]

    def report(self) -> PortMappingReport | None:
        """Of the data socket; None where no mapping is wanted."""
        return None if self._data is None else port_mapping_report(self._data.status())

    def tcp_report(self) -> PortMappingReport | None:
        """Of the open TCP port; None where there is none, or no mapping is wanted."""
        return None if self._tcp is None else port_mapping_report(self._tcp.status())

    def _all(self) -> list[Mapping]:
        return [mapping for mapping in (self._data, self._tcp) if mapping is not None]
