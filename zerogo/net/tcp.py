# -*- test-case-name: zerogo.test.net.test_tcp -*-
"""What connections ask of the kernel's TCP (tcp(7)), where it can."""

from __future__ import annotations

import contextlib
import socket
from typing import Any

READ_MOST = 256_000
"""Bytes that are read of a busy connection at once: a little less than a message of a tunnel holds."""
UNSENT_BYTES = 256 * 1024
SEGMENT_BYTES = 1000
"""Longest segment of connections that must work over every line, also over one of 1,100 bytes that swallows what is
longer without a word: there TCP sends the same segment for ever. With TCP and IPv6 headers that is 1,072 bytes."""
_TCP_THIN_LINEAR_TIMEOUTS = 16
_TCP_USER_TIMEOUT = 18
_TCP_NOTSENT_LOWAT = 25


def repeat_soon(transport: object) -> None:
    """Have lost segments repeated at even intervals while only a few are under way (Linux; elsewhere nothing happens).

    Otherwise the interval doubles each time, and on a lossy line a control message of 100 bytes takes seconds.
    """
    get_handle = getattr(transport, "getHandle", None)
    if get_handle is not None:
        # Other kernels lack the option, and a connection that is closing its socket.
        with contextlib.suppress(OSError, AttributeError):
            get_handle().setsockopt(socket.IPPROTO_TCP, _TCP_THIN_LINEAR_TIMEOUTS, 1)


def keep_queue_short(transport: object, unsent: int = UNSENT_BYTES) -> None:
    """Have the kernel take more only while less than `unsent` bytes are not yet under way (Linux; elsewhere nothing
    happens): what waits, waits where turns are taken."""
    get_handle = getattr(transport, "getHandle", None)
    if get_handle is not None:
        with contextlib.suppress(OSError, AttributeError):
            get_handle().setsockopt(socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, unsent)


def end_when_deaf(transport: object, seconds: float) -> None:
    """Have the connection end when what was sent is not acknowledged for so long (Linux; elsewhere nothing happens);
    otherwise a kernel goes on for a quarter of an hour."""
    get_handle = getattr(transport, "getHandle", None)
    if get_handle is not None:
        with contextlib.suppress(OSError, AttributeError):
            get_handle().setsockopt(socket.IPPROTO_TCP, _TCP_USER_TIMEOUT, int(seconds * 1000))


def read_more(transport: Any, count: int, most: int = READ_MOST) -> None:
    """Have a connection that gave as many bytes as it was asked for be asked for twice as many from then on, and take
    as many before its producer is paused. Short pieces cost the same Python as long ones."""
    asked = getattr(transport, "bufferSize", most)
    if count >= asked and asked < most:
        transport.bufferSize = min(most, 2 * asked)


def write_now(transport: Any, pieces: list[bytes]) -> None:
    """As `writeSequence`, but what the kernel takes it gets at once where nothing waits before it. Twisted would wait
    for the reactor's next turn, and ask for, be told of and call off an event for each write."""
    if pieces and is_plain(transport) and not transport.dataBuffer and not transport._tempDataBuffer:
        try:
            sent = transport.socket.sendmsg(pieces)
        except OSError:
            # Full, or broken: the reactor's own write finds the same, and tells the protocol.
            sent = 0
        pieces = _without(pieces, sent)
    if pieces:
        transport.writeSequence(pieces)


def is_plain(transport: Any) -> bool:
    """Whether bytes for it go to its socket as they are, and still may."""
    # Only the class of Twisted's own sockets has the attribute; to import it would load a TLS library into agents that
    # need none. Not the object: what wraps a socket in TLS passes questions on to it.
    is_socket = getattr(type(transport), "TLS", None) is False and not transport.TLS
    return is_socket and bool(transport.connected) and not transport._writeDisconnected


def _without(pieces: list[bytes], sent: int) -> list[bytes]:
    if len(pieces) == 1 and sent == len(pieces[0]):
        return []
    for number, piece in enumerate(pieces):
        if sent < len(piece):
            return [piece[sent:], *pieces[number + 1 :]]
        sent -= len(piece)
    return []


def fit_narrow_lines(listening: object) -> None:
    """Have connections that a listening socket, or a port of Twisted's, accepts from now on keep to `SEGMENT_BYTES` in
    both directions: it is what we send at most, and what we say that we take (RFC 9293, section 3.7.1)."""
    opened = listening if isinstance(listening, socket.socket) else getattr(listening, "socket", None)
    if isinstance(opened, socket.socket):
        with contextlib.suppress(OSError):
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT_BYTES)
