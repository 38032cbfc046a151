"""What operators see: the log, as text for people or JSON lines for programs.

Rooms log with `twisted.logger.Logger`; only the roles begin logging.

- `levels`: which level each subsystem is logged at, changeable while running.
- `redact`: what may never appear, whatever was logged.
- `log`: the two formats, and their installation.
- `service`: the outermost service of a role, through which twistd logs our way.
"""
