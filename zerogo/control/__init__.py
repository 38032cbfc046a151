"""What controller and agent tell each other, and the state machines of both ends.

Theory of operation. An agent knows of its controller only what the *join token* says: addresses to dial and a hash
that covers the controller's two public keys. It dials one WebSocket; the controller speaks first and shows its keys in
the clear (*Hello*), the agent compares them with the hash and opens a Noise IK *channel*, inside which *messages* run.
The controller tells members who else is in the network by a *network map*, which it signs, so that an agent may keep
it on disk and form the mesh from it while the controller is down. Changes travel as deltas whose signature covers the
map that results, so an agent holds one complete signed map at any moment, whatever way it came.

- `token`: the join token, one URL.
- `netmap`: the network map, its signature, its deltas.
- `messages`: the messages of both directions.
- `channel`: Noise IK in WebSocket messages.
- `member`: the agent's end. `coordinator`: the controller's end, over `connection` (one agent) and `publication` (the
  map of one network).

The room opens no socket and knows no database: the coordinator asks with events and is answered with verbs.
"""
