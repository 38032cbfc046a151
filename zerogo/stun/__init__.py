"""STUN, RFC 8489: the codec, message integrity, a client transaction and a server that only ever answers Binding.

STUN is how a node learns the address that others see it by, and how two nodes test whether a pair of addresses
carries datagrams (`zerogo.ice`). Everything here is pure: bytes and times in, bytes and values out.

- `attributes`: each attribute as a frozen class that reads and writes its value.
- `message`: header, list of attributes, emit and parse.
- `integrity`: HMACs, the fingerprint, keys of the two credential mechanisms.
- `transaction`: a request, its retransmissions and what its answer says about the round trip.
- `limit`: a bounded table of token buckets, one per source.
- `discovery`: which of a server's addresses answers, so that clients see how their NAT behaves (RFC 5780).
- `server`: answers Binding requests within the rules against reflection.
"""
