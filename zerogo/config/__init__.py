"""Configuration: one frozen class per role, read from a YAML file once, at start.

- `agent`, `controller`, `relay`: the keys of each role, their defaults, and a docstring under each key.
- `load`: file -> class. An unknown key, a wrong value and a placeholder secret are errors that name file, line, key and
  what would be right.
- `options`: the command line of a role under twistd.
- `document`: the bounded YAML reader. `values`: how each kind of value is read. `schema`: what a key is.
- `sample`: the commented files under etc/zerogo, generated from the classes so that sample and code cannot differ.
- `private_file`, `identity_file`: files that only their owner may read; the node's key is one.

Rooms below get the few values they need, never a whole configuration.
"""
