# -*- test-case-name: zerogo.test.net.test_onion -*-
"""Onion services (version 3): a controller that is reached without a public address, and how agents reach it.

Both ends speak to a Tor that runs on their machine, by its control port (control-spec): the controller has it publish
the service (ADD_ONION), for whoever knows the key of its clients; an agent gives its own Tor that key
(ONION_CLIENT_AUTH_ADD) and dials through its SOCKS port. The service lives as long as the control connection, so that a
controller that stops is not there any more for Tor either; a connection that is lost is made again.

The key of the clients is an X25519 private key (rend-spec-v3, "Client authorization"), one for all agents: it comes
with the join token and is worth as much. Without it, not even the service's introduction points can be learned.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Generator
from typing import Any

from attrs import field, frozen
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from twisted.internet.defer import Deferred, inlineCallbacks, returnValue
from twisted.internet.interfaces import IProtocolFactory, IStreamClientEndpoint
from twisted.logger import Logger
from zope.interface import implementer

from zerogo.control.token import split_host_port
from zerogo.errors import EnvironmentFault

ONION_SUFFIX = ".onion"
NEW_KEY = "NEW:ED25519-V3"
RETRY_SECONDS = 10.0
CONTROL_SECONDS = 10.0

_log = Logger(namespace="zerogo.net.onion")


class TorFault(EnvironmentFault):
    """The Tor on this machine does not do what is asked of it."""

    code = "E-TOR"


@frozen
class OnionKeys:
    """What a service is; all of it secret."""

    service: str = field(repr=False)
    """As Tor writes it, `ED25519-V3:...`; `NEW_KEY` before the first time."""
    clients: bytes = field(repr=False)
    """X25519 private key of its clients, 32 bytes."""


def is_onion(host: str) -> bool:
    """Whether a host is an onion service."""
    return host.endswith(ONION_SUFFIX)


def control_endpoint(reactor: Any, place: str) -> IStreamClientEndpoint:
    """Tor's control port: the path of its socket, or HOST:PORT. Raises `ParseError`."""
    # Imported where an agent needs it, which few do: it brings the TLS library.
    from twisted.internet.endpoints import TCP4ClientEndpoint, UNIXClientEndpoint

    if place.startswith("/"):
        return UNIXClientEndpoint(reactor, place, timeout=CONTROL_SECONDS)
    return TCP4ClientEndpoint(reactor, *split_host_port(place, 9051), timeout=CONTROL_SECONDS)


def open_control(reactor: Any, place: str) -> Deferred[Any]:
    """An authenticated control connection; fails with `TorFault`."""
    import txtorcon

    def failed(failure: Any) -> None:
        reason = failure.getErrorMessage().strip() or type(failure.value).__name__
        raise TorFault(f"the Tor at {place} cannot be used: {reason}") from failure.value

    made: Deferred[Any] = txtorcon.build_tor_connection(control_endpoint(reactor, place), build_state=False)
    return made.addErrback(failed)


def client_public(private: bytes) -> str:
    """The public key of the clients as ADD_ONION takes it: base32 without padding."""
    public = X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()
    return base64.b32encode(public).decode("ascii").rstrip("=")


def add_command(keys: OnionKeys, port: int, target: str) -> str:
    """The command that publishes a service: its `port` leads to `target`, HOST:PORT of this machine."""
    return f"ADD_ONION {keys.service} Flags=V3Auth Port={port},{target} ClientAuthV3={client_public(keys.clients)}"


def read_answer(answer: str) -> tuple[str, str | None]:
    """Host of the service, and its key where it is a new one; raises `TorFault`."""
    values = dict(line.partition("=")[::2] for line in answer.splitlines() if "=" in line)
    name = values.get("ServiceID", "")
    if not name:
        raise TorFault("Tor made no service")
    return name + ONION_SUFFIX, values.get("PrivateKey")


class OnionService:
    """One service, kept up. `published` is told its host and its keys each time Tor has it."""

    def __init__(
        self,
        reactor: Any,
        place: str,
        keys: OnionKeys,
        port: int,
        target: str,
        *,
        published: Callable[[str, OnionKeys], object],
        open_connection: Callable[[Any, str], Deferred[Any]] = open_control,
    ) -> None:
        self._reactor = reactor
        self._place = place
        self._keys = keys
        self._port = port
        self._target = target
        self._published = published
        self._open = open_connection
        self._control: Any = None
        self._again: Any = None
        self._is_running = False

    def start(self) -> None:
        """Publish it; now if Tor is there, else as soon as it is."""
        self._is_running = True
        self._publish().addErrback(self._failed)

    def stop(self) -> None:
        """Take it away."""
        self._is_running = False
        if self._again is not None:
            self._again.cancel()
            self._again = None
        control, self._control = self._control, None
        if control is not None:
            control.transport.loseConnection()

    @inlineCallbacks
    def _publish(self) -> Generator[Deferred[Any], Any, None]:
        control = yield self._open(self._reactor, self._place)
        if not self._is_running:
            control.transport.loseConnection()
            return
        self._control = control
        answer = yield control.queue_command(add_command(self._keys, self._port, self._target))
        host, service = read_answer(answer)
        if service is not None:
            self._keys = OnionKeys(service, self._keys.clients)
        _log.info("Reached as {host}", host=host)
        self._published(host, self._keys)
        control.when_disconnected().addBoth(self._lost)

    def _lost(self, _: object) -> None:
        self._failed(TorFault("the connection to Tor was lost"))

    def _failed(self, reason: Any) -> None:
        if not self._is_running:
            return
        self._control = None
        sentence = reason.getErrorMessage() if hasattr(reason, "getErrorMessage") else str(reason)
        _log.warn("The onion service is not there: {reason}", reason=sentence)
        self._again = self._reactor.callLater(RETRY_SECONDS, self._retry)

    def _retry(self) -> None:
        self._again = None
        self.start()


@implementer(IStreamClientEndpoint)
class OnionEndpoint:
    """One port of one service, through the Tor of this machine.

    :param socks: HOST:PORT of its SOCKS port.
    :param control: of its control port; see `control_endpoint`.
    :param key: of the clients; empty where the service is for everybody.
    """

    def __init__(self, reactor: Any, host: str, port: int, *, socks: str, control: str, key: bytes) -> None:
        self._reactor = reactor
        self._host = host
        self._port = port
        self._socks = socks
        self._place = control
        self._key = key

    @inlineCallbacks
    def connect(self, factory: IProtocolFactory) -> Generator[Deferred[Any], Any, Any]:
        """Give Tor the key of the clients, and dial."""
        from twisted.internet.endpoints import TCP4ClientEndpoint
        from txtorcon.socks import TorSocksEndpoint

        if self._key:
            control = yield open_control(self._reactor, self._place)
            try:
                yield control.queue_command(self._auth_command())
            finally:
                control.transport.loseConnection()
        to_socks = TCP4ClientEndpoint(self._reactor, *split_host_port(self._socks, 9050))
        made = yield TorSocksEndpoint(to_socks, self._host, self._port).connect(factory)
        returnValue(made)

    def _auth_command(self) -> str:
        key = base64.b64encode(self._key).decode("ascii")
        return f"ONION_CLIENT_AUTH_ADD {self._host.removesuffix(ONION_SUFFIX)} x25519:{key}"
