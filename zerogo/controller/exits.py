# -*- test-case-name: zerogo.test.gateway.test_controlled -*-
"""Between gateways and store: answers the one's questions from the other, and tells gateways what people decided.

What one gateway reports and asks is done in its order, one unit of work after the other. A change of an account goes
out as soon as it is stored. Once a second the accounts' revision and the settings are compared with what was sent, so
that what went wrong, was changed by another controller of the same database, or is over by itself, is sent then. While
the store fails, batches of usage stay unacknowledged at their gateways, which send them again. Until then their
requests for credit have no answer, since what they say they hold leaves out what is in a batch.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from msgspec import structs
from twisted.internet.defer import Deferred, DeferredLock, ensureDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from zerogo.control.coordinator_events import CloseWanted
from zerogo.control.fellow_words import ExitsChanged, ForGateways, GatewayAnswered, GatewaysAsked, Word
from zerogo.control.gateway_events import (
    AnswerReceived,
    ClaimsWanted,
    DiscrepancyReported,
    EdgesReported,
    EnterWanted,
    GatewayGone,
    GatewayHere,
    GatewayPresence,
    LeaseWanted,
    OfficeEvent,
    UsageReported,
)
from zerogo.control.gateway_messages import (
    ACCOUNTS_LIMIT,
    Accounts,
    Acked,
    Ask,
    EdgeHere,
    Forgotten,
    Kick,
    OfficeMessage,
    Settings,
    emit,
    parse_office_message,
)
from zerogo.control.gateways import GatewayOffice
from zerogo.controller.exit_claims import Claims, OwnClaims
from zerogo.controller.gateway_fellows import GatewayFellows, GatewayWord
from zerogo.controller.gateway_questions import GatewayQuestions
from zerogo.core import RandomBytes
from zerogo.errors import ZeroGoError
from zerogo.exit.account import Account
from zerogo.ids import NodeId
from zerogo.net.pump import Pump
from zerogo.store import exit_gateways, exit_usage, exit_users
from zerogo.store.errors import NotFound
from zerogo.store.threads import StoreAccess

LOOK_SECONDS = 1.0
"""Between two looks at the accounts' revision."""
FORGET_SECONDS = 3600.0
REMOVED = "this gateway was removed from its controller"
AUDIT_SECONDS = 30 * 86_400.0
"""How long streams stay in the audit where nothing else is said."""

_log = Logger(namespace="zerogo.controller.exits")


