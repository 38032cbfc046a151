"""Twisted drivers: every datagram, connection, timer and socket that a core needs is turned here.

The drivers know nothing of what they carry. Each takes the reactor interfaces it needs as arguments, so that tests run
them on `task.Clock` and `MemoryReactorClock`.

- `clock`: a reactor clock that no setting of the wall clock can move.
- `pump`: the loop around a core (call a verb, drain, arm the timer), and the one place that survives a bug in it.
- `plane`: wakes up on a data plane's descriptor and reads its upcalls in batches.
- `netlink`: the few rtnetlink messages that are needed, bytes to values and back.
- `addresses`: which addresses of this machine peers should try, and when they change.
- `peer_streams`: TCP and TLS connections between members, behind loopback sockets; `relay_bridge`: those to relays.
- `websocket`: the client end of RFC 6455, without I/O.
- `control_client`: the connection to the controller: one address after the other, with back-off.
- `local_api`: the unix socket by which the `zerogo` command speaks to an agent.
"""
