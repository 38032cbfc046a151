"""The relay role: a server on the internet that tells agents their address as others see it (STUN, RFC 8489).

Stateless and open to anyone, since an answer holds nothing but the asker's own address; what keeps it from being
abused is in `zerogo.stun.server`. An agent behind a NAT needs it to be found by its peers; two of them, or one with
two addresses, let the agent see what kind of NAT it is behind.

- `service`: the sockets and their life.
- `twistd`: the command line, `twistd -n zerogo-relay`.
"""