class Exits:
    """Drives the core of all gateways. `send` and `close` reach their connections."""

    def __init__(
        self,
        office: GatewayOffice,
        store: StoreAccess,
        clock: IReactorTime,
        unix_time: Callable[[], float],
        rng: RandomBytes,
        audit_seconds: float = AUDIT_SECONDS,
    ) -> None:
        self._office = office
        self._store = store
        self._clock = clock
        self._unix_time = unix_time
        self.shown_changed: Callable[[], object] = lambda: None
        """Is told when what the API shows of gateways, edges and usage is other than it was."""
        self._fellows = GatewayFellows(office, clock)
        self._shown: object = None
        self._claims: Claims = OwnClaims(clock)
        self._audit_seconds = audit_seconds
        self._settings: Settings | None = None
        """As they were read when gateways were told last; None: never."""
        self._revision = -1
        """Of the accounts that gateways were sent last; -1: nobody was sent any."""
        self._locks: dict[NodeId, DeferredLock] = {}
        self._unstored: dict[NodeId, int] = {}
        """Gateways whose last batch could not be stored -> the connection it came on. The next begins with a batch."""
        self._sending = DeferredLock()
        self._forgot_at = clock.seconds()
        self._wants_look = self._is_looking = False
        self._send: Callable[[int, bytes], object] = lambda number, data: None
        self._close: Callable[[int, str, bool], object] = lambda number, reason, is_abrupt: None
        self._look = LoopingCall(self._look_at_store)
        self._look.clock = clock
        self._pump: Pump[OfficeEvent, tuple[int, bytes] | CloseWanted] = Pump(
            office, clock, outputs=office.outgoing, send=self._act, on_event=self._on_event
        )
        self._questions = GatewayQuestions(lambda: office.present, lambda: office.far.present, self._put, clock, rng)

    def attach(self, send: Callable[[int, bytes], object], close: Callable[[int, str, bool], object]) -> None:
        """Where messages and closings of connections go."""
        self._send, self._close = send, close
        self._look.start(LOOK_SECONDS, now=False)
        self._fellows.start()

    @property
    def tell_fellows(self) -> Callable[[Word], object] | None:
        """Tells the other controllers of the same database; None where there are none."""
        return self._fellows.tell

    @tell_fellows.setter
    def tell_fellows(self, tell: Callable[[Word], object] | None) -> None:
        self._fellows.tell = self._questions.tell = tell

    def use_claims(self, claims: Claims) -> None:
        """Where sessions and exclusive edges are kept; what was kept before is lost."""
        self._claims = claims
        claims.on_forgotten = lambda: self._tell_all(Forgotten())

    def stop(self) -> None:
        """Do nothing any more; connections are broken off, so that gateways look elsewhere at once."""
        self._pump.stop()
        self._fellows.stop()
        self._questions.stop()
        for number in self._office.connections:
            self._close(number, "the controller stops", True)
        if self._look.running:
            self._look.stop()

    # ----- for the API

    def accounts_changed(self, *names: str) -> None:
        """Accounts were made, changed or removed: tell all gateways."""
        _spawn(self._send_accounts(names), "sending accounts")
        self._fellows.changed()

    def settings_changed(self) -> None:
        """Keys, denials or gateways are others."""
        _spawn(self._send_settings(), "sending settings")
        self._fellows.changed()

    def kick(self, order: Kick) -> None:
        """At all gateways, whichever controller they are connected to."""
        self._order(None, order)
        self._pass_on(None, order)

    def kick_stream(self, gateway: NodeId, stream: int) -> None:
        """One stream."""
        order = Kick(stream=stream)
        self._order(gateway, order)
        self._pass_on(gateway, order)

    def heard(self, word: GatewayWord) -> None:
        """Another controller of the same database has orders for gateways, or news of its own; raises `ParseError`."""
        match word:
            case ForGateways(content):
                order = parse_office_message(content)
                if isinstance(order, Kick):
                    self._order(word.gateway, order)
            case ExitsChanged():
                _spawn(self._look_at_store(), "a look at the store")
            case GatewaysAsked():
                self._questions.asked(word)
            case GatewayAnswered():
                self._questions.heard(word)
            case _:
                self._fellows.heard(word)

    def _put(self, gateway: NodeId, question: Ask) -> None:
        self._pump.call(self._office.tell, gateway, question)

    def _order(self, gateway: NodeId | None, order: Kick) -> None:
        if gateway is None:
            self._pump.call(self._office.tell_all, order)
        else:
            self._pump.call(self._office.tell, gateway, order)

    def _pass_on(self, gateway: NodeId | None, order: Kick) -> None:
        if self.tell_fellows is not None:
            self.tell_fellows(ForGateways(emit(order), None if gateway is None else gateway.raw))

    def gateway_removed(self, gateway: NodeId) -> None:
        """A person removed it."""
        self._pump.call(self._office.remove_gateway, gateway, REMOVED)
        self.settings_changed()

    def presence(self) -> dict[NodeId, GatewayPresence]:
        """Gateways that are here."""
        return self._office.presence(self._clock.seconds())

    def edges(self) -> dict[str, tuple[EdgeHere, list[NodeId]]]:
        """Edges that are here, and where."""
        return self._office.edges()

    def streams_of(self, user: str) -> int:
        """A user's live streams."""
        return self._office.streams_of(user)

    def ask(self, what: str, argument: str = "") -> Deferred[dict[NodeId, bytes]]:
        """A JSON document from each gateway that answers in time, whichever controller it is connected to."""
        return self._questions.ask(what, argument)

    # ----- connections, from the WebSocket server

    def connection_opened(self, number: int, source: str) -> None:
        """A WebSocket is open."""
        self._pump.call(self._office.connection_opened, number, source)

    def message_received(self, number: int, data: bytes) -> None:
        """A message came."""
        self._pump.call(self._office.receive_message, number, data)

    def connection_closed(self, number: int) -> None:
        """A WebSocket is closed."""
        self._pump.call(self._office.connection_closed, number)

    def congestion_changed(self, number: int, is_congested: bool) -> None:
        """The transport's buffer is full, or has room again."""
        self._pump.call(self._office.set_congested, number, is_congested)

    # ----- what the core asks for

    def _act(self, output: tuple[int, bytes] | CloseWanted) -> None:
        if isinstance(output, CloseWanted):
            _log.debug("Gateway connection {number} closes: {reason}", number=output.connection, reason=output.reason)
            self._close(output.connection, output.reason, output.is_abrupt)
        else:
            self._send(*output)

    def _on_event(self, event: OfficeEvent) -> None:
        match event:
            case EnterWanted():
                self._in_turn(event.gateway, self._enter, event)
            case UsageReported():
                self._in_turn(event.gateway, self._store_usage, event)
            case LeaseWanted():
                self._in_turn(event.gateway, self._lease, event)
            case ClaimsWanted(connection, request):
                self._claims.settle(request).addCallback(
                    lambda claimed: self._pump.call(self._office.send, connection, claimed)
                )
            case EdgesReported():
                self._in_turn(event.gateway, self._note_edges, event)
            case DiscrepancyReported():
                self._in_turn(event.gateway, self._note_discrepancy, event)
            case AnswerReceived(gateway, number, document):
                self._questions.answered(gateway, number, document)
            case GatewayHere():
                _log.info("Gateway {gateway} is here", gateway=str(event.gateway))
                self.shown_changed()
                _spawn(self._bring_up_to_date(event), "a gateway's accounts")
            case GatewayGone(gateway):
                _log.info("Gateway {gateway} has gone", gateway=str(gateway))
                self._fellows.gone(gateway)
                self.shown_changed()

    def _in_turn(self, gateway: NodeId, work: Callable[[Any], Awaitable[None]], event: Any) -> None:
        lock = self._locks.setdefault(gateway, DeferredLock())
        _spawn(_locked(lock, work, event), "a gateway's report")

    async def _enter(self, event: EnterWanted) -> None:
        now = self._unix_time()
        try:
            known = await self._store.write(exit_gateways.enter, event.gateway, event.static_public, event.enter, now)
        except ZeroGoError as error:
            _log.error("Gateway {gateway} cannot enter: {reason}", gateway=str(event.gateway), reason=str(error))
            sentence = "the controller cannot use its database at the moment"
            self._pump.call(self._office.refuse, event.connection, sentence, False)
            return
        if known is None:
            sentence = "this gateway is not known here, and its token is not good: ask for a new one"
            self._pump.call(self._office.refuse, event.connection, sentence, True)
            return
        self._pump.call(self._office.admit, event.connection, known.name)
        self.settings_changed()

    async def _store_usage(self, event: UsageReported) -> None:
        work = (event.gateway, event.boot, event.usage, self._unix_time())
        try:
            await self._store.write(exit_usage.store_usage, *work)
        except ZeroGoError as error:
            _log.error("Usage of {gateway} is not stored: {reason}", gateway=str(event.gateway), reason=str(error))
            self._unstored[event.gateway] = event.connection
            return
        self._unstored.pop(event.gateway, None)
        self._pump.call(self._office.send, event.connection, Acked(event.usage.number))
        self.shown_changed()

    async def _lease(self, event: LeaseWanted) -> None:
        if self._unstored.get(event.gateway) == event.connection:
            return
        gateways = len(self.presence())
        try:
            work = (event.gateway, event.request, gateways, self._unix_time())
            answer = await self._store.write(exit_usage.lease, *work)
        except ZeroGoError as error:
            _log.error("No credit for {user}: {reason}", user=event.request.user, reason=str(error))
            return
        self._pump.call(self._office.send, event.connection, answer)

    async def _note_edges(self, event: EdgesReported) -> None:
        try:
            await self._store.write(exit_gateways.note_edges, event.here, self._unix_time())
        except ZeroGoError as error:
            _log.error("Edges of {gateway} are not stored: {reason}", gateway=str(event.gateway), reason=str(error))

    async def _note_discrepancy(self, event: DiscrepancyReported) -> None:
        report = event.report
        _log.warn(
            "[DIAG] edge {edge} counted {edge_bytes} bytes where gateway {gateway} counted {gateway_bytes}",
            event="edge-discrepancy",
            edge=report.edge,
            gateway=str(event.gateway),
            edge_bytes=report.edge_bytes,
            gateway_bytes=report.gateway_bytes,
        )
        difference = abs(report.gateway_bytes - report.edge_bytes)
        try:
            await self._store.write(exit_gateways.note_discrepancy, report.edge, difference)
        except ZeroGoError as error:
            _log.error("A discrepancy of {edge} is not stored: {reason}", edge=report.edge, reason=str(error))

    # ----- what gateways are told

    async def _bring_up_to_date(self, event: GatewayHere) -> None:
        await self._sending.acquire()
        try:
            revision, accounts = await self._store.read(exit_users.all_accounts)
            settings = await self._store.read(exit_gateways.read_settings, self._unix_time())
        except ZeroGoError as error:
            _log.error("The accounts cannot be read: {reason}", reason=str(error))
            self._revision = -1
            return
        finally:
            self._sending.release()
        self._note_rates(accounts)
        self._pump.call(self._office.send, event.connection, self._with_loads(settings))
        if event.revision != revision or not revision:
            for message in whole(revision, accounts):
                self._pump.call(self._office.send, event.connection, message)
        if self._revision < 0:
            self._revision = revision

    async def _send_accounts(self, names: Sequence[str]) -> None:
        await self._sending.acquire()
        try:
            revision, accounts = await self._store.read(exit_users.some_accounts, names)
            found = {account.name for account in accounts}
            removed = [name for name in names if name not in found]
            for start in range(0, max(len(accounts), len(removed)), ACCOUNTS_LIMIT):
                end = start + ACCOUNTS_LIMIT
                self._tell_all(Accounts(revision, accounts[start:end], removed[start:end]))
            self._note_rates(accounts)
            for name in removed:
                self._pump.call(self._office.set_rates, [(name, 0, 0)])
            is_next = self._revision < 0 or revision == self._revision + 1
            self._revision = revision if is_next else self._revision
        except ZeroGoError as error:
            _log.error("Accounts could not be sent, and will be: {reason}", reason=str(error))
        finally:
            self._sending.release()

    async def _send_settings(self) -> None:
        try:
            settings = await self._store.read(exit_gateways.read_settings, self._unix_time())
        except ZeroGoError as error:
            _log.error("Settings could not be sent: {reason}", reason=str(error))
            return
        known = {place.gateway for place in settings.places}
        for gateway in self._office.present:
            if str(gateway) not in known:
                await self._turn_away(gateway)
        self._settings = settings
        self._tell_all(self._with_loads(settings))

    async def _turn_away(self, gateway: NodeId) -> None:
        """A gateway that is not among those read: it was removed at another controller, or joined meanwhile."""
        try:
            await self._store.read(exit_gateways.find_gateway, gateway)
        except NotFound:
            self._pump.call(self._office.remove_gateway, gateway, REMOVED)
        except ZeroGoError as error:
            _log.error("Gateway {gateway} cannot be looked up: {reason}", gateway=str(gateway), reason=str(error))

    def _with_loads(self, settings: Settings) -> Settings:
        """With how many edges each gateway has at the moment."""
        here = {str(gateway): presence.edges for gateway, presence in self.presence().items()}
        places = [structs.replace(place, edges=here.get(place.gateway, 0)) for place in settings.places]
        return structs.replace(settings, places=places)

    async def _look_at_store(self) -> None:
        """What changed, and was not sent. Who wants a look during one has another one after it."""
        self._wants_look = True
        if self._is_looking:
            return
        self._is_looking = True
        try:
            while self._wants_look and self._office.present:
                self._wants_look = False
                await self._compare()
        except ZeroGoError as error:
            _log.error("The accounts cannot be read: {reason}", reason=str(error))
        finally:
            self._is_looking = False

    async def _compare(self) -> None:
        self._note_activity()
        if await self._store.read(exit_users.revision) != self._revision:
            await self._send_whole()
        if await self._store.read(exit_gateways.read_settings, self._unix_time()) != self._settings:
            await self._send_settings()
        if self._clock.seconds() - self._forgot_at >= FORGET_SECONDS:
            self._forgot_at = self._clock.seconds()
            await self._store.write(exit_usage.forget_old, self._audit_seconds, self._unix_time())

    def _note_activity(self) -> None:
        """What gateways tell of without asking for anything: streams that begin and end, edges that come and go."""
        here = self.presence().values()
        shown = [(one.gateway, one.streams, one.users, one.edges, one.is_draining) for one in here]
        if shown != self._shown:
            self._shown = shown
            self.shown_changed()

    async def _send_whole(self) -> None:
        await self._sending.acquire()
        try:
            revision, accounts = await self._store.read(exit_users.all_accounts)
            if revision != self._revision:
                self._note_rates(accounts)
                for message in whole(revision, accounts):
                    self._tell_all(message)
                self._revision = revision
        finally:
            self._sending.release()

    def _tell_all(self, message: OfficeMessage) -> None:
        self._pump.call(self._office.tell_all, message)

    def _note_rates(self, accounts: Sequence[Account]) -> None:
        self._pump.call(
            self._office.set_rates, [(account.name, account.upload, account.download) for account in accounts]
        )


def whole(revision: int, accounts: Sequence[Account]) -> list[Accounts]:
    """All accounts as messages."""
    found = []
    for start in range(0, max(1, len(accounts)), ACCOUNTS_LIMIT):
        end = start + ACCOUNTS_LIMIT
        part = list(accounts[start:end])
        found.append(Accounts(revision, part, is_first=start == 0, is_last=end >= len(accounts)))
    return found


async def _locked(lock: DeferredLock, work: Callable[[Any], Awaitable[None]], event: Any) -> None:
    await lock.acquire()
    try:
        await work(event)
    finally:
        lock.release()


def _spawn(work: Awaitable[None], what: str) -> None:
    deferred: Deferred[None] = ensureDeferred(work)  # type: ignore[arg-type]
    deferred.addErrback(lambda failure: _log.failure("A bug in {what}", failure, what=what))
