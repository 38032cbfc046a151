"""Shipped fakes: a simulated internet in virtual time, a data plane in memory, and meshes of cores on top of them.

Everything is deterministic: a run is given by its seed, so a failure is reproduced by its number. No sockets, threads
or clocks; a simulated minute takes milliseconds.

- `clock`: virtual time, a queue of what happens when.
- `nat`: address translators by the behaviours of RFC 4787.
- `internet`: hosts, sites behind NATs, and links with delay, jitter, loss, reordering and duplication.
- `pair`: drives cores on hosts of that internet, with their timers.
- `plane`: the semantics of a data plane (`zerogo.dataplane.interface`) over `TransportSession`, frames in memory.
- `mesh`: members (node, plane, host) and a stand-in for the controller's signalling.
- `side`: side sockets of a host.
- `matrix`: all kinds of NATs against all, with many seeds.
"""
