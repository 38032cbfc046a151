"""The relay role: a server on the internet for nodes behind NATs, STUN (RFC 8489) and TURN (RFC 8656).

It tells anyone the address they are seen at: stateless, since an answer holds nothing but the asker's own address; what
keeps that from being abused is in `zerogo.stun.server`. For users whom it knows by a credential it relays datagrams, on
UDP, TCP and TLS; what keeps that from being abused is in `zerogo.turn.server`. It sees addresses, sizes and times of
what it relays, and no frame: nodes encrypt end to end.

- `turn`: from the configuration to a TURN server.
- `metrics`, `notices`: what its operator is shown, in figures and once in words.
- `service`: the sockets and their life.
- `twistd`: the command line, `twistd -n zerogo-relay`.
"""
