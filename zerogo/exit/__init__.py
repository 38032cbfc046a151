"""Exits: traffic of users that leaves through edges, as protocol machines without I/O.

A user speaks SOCKS5 or HTTP to a *gateway*; an *edge* has dialled in to the gateway; between gateway and edge is one
*tunnel*, which carries all streams of that edge inside the messages of one WebSocket (docs/PROTOCOL.md, "Exit tunnel").

- `reason`: why a stream could not be opened, or ended; its SOCKS reply and its HTTP status.
- `target`: where a stream is to go: a name or an address, and a port, well-formed.
- `frames`: the frames of the multiplexer, bytes to values and back.
- `stream`: one stream's queues, credit and half-closes. `mux`: all streams of a tunnel, and whose turn it is.
- `tunnel`: the multiplexer on a carrier that may break: numbered packets, acknowledgements, replay, pings.
- `greeting`: what edge and gateway say to each other before the first packet.
- `socks5`, `http_proxy`, `proxy_protocol`: what users, and balancers before them, speak.
- `username`: what a user asks for in the user name. `choose`: which edge is taken, and why. `retry`: when another one
  may be tried. `exit_policy`: what an edge lets through.
- `grant`: what a user may do; `rate`: how fast.

In no tool of this kind may one slow reader hold up another: every stream has its own credit, whose owner is the reader.
Nothing that was accepted is dropped or reordered, except datagrams.
"""
