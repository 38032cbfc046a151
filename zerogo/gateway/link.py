# -*- test-case-name: zerogo.test.gateway.test_link -*-
"""A gateway's connection to its controller: the channel that agents use, for another purpose, kept up for ever."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.logger import Logger

from zerogo.control.channel import FRAME_LIMIT, ChannelInitiator
from zerogo.control.edge_token import GatewayToken
from zerogo.control.gateway_messages import (
    GATEWAY,
    Admitted,
    Enter,
    GatewayMessage,
    OfficeMessage,
    Refused,
    emit,
    parse_office_message,
)
from zerogo.control.messages import Ping, Pong
from zerogo.control.token import split_host_port
from zerogo.core import RandomBytes
from zerogo.errors import RemoteError
from zerogo.net.control_client import ControlClient
from zerogo.net.dial import ControllerAddress
from zerogo.net.exit_places import GATEWAY_PATH
from zerogo.net.pump import guarded
from zerogo.noise.identity import Identity

_log = Logger(namespace="zerogo.exit.controller")


class LinkOwner(Protocol):
    """Who is told what the controller says."""

    def greeting(self) -> Enter: ...

    def admitted(self) -> None: ...

    def told(self, message: OfficeMessage) -> None: ...

    def heard(self) -> None:
        """The controller is there, and we are its gateway: anything came. Whom it refuses has no controller."""


class ControllerLink:
    """The link. What is sent while it is down is dropped: the owner says it again after `admitted`."""

    def __init__(
        self,
        owner: LinkOwner,
        identity: Identity,
        token: GatewayToken,
        *,
        clock: IReactorTime,
        endpoint_of: Callable[[ControllerAddress], IStreamClientEndpoint],
        rng: RandomBytes,
    ) -> None:
        self.is_here = False
        """Whether the controller admitted us on this connection."""
        self.reason = "the controller was not dialled yet"
        """Why it is not here, for people."""
        self._owner = owner
        self._identity = identity
        self._token = token
        self._rng = rng
        self._clock = clock
        self._channel: ChannelInitiator | None = None
        self._is_greeted = False
        self._client = ControlClient(
            clock, self, _addresses(token), endpoint_of=endpoint_of, rng=rng, frame_limit=FRAME_LIMIT
        )

    def start(self) -> None:
        """Dial, and keep dialling."""
        self._client.start()

    def stop(self) -> Deferred[None]:
        """Close; fires when it is closed."""
        self.is_here = False
        return self._client.stop()

    def send(self, message: GatewayMessage) -> None:
        """Send, where the controller is here."""
        if self._channel is not None and self.is_here:
            self._channel.send(emit(message))
            self._flush()

    # ----- the connection

    def connected(self) -> None:
        """The WebSocket is open."""
        self._channel = ChannelInitiator(self._identity, self._token.key_hash, self._rng, GATEWAY)
        self._is_greeted = False

    def receive_message(self, data: bytes) -> None:
        """A frame of the channel."""
        channel = self._channel
        if channel is None:
            return
        try:
            for message in channel.receive(data):
                parsed = parse_office_message(message)
                if parsed is not None:
                    guarded("the gateway's link", self._take, parsed)
        except RemoteError as error:
            self.reason = str(error)
            self._client.drop(str(error))
            return
        if channel.is_open and not self._is_greeted:
            self._is_greeted = True
            channel.send(emit(self._owner.greeting()))
        self._flush()

    def disconnected(self, reason: str) -> None:
        """The WebSocket is gone."""
        if self.is_here:
            _log.warn("the controller is away: {reason}", reason=reason, event="controller-lost")
        self.is_here = False
        self._channel = None
        self.reason = reason

    def _take(self, message: OfficeMessage) -> None:
        if self.is_here or isinstance(message, Admitted):
            self._owner.heard()
        match message:
            case Ping(number):
                self.send(Pong(number))
            case Admitted():
                self.is_here = True
                self.reason = ""
                self._client.settled()
                _log.info("the controller is here")
                self._owner.admitted()
            case Refused(sentence, is_final):
                _log.error("the controller refuses this gateway: {reason}", reason=sentence, is_final=is_final)
                self.is_here = False
                self.reason = sentence
            case _:
                self._owner.told(message)

    def _flush(self) -> None:
        if self._channel is not None:
            for frame in self._channel.outgoing():
                self._client.send(frame)


def _addresses(token: GatewayToken) -> Sequence[ControllerAddress]:
    return [
        ControllerAddress(*split_host_port(text, GatewayToken.default_port), token.is_tls, GATEWAY_PATH)
        for text in token.addresses
    ]
