"""One Ethernet segment: who a frame goes to, and whether it may come in. Pure decisions about bytes; nothing is sent.

- `frame`: what the other modules read of an Ethernet frame.
- `fdb`: the forwarding database. A member's address is static and never overridden; only bridges are learned from.
- `neighbor`: ARP and IPv6 neighbour discovery, answered from the map, and refused where a peer claims what is not its.
- `storm`: how many bytes of broadcast and multicast may pass.
- `headers`, `flows`, `gate`: the filter that a policy puts before a peer: what is read of a frame, what was opened, and
  whether a frame passes.
- `segment`: the first four together, as the data plane uses them.

Split horizon: a frame that came from a peer goes to the TAP and nowhere else, so a mesh of members has no loops and
needs no spanning tree; group addresses of link-local protocols (01:80:C2:00:00:0X) are never carried.
"""
