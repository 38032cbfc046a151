"""Our datagrams and frames: bytes to frozen values and back. Every byte layout of docs/PROTOCOL.md is here, once.

Integers are big-endian. Parsers raise `ParseError` on anything that is too short, unknown or out of range; they ignore
trailing bytes where the specification says so, so that a later release may add fields.

- `datagram`: the first byte, and what family a datagram belongs to.
- `handshake`: initiation, response, cookie reply.
- `transport`: the 16 clear bytes of a sealed datagram, and the inner header of 4.
- `control`: messages inside a session (probe, probe answer, close).
"""
