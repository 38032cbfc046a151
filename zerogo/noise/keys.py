# -*- test-case-name: zerogo.test.noise.test_keys -*-
"""The keys of one transport session: what a handshake ends with and a data plane is given."""

from __future__ import annotations

from attrs import field, frozen

from zerogo.wire.handshake import Suite


@frozen(kw_only=True)
class SessionKeys:
    """Both directions of one session. The keys never show in a repr."""

    local_index: int
    """Receiver index that the peer writes into datagrams for us (32 bits, random)."""
    remote_index: int
    """Receiver index that we write into datagrams for the peer."""
    send_key: bytes = field(repr=False)
    receive_key: bytes = field(repr=False)
    suite: Suite
    is_initiator: bool
    """The initiator may send at once; the responder only after the first datagram that authenticates."""
    handshake_hash: bytes = field(repr=False)
    """32 bytes both ends share and nobody else can choose; for channel binding."""
