# -*- test-case-name: zerogo.test.net.test_local_api -*-
"""The unix socket by which the `zerogo` command speaks to an agent on the same machine.

One request and one answer a line, both JSON objects in UTF-8:

    -> {"command": "status", "arguments": {...}}
    <- {"ok": true, "result": ...}   or   {"ok": false, "error": "one sentence"}

Only root and the agent's own user are let in: the socket's mode is 0600, and the kernel's word on who connected is
checked too (SO_PEERCRED), since a loose directory or a changed mode must not open the door. Bounds: `CLIENTS_LIMIT`
connections, `LINE_LIMIT` bytes a request, `IDLE_SECONDS` of silence; whoever asks again before the answer was read is
cut off, so that what waits to be written is one answer a connection.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import msgspec
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IPushProducer, IReactorTime, IReactorUNIX
from twisted.internet.protocol import Factory, connectionDone
from twisted.logger import Logger
from twisted.protocols.basic import LineOnlyReceiver
from twisted.protocols.policies import TimeoutMixin
from twisted.python.failure import Failure
from zope.interface import implementer

from zerogo.errors import EnvironmentFault, ZeroGoError

LINE_LIMIT = 8192
CLIENTS_LIMIT = 16
IDLE_SECONDS = 120.0
PATH_LIMIT = 107
"""Longest path of a unix socket, bytes (sun_path, less its final zero)."""
SOCKET_MODE = 0o600
_CREDENTIALS = struct.Struct("3i")

Arguments = Mapping[str, Any]
Command = Callable[[Arguments], object]
"""Takes the request's arguments; gives what `msgspec` can write as JSON, or a Deferred of it. Raises `ZeroGoError`."""

_log = Logger(namespace="zerogo.net.local")


class SocketTaken(EnvironmentFault):
    """Another agent answers on this socket."""

    code = "E-LOCAL-API"


class _Request(msgspec.Struct):
    command: str
    arguments: dict[str, Any] = {}


_decode = msgspec.json.Decoder(_Request).decode


def peer_user(connection: socket.socket) -> int:
    """The user id of the process at the other end of a unix socket (unix(7), SO_PEERCRED)."""
    return int(_CREDENTIALS.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))[1])


@implementer(IPushProducer)
class LocalClient(LineOnlyReceiver, TimeoutMixin):
    """One connection of a command."""

    MAX_LENGTH = LINE_LIMIT
    delimiter = b"\n"
    factory: LocalApi

    def __init__(self) -> None:
        self._is_busy = False
        self._is_congested = False
        self._is_over = False

    def connectionMade(self) -> None:
        assert self.transport is not None
        if not self.factory.admits(self):
            self.transport.loseConnection()
            return
        self.transport.registerProducer(self, True)  # type: ignore[attr-defined]
        self.setTimeout(IDLE_SECONDS)  # type: ignore[no-untyped-call]

    def callLater(self, seconds: float, call: Callable[[], object]) -> Any:
        return self.factory.clock.callLater(seconds, call)

    def lineReceived(self, line: bytes) -> None:
        if self._is_busy or self._is_congested:
            self._refuse("one request at a time")
            self._hang_up()
            return
        self.resetTimeout()  # type: ignore[no-untyped-call]
        try:
            request = _decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            self._refuse("that is not a request")
            return
        command = self.factory.commands.get(request.command)
        if command is None:
            self._refuse(f"this agent knows no command {request.command[:40]!r}")
            return
        self._is_busy = True
        result: Deferred[object] = maybeDeferred(command, request.arguments)
        result.addCallbacks(self._answer, self._failed)

    def lineLengthExceeded(self, line: bytes) -> None:
        self._refuse("the request is too long")
        self._hang_up()

    def timeoutConnection(self) -> None:
        # One that does not read would keep an orderly close waiting for ever.
        self._is_over = True
        if self.transport is not None:
            self.transport.abortConnection()  # type: ignore[attr-defined]

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.setTimeout(None)  # type: ignore[no-untyped-call]
        self.factory.left(self)
        self._is_over = True

    def pauseProducing(self) -> None:
        self._is_congested = True

    def resumeProducing(self) -> None:
        self._is_congested = False

    def stopProducing(self) -> None:
        """The connection is gone; `connectionLost` follows."""

    def _hang_up(self) -> None:
        if self.transport is not None and not self._is_over:
            self._is_over = True
            self.transport.unregisterProducer()  # type: ignore[attr-defined]
            self.transport.loseConnection()

    def _answer(self, result: object) -> None:
        self._is_busy = False
        self._write({"ok": True, "result": result})

    def _failed(self, failure: Failure) -> None:
        self._is_busy = False
        if failure.check(ZeroGoError):
            self._refuse(failure.getErrorMessage())
            return
        _log.failure("A bug in a local command", failure=failure)
        self._refuse("the agent met a bug; its log says more")

    def _refuse(self, sentence: str) -> None:
        self._write({"ok": False, "error": sentence})

    def _write(self, answer: object) -> None:
        if self.transport is not None and not self._is_over:
            self.transport.write(msgspec.json.encode(answer) + b"\n")


class LocalApi(Factory[LocalClient]):
    """The listening end. `commands` are known by name."""

    protocol = LocalClient
    noisy = False

    def __init__(
        self,
        clock: IReactorTime,
        commands: Mapping[str, Command],
        *,
        user_of: Callable[[LocalClient], int] | None = None,
    ) -> None:
        self.clock = clock
        self.commands = dict(commands)
        self._user_of = user_of or (lambda client: peer_user(client.transport.getHandle()))  # type: ignore[union-attr]
        self._clients: list[LocalClient] = []
        self._port: IListeningPort | None = None

    def listen(self, reactor: IReactorUNIX, path: Path) -> None:
        """Listen at `path`, making its directory and replacing a socket that nobody answers on; raises
        `EnvironmentFault`."""
        if len(os.fsencode(path)) > PATH_LIMIT:
            raise EnvironmentFault(f"the path of the socket {path} is longer than {PATH_LIMIT} bytes")
        try:
            path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            _remove_stale(path)
            self._port = reactor.listenUNIX(str(path), cast(Any, self), mode=SOCKET_MODE, wantPID=False)
        except CannotListenError as error:
            raise EnvironmentFault(f"the socket {path} cannot be made: {error.socketError}") from error
        except OSError as error:
            raise EnvironmentFault(f"the socket {path} cannot be made: {error.strerror}") from error

    def stop(self) -> Deferred[object]:
        """Listen no more, and end the connections; fires when that is done."""
        for client in list(self._clients):
            client.timeoutConnection()
        port, self._port = self._port, None
        return succeed(None) if port is None else maybeDeferred(cast(Callable[[], object], port.stopListening))

    def admits(self, client: LocalClient) -> bool:
        """Count a new connection in, unless it is of another user or one too many."""
        try:
            user = self._user_of(client)
        except OSError:
            return False
        if user not in (0, os.geteuid()) or len(self._clients) >= CLIENTS_LIMIT:
            _log.warn("Refused a local connection of user {user}", user=user)
            return False
        self._clients.append(client)
        return True

    def left(self, client: LocalClient) -> None:
        """Count a connection out."""
        if client in self._clients:
            self._clients.remove(client)


def _remove_stale(path: Path) -> None:
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except OSError as error:
            if error.errno not in (errno.ECONNREFUSED, errno.ENOENT):
                raise
            path.unlink(missing_ok=True)
            return
    raise SocketTaken(f"another agent is running: it answers on {path}")
