"""The agent: the process that makes a machine a member of a network. It joins the cores and the drivers together.

Theory of operation. One process serves one network, on one Ethernet device (TAP) and at most one UDP socket per
address family. `service` owns the life of the process, and everything that outlives a connection to the controller:

    controller <- WebSocket -> net.ControlClient <-> control.Member  (membership.ControlGlue)
                                                         | map, signals, punch times
    kernel: addresses -> net.AddressWatch -> segment <---+
                                              | verbs, events
    TAP, UDP <-> data plane <- verbs, upcalls -> mesh.Node
                                              |
    `zerogo` command <- unix socket -> local commands (status, peers, leave ...)

The mesh needs the controller only to hear of changes and to exchange candidates: the last signed map is on disk
(`state_dir`), so an agent starts, meets its peers where they were last and carries frames while the controller is
down. Nothing of a frame ever passes through here; see `zerogo.dataplane`.

- `record`: what a membership consists of, as a value and as a file.
- `state_dir`: the files of an agent.
- `control`: the control connection and the member core, glued.
- `segment`: the mesh core, the data plane and the device, glued.
- `streams`: the open TCP port, if there is one, and those of other members.
- `reports`: what people and programs are told.
- `service`: the life of it all. `twistd`: the command line.
"""
