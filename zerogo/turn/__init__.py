"""TURN, RFC 8656: a relay lends a client an address of its own, for peers that cannot be reached directly.

Everything here is pure: bytes and times in, bytes and values out. Both ends are here; each is a core.

- `attributes`, `message`: TURN's part of STUN, and ChannelData. `framing` cuts streams into these.
- `nonce`, `credentials`, `door`: who a request is from, without memory for strangers.
- `grant`, `gate`: which peers a user may reach; closed by default, on `zerogo.policy.addresses`.
- `quota`, `allocation`, `ledger`: what is lent to whom, and how much of it.
- `requests`, `server`, `events`: the server core.
- `client`, `client_events`: the client core.
"""
