"""Names of members as programs look them up: `host.network.zg`.

- `label`: what becomes of a name that people gave, in the letters that host names have.
- `zone`: who is called what in a network, and back.

Nothing is asked of anybody: all of it follows from the signed map, so names work while the controller is away, and
nobody but the controller can name a machine.
"""
