"""Port mapping: having the router in front of us let others in at a port, by three protocols that routers know. Pure.

A mapping makes a NAT that filters or maps per destination reachable for everybody, and lasts as long as its lease.

- `natpmp`: NAT-PMP (RFC 6886), 2 to 16 bytes a datagram, to the gateway's port 5351.
- `pcp`: PCP (RFC 6887), its successor on the same port: mappings with a nonce, and openings in IPv6 firewalls.
- `ssdp`, `http`, `xmltree`, `igd`: UPnP IGD: a search by UDP, then XML over HTTP with the gateway.
- `epoch`: whether a gateway has forgotten what it was told.
- `lease`: what all three have in common: a place to map for, what a gateway may answer, a request that is sent again.
- `datagrams`, `upnp`: a client of each protocol.
- `mapper`: `PortMapper`, the core: asks by all three at once, keeps one mapping, renews and removes it.

The gateway is not trusted: it is the only address that is ever talked to, whatever it says; sizes, counts and rates
have bounds; and all that a lie of it achieves is an address of no use to our peers.
"""

from zerogo.portmap.lease import MappingProtocol, Site, Transport
from zerogo.portmap.mapper import PortMapper

__all__ = ["MappingProtocol", "PortMapper", "Site", "Transport"]
