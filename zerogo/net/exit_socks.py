# -*- test-case-name: integration.test_exits -*-
"""A user's SOCKS5 connection: the core, the accounts, and then a stream, an association, or a listening stream.

Replies are truthful: success is said when the edge has the connection (a user's account may ask for *early* replies,
which save a round trip and cost the error code).
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from zerogo.errors import ParseError
from zerogo.exit.choose import Demand
from zerogo.exit.frames import Command, Datagram, Opened
from zerogo.exit.reason import MEANINGS, Reason, SocksReply
from zerogo.exit.socks5 import CredentialsGiven, PayloadReceived, Socks5Server, State, StreamWanted
from zerogo.ids import SocketAddress
from zerogo.net.exit_association import Association
from zerogo.net.exit_opening import Opening, OpenStream
from zerogo.net.exit_splice import Splice
from zerogo.net.exit_user import Entry, UserProtocol, refusal_of
from zerogo.net.tcp import write_now

_log = Logger(namespace="zerogo.exit.socks")


class SocksSession:
    """One connection."""

    def __init__(self, user: UserProtocol) -> None:
        self._user = user
        self._desk = user.desk
        self._server = Socks5Server(user.desk.may_skip_password(user.source), user.desk.clock.seconds())
        self._entry: Entry | None = None
        self._demand: Demand | None = None
        self._opening: Opening | None = None
        self._stream: OpenStream | None = None
        self._splice: Splice | None = None
        self._association: Association | None = None
        self._is_held = False
        self._is_finished = False
        self._is_lost = False
        user.handshakes.add(self)

    # ----- the connection

    def receive(self, data: bytes) -> None:
        """Bytes of the user."""
        if self._splice is not None:
            self._splice.connection_received(data)
            return
        try:
            self._server.receive(data, self._desk.clock.seconds())
        except ParseError as error:
            _log.debug("{source}: {reason}", source=self._user.source, reason=str(error))
        self._advance()

    def finished(self) -> None:
        """The user sends no more."""
        self._is_finished = True
        if self._splice is not None:
            self._splice.connection_finished()
        elif self._server.state is not State.REPLYING or self._association is not None:
            self._user.close()

    def lost(self, is_clean: bool) -> None:
        """The connection is gone."""
        self._is_lost = True
        self._user.handshakes.discard(self)
        if self._opening is not None:
            self._opening.cancel()
            self._opening = None
            self._close_entry()
        if self._association is not None:
            self._association.close()
        if self._splice is not None:
            self._splice.connection_lost(is_clean)

    # ----- the handshake

    def _advance(self) -> None:
        for event in self._server.events():
            match event:
                case CredentialsGiven(user, password):
                    entered: Deferred[Entry] = self._desk.enter(user, password, self._user.source)
                    entered.addCallbacks(self._entered, self._refused)
                case StreamWanted(command, target):
                    self._user.handshakes.discard(self)
                    assert self._entry is not None
                    name, grant = self._entry.name, self._entry.grant
                    self._want(Demand(command=command, target=target, wish=name.wish, zones=grant.zones))
                case PayloadReceived(data):
                    self._pass(data)
        if self._server.state is State.REPLYING and self._opening is not None:
            early = self._server.take_early()
            if early and not self._opening.write(early):
                self._user.transport.pauseProducing()
        self._flush()

    def _flush(self) -> None:
        pieces = list(self._server.outgoing())
        if pieces:
            write_now(self._user.transport, pieces)
        if self._server.state is State.CLOSED:
            self._user.close()

    def _entered(self, entry: Entry) -> None:
        self._entry = entry
        self._server.accept()
        self._advance()

    def _refused(self, failure: Failure) -> None:
        refusal = refusal_of(failure)
        _log.info("{source} was not let in: {reason}", source=self._user.source, reason=str(refusal))
        self._server.refuse()
        self._flush()

    def _want(self, demand: Demand) -> None:
        assert self._entry is not None
        grant = self._entry.grant
        is_refused = (demand.command is Command.LISTEN and not grant.may_listen) or (
            demand.command is Command.DATAGRAMS and not grant.may_datagrams
        )
        if is_refused:
            self._server.fail(Reason.UNSUPPORTED)
            return
        self._demand = demand
        self._opening = self._desk.open(self._entry, demand, self)
        if self._opening is not None and grant.is_early and demand.command is Command.CONNECT:
            early = self._server.take_early()
            self._server.reply(SocksReply.SUCCEEDED)
            if early:
                self._opening.write(early)

    def _pass(self, data: bytes) -> None:
        """Payload, once the handshake is over."""
        if self._splice is not None:
            self._splice.connection_received(data)
        elif self._opening is not None and not self._opening.write(data):
            self._user.transport.pauseProducing()

    # ----- the stream

    def stream_opened(self, stream: OpenStream) -> None:
        """The edge has it."""
        self._opening = None
        assert self._demand is not None
        if self._is_lost:
            self._give_back(stream)
            return
        self._stream = stream
        match self._demand.command:
            case Command.CONNECT:
                self._relay(stream)
                self._server.reply(SocksReply.SUCCEEDED, stream.opened.bound)
            case Command.LISTEN:
                stream.edge.driver.own(stream.number, self)
                self._server.reply(SocksReply.SUCCEEDED, self._exit_place(stream), is_last=False)
            case _:
                self._associate(stream)
        self._advance()

    def stream_failed(self, reason: Reason, sentence: str) -> None:
        """No edge could."""
        self._opening = None
        self._close_entry()
        target = "" if self._demand is None else str(self._demand.target)
        _log.info(
            "{user} could not be connected to {target}: {reason}",
            user="" if self._entry is None else self._entry.grant.user,
            target=target,
            reason=sentence or MEANINGS[reason].sentence,
        )
        if self._is_lost:
            return
        if self._server.state is State.RELAYING:
            self._user.transport.abortConnection()
            return
        self._server.fail(reason)
        self._flush()

    def _relay(self, stream: OpenStream) -> None:
        assert self._entry is not None and self._demand is not None
        driver, transport = stream.edge.driver, self._user.transport
        self._is_held = False
        meter = self._desk.record(self._entry, self._demand, stream, self._user.source, self)
        counted = Ending(meter, self._ended)
        limits = self._desk.limits(self._entry)
        self._splice = Splice(driver, stream.number, transport, counted=counted, limits=limits)
        transport.resumeProducing()
        if self._is_held:
            self._splice.hold(True)
        if self._is_finished:
            self._splice.connection_finished()

    def _associate(self, stream: OpenStream) -> None:
        assert self._entry is not None and self._demand is not None
        meter = self._desk.record(self._entry, self._demand, stream, self._user.source, self)
        host = self._user.transport.getHost().host
        self._association = Association(self._user, stream, Ending(meter, self._ended), host)
        self._association.is_held = self._is_held
        place = self._association.listen()
        if place is None:
            self._association.close()
            self._server.fail(Reason.OVERLOADED)
        else:
            self._server.reply(SocksReply.SUCCEEDED, place)

    def _exit_place(self, stream: OpenStream) -> SocketAddress:
        """Where a listening edge is reached: its address as we see it."""
        try:
            return SocketAddress.of(stream.edge.state.profile.address, stream.opened.bound.port)
        except ParseError:
            return stream.opened.bound

    def kill(self, reason: Reason) -> None:
        """End the stream, and the connection."""
        if self._splice is not None:
            self._splice.kill(reason)
        elif self._association is not None:
            self._association.close(reason)
            self._user.transport.abortConnection()

    def hold(self, is_held: bool) -> None:
        """Pass nothing for a while; datagrams are dropped."""
        self._is_held = is_held
        if self._splice is not None:
            self._splice.hold(is_held)
        elif self._association is not None:
            self._association.is_held = is_held

    def _ended(self) -> None:
        if self._stream is not None:
            self._stream.ended()
            self._stream = None
            self._close_entry()

    def _give_back(self, stream: OpenStream) -> None:
        stream.edge.driver.reset(stream.number, Reason.CANCELLED)
        stream.ended()
        self._close_entry()

    def _close_entry(self) -> None:
        if self._entry is not None:
            self._desk.closed(self._entry)

    # ----- a listening stream, until somebody connected

    def accepted(self, address: SocketAddress) -> None:
        """Somebody did: from here on it is a stream of bytes."""
        if self._stream is not None:
            self._relay(self._stream)
            self._server.reply(SocksReply.SUCCEEDED, address)
            self._advance()

    def reset(self, reason: Reason, sentence: str) -> None:
        """Nobody did."""
        self._ended()
        self._server.fail(reason)
        self._flush()

    def opened(self, opened: Opened) -> None:
        """Was told before."""

    def received(self, data: bytes) -> None:
        """Nothing comes before somebody connected."""

    def datagram(self, datagram: Datagram) -> None:
        """There are none."""

    def writable(self) -> None:
        """Nothing was written."""

    # ----- time

    def late(self) -> None:
        """The time for the handshake is over."""
        self._server.handle_timer(self._desk.clock.seconds())
        self._flush()


class Ending:
    """A meter that also says when it is over."""

    def __init__(self, meter: Any, ended: Any) -> None:
        self._meter = meter
        self._ended = ended
        self.sent = meter.sent
        self.received = meter.received

    def closed(self, reason: Reason | None) -> None:
        """Both are told."""
        self._meter.closed(reason)
        self._ended()
