"""Times and bounds that every plane keeps. No imports: the worker process must stay small."""

REKEY_AFTER_SECONDS = 120.0
REJECT_AFTER_SECONDS = 180.0
REKEY_AFTER_MESSAGES = 2**60
REJECT_AFTER_MESSAGES = 2**64 - 2**13 - 1
KEEPALIVE_SECONDS = 10.0
"""A plane that received data and sent nothing for so long sends a keepalive."""
STAGED_BYTES_LIMIT = 256 * 1024
"""Frames kept per peer while it has no session or no path; the oldest are dropped first."""
SIDE_SOCKETS_LIMIT = 64
"""Side sockets at a time; one more is closed at once."""
UPCALLS_LIMIT = 4096
"""Upcalls waiting to be polled; beyond it unauthenticated datagrams are dropped and counted, nothing else is."""
