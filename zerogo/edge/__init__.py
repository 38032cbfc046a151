"""The edge role: a machine whose owner lets traffic of users leave here, within what the owner allows.

It dials in to a gateway and listens nowhere, so it works behind any NAT, and needs no root.

- `owner`: what its owner allows, and what is counted. `fleet`: the tunnels to all gateways.
- `tunnel`: the tunnel to one gateway, and what becomes of the streams that are opened on it.
- `state_dir`: what is kept on disk. `status`: the owner's page, on this machine only.
- `service`: its life. `twistd`: the command line, `twistd -n zerogo-edge`.
"""
