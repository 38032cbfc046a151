"""Which way a peer's datagrams go: measured, scored, kept steady, and through other members where that is best.

Pure pieces, put together by `zerogo.mesh`:

- `score`: what a path is worth. The founding formula to the letter, and terms beside it that can be switched on.
- `hysteresis`: which of several paths is used, and when it is left. `damping` holds back links that come and go.
- `policy`: what the owner of this node allows, and the sentence that says why a peer is out of reach.
- `links`: what a member measured towards others, quantised; kept by the sequence numbers of who measured it.
- `routes`: ways of up to three hops through willing members, composed of own links and of those told by others.
- `trust`: who promised what it did not keep.
- `asking`, `telling`: which members are asked about which destinations, and who asked us.
- `router`: the core of a node that does all this.

No member knows all links of the network, and none needs to. A node asks only for destinations that it has no good
direct path to, or sends data to; it asks only members that it reaches directly and that carry for others; it is told
only what it asked for, signed by the member that measured it, at first in full and then what changed. What it is told
says where to try, never where to send: a route is used after this node's own probes came back over it, end to end,
inside the session of the outer pair. So a member that lies gains a few probes and loses its standing.
"""
