"""A small internet on one machine: sites behind real NATs in network namespaces, links that delay and lose, and a mesh.

Theory of operation. A *scenario* (YAML) names sites with their NATs, hosts with their roles, links, actions on a time
line and checks. `run` builds its topology, starts the roles as the programs a person would start, waits until the mesh
is up, plays the time line, measures, judges, and leaves nothing behind, also when it is killed.

- `scenario`, `plot`, `loader`, `document`: what is wanted, from a file, with errors that name line and key.
- `topology`, `nat`: what that becomes, as values and texts; `namespaces`, `laboratory`: making it true.
- `internet`, `line`, `packet`, `emulator`: the middle, one seeded process that carries packets between the sites.
- `roles`, `local_api`, `owner_api`: the mesh inside. `timeline`, `prober`, `behaviour`, `capture`: to act, to measure.
- `series`, `verdict`, `result`, `report`, `drawing`: what came of it. `watchdog`: nothing stays behind.
"""
