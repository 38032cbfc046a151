"""TURN, RFC 8656: a relay lends a client an address of its own, for peers that cannot be reached directly.

Everything here is pure: bytes and times in, bytes and values out.
"""
