"""The gateway role: users come in by SOCKS5 and HTTP, edges dial in by WebSocket, and streams go from one to the other.

- `hub`: the edges that are here, their tunnels, and which one takes a stream.
- `users`: who is in, how many streams they have, how fast they may be; every live stream.
- `accounts`: users of the configuration file; `tokens`: edges that join with the gateway's own token.
- `service`: the sockets and their life. `twistd`: the command line, `twistd -n zerogo-gateway`.

Accounts, the directory of edges and the meter are three small protocols (`zerogo.net.exit_ports`); those here need
nothing but a file, so that one machine is enough.
"""
