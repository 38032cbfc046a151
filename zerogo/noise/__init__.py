"""Noise sessions between nodes: who a node is, how two agree on keys, and what travels under those keys.

    identity    the two key pairs of a node
    handshake   one Noise handshake, a message at a time
    exchange    the handshake of two nodes as datagrams
    cookie      mac1, mac2, cookies under load, rate limits
    timestamp   initiations cannot be replayed, and a wrong clock locks nobody out
    admission   the responder's front door: the three above in the order in which they are asked
    keys        what a handshake ends with
    session     sealing and opening datagrams with explicit counters
    replay      which counters were seen

A responder's order of work, cheapest first: form, mac1 (one BLAKE2s), load and mac2 (two BLAKE2s), message 1 (two
Diffie-Hellman), membership, timestamp, and only then an index, a response and a session. Before the last step nothing
is kept but counters. The session that an initiation leads to is used for sending only after a datagram authenticated
under its keys (key confirmation), because message 1 can be replayed and its sender's address forged.

The specification is docs/PROTOCOL.md. Noise is the Noise Protocol Framework, revision 34; the rules around it are
WireGuard's, where they fit.
"""
