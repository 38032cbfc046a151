# -*- test-case-name: zerogo.test.mesh.test_search -*-
"""The search for one peer: its signals, its ICE agent, and when the checks begin, at first and again.

A search begins with a signal. The checks begin when the controller says so (`punch`); without its word, half a second
after the peer's addresses are known. A peer that told nothing counts as unreachable after 3 seconds, though checks of
its own are answered at any time. The ICE agent tries again by itself, in rounds; a search begins anew, with another
epoch, when this node's network changed, when a connected peer was lost, when the controller is in reach again, and in
any case some time after a failure: soon, and then less and less often, while the peer is heard from.

Some routers take a datagram that comes in before any went out for a flow of their own: Linux that masquerades and lets
packets to itself in. What the node inside then sends to that peer gets a port that the peer does not know, for as long
as such datagrams come and `nf_conntrack_udp_timeout` (30 s, some 60 s) after the last. So a peer that begins anew is
sent nothing before the common moment, unless it is reached directly; where plain checks failed often, both ends send
nothing for longer than that, and begin again at a common moment. What a relay carries goes on meanwhile.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence

from attrs import define, field

from zerogo.core import TimerTable, Transmit
from zerogo.ice.agent import IceAgent, IceEvent
from zerogo.ice.candidate import Candidate
from zerogo.ice.nature import Recipe
from zerogo.ids import Endpoint
from zerogo.mesh import reasons
from zerogo.mesh.context import NodeContext
from zerogo.mesh.credentials import PairSecrets
from zerogo.mesh.punching import Punching
from zerogo.mesh.signal import Offer, Relayed
from zerogo.mesh.signalling import PUNCH_GAP_SECONDS, Hearing, Signalling
from zerogo.mesh.spec import PeerSpec
from zerogo.mesh.status import Refusal
from zerogo.stun.integrity import Integrity
from zerogo.stun.message import Message

START_ALONE_SECONDS = 0.5
PATIENCE_SECONDS = 3.0
OVERTAKE_SECONDS = 0.2
"""By so much the word of a common moment may overtake the signal that it is about, which goes by relays as well."""
AGAIN_SECONDS = 60.0
SOON_AGAIN_SECONDS = 2.0
"""After a failure although the peer was heard from; doubles with each further one."""
QUIET_AFTER_FAILURES = 2
QUIET_SECONDS = (40.0, 75.0)
"""After further failures of plain checks: once the first, then the second. Nothing is sent to the peer's addresses."""
AGAIN_JITTER_SHARE = 0.2
_TIE_BREAKER_BYTES = 8
_FAILURES_LIMIT = 10


class _Timer(enum.StrEnum):
    START = "start checks"
    PATIENCE = "silence of the peer"
    AGAIN = "search again"


@define(eq=False)
class Search:
    """One peer's. Verbs take monotonic seconds last."""

    _context: NodeContext
    spec: PeerSpec
    _secrets: PairSecrets = field(repr=False)
    leads: bool
    _peer: int
    """The peer's number in this node."""
    ice: IceAgent = field(init=False)
    signalling: Signalling = field(init=False)
    punching: Punching = field(init=False)
    failure: str = field(default="", init=False)
    """Why the last search found nothing; empty while one goes on."""
    began_at: float | None = field(default=None, init=False)
    """When the peer began to be looked for that is not found yet, or was found last."""
    seconds_to_offer: float | None = field(default=None, init=False)
    """From then until the peer had told all that it knows of where it may be reached."""
    seconds_to_checks: float | None = field(default=None, init=False)
    """Until the checks began, at the moment that the controller had set for both."""
    seconds_to_direct: float | None = field(default=None, init=False)
    _offer: Offer = field(factory=Offer, init=False)
    _was_heard: bool = field(default=False, init=False)
    """Whether the peer sent a signal since the last failure."""
    _is_verdict: bool = field(default=False, init=False)
    """Whether the failure is that of checks, and not of a peer that is silent or has shut down."""
    _failures: int = field(default=0, init=False)
    """In a row, of a peer that was heard from."""
    _moment: float | None = field(default=None, init=False)
    """When the checks of both begin, or began; as the controller said of this pair of epochs."""
    _told: float | None = field(default=None, init=False)
    """The last moment that the controller told, also where an earlier one counts."""
    _is_held: bool = field(default=False, init=False)
    """Whether checks that were under way wait for the common moment."""
    _timers: TimerTable[_Timer] = field(factory=TimerTable, init=False)

    def __attrs_post_init__(self) -> None:
        """An agent answers checks from the first moment on."""
        self.ice = self._new_agent()
        self.punching = Punching(self._context, self._peer)
        self.signalling = Signalling(self._context, self.spec.node_id, self._secrets, self.leads)

    @property
    def has_verdict(self) -> bool:
        """Whether checks failed, which says more than that the peer is silent or has shut down."""
        return self._is_verdict

    @property
    def is_begun(self) -> bool:
        """Whether the peer was ever looked for."""
        return self.signalling.epoch != 0

    def begin(self, now: float) -> None:
        """Look for the peer, or begin anew to."""
        self._search_goes_on(now)
        self._begin(now)

    def _begin(self, now: float) -> None:
        self.signalling.begin(now)
        self.signalling.plan_punch(self._offer, now)
        endpoints = self.spec.endpoints if self._context.policy.p2p_enabled else ()
        for rank, endpoint in enumerate(endpoints):
            self.ice.add_remote_candidate(Candidate.host(endpoint, position=rank), now)
        self._timers.cancel(_Timer.AGAIN)
        self._moment = self._told = None
        if self.spec.endpoints or self.signalling.remote is not None:
            self._timers.set(_Timer.START, now + START_ALONE_SECONDS)
        else:
            self._timers.set(_Timer.PATIENCE, now + PATIENCE_SECONDS)

    def begin_anew(self, now: float) -> None:
        """Addresses changed or paths died: begin anew, and have every pair prove itself."""
        self.begin(now)
        self.ice.restart(now)

    def controller_connected(self, now: float) -> None:
        """Signals get through from now on; those from before may be lost."""
        self.signalling.forget_asked()
        self._failures = 0
        self.begin(now)

    def set_offer(self, offer: Offer, now: float) -> None:
        """What this node knows about its own addresses; told to the peer if it is being looked for."""
        before, self._offer = self._offer, offer
        self.punching.learn(offer, self.signalling.remote_offer, now)
        self._add_local_candidates(now)
        # Also to a peer that needs no open port of ours while all is well: it remembers them.
        told, known = ((each.candidates, each.streams, each.nat, each.relayed) for each in (offer, before))
        is_found = self.seconds_to_direct is not None
        if self.is_begun and (told != known or not is_found):
            self.signalling.changed(now)
            self.signalling.plan_punch(offer, now)

    def receive_signal(self, blob: bytes, now: float, *, place: Relayed | None = None) -> bool:
        """A signal of the peer; True where it began anew, which begins the search here too. Raises `ParseError`."""
        hearing = self.signalling.receive(blob, self._offer, now, place=place)
        if hearing is Hearing.STALE:
            return False
        self._was_heard = True
        if hearing is Hearing.NEW_EPOCH:
            self._await_moment(now)
        if self.seconds_to_offer is None and self.signalling.remote_offer.is_complete:
            self.seconds_to_offer = self._seconds(now)
        if self._context.policy.p2p_enabled:
            for candidate in self.signalling.remote_offer.candidates:
                self.ice.add_remote_candidate(candidate, now)
        self._timers.cancel(_Timer.PATIENCE)
        self.punching.learn(self._offer, self.signalling.remote_offer, now)
        window = self.signalling.remote.window if self.signalling.remote is not None else None
        if window is not None:
            self.punching.told(window, self.signalling.remote_offer, self._offer, self.ice, now)
        if hearing is Hearing.MORE:
            return False
        if not self._is_verdict:
            self._search_goes_on(now)
        if not self.is_begun:
            self.begin(now)
        elif not self._timers.is_set(_Timer.START):
            self._timers.set(_Timer.START, now + START_ALONE_SECONDS)
        return True

    def _await_moment(self, now: float) -> None:
        """The peer began anew: moments from before do not count, unless the word of one overtook the signal."""
        if self._told is not None and self._told >= now - OVERTAKE_SECONDS:
            if self._told != self._moment:
                self._moment = self._told
                self._timers.set(_Timer.START, max(now, self._told))
            if self._told <= now:
                return
        else:
            self._moment = None
        if not self.ice.has_direct:
            # A check of ours that is there before the peer's own went out may cost it the port that we know.
            self._is_held = self.ice.hold() or self._is_held

    def compose_signal(self) -> bytes | None:
        """What this end has to tell at this moment; None where the peer is not looked for."""
        return self.signalling.compose(self._offer) if self.is_begun else None

    def punch(self, delay: float, now: float) -> None:
        """The controller has both ends start their checks in `delay` seconds. Where each end asked, the first moment
        counts: of those of one pair of epochs."""
        self.signalling.punch_told()
        moment = self._told = now + max(0.0, delay)
        if self._moment is None or moment < self._moment or moment >= self._moment + PUNCH_GAP_SECONDS:
            self._moment = moment
            self._timers.set(_Timer.START, moment)

    def side_sockets_opened(self, numbers: Sequence[int], now: float) -> None:
        """The driver opened side sockets for this peer, or none."""
        self.punching.hard.sockets_opened_by_driver(numbers, now)
        self._tell_window(now)

    def owns(self, transaction_id: bytes) -> bool:
        """Whether a response with that id answers a request of this search."""
        return self.ice.owns_transaction(transaction_id) or self.punching.owns(transaction_id)

    def receive_message(self, message: Message, raw: bytes, source: Endpoint, now: float) -> None:
        """A STUN message that names this pair; one that its agent does not believe is counted."""
        if self.punching.owns(message.transaction_id):
            self.punching.receive_answer(message, source, now)
            return
        refused = self.ice.counters.total
        self.ice.receive_message(message, raw, source, now)
        if self.ice.counters.total != refused:
            self._context.outbox.refuse(Refusal.FORGED_STUN)

    def pair_found(self) -> None:
        """A pair works: what was said about failed checks is not so any more."""
        self.failure, self._is_verdict = "", False

    def found(self, now: float) -> None:
        """The peer is connected."""
        self.pair_found()
        self._failures = 0
        self._timers.cancel(_Timer.AGAIN)
        if self.seconds_to_direct is None:
            self.seconds_to_direct = self._seconds(now)

    def fail(self, reason: str, now: float) -> None:
        """Nothing was found, for this reason; search again later."""
        self.failure, self._is_verdict = reason, False
        wait = AGAIN_SECONDS
        if self._was_heard:
            wait = self._wait()
            self._failures = min(self._failures + 1, _FAILURES_LIMIT)
        self._was_heard = False
        jitter = 1 + AGAIN_JITTER_SHARE * (self._context.fraction() - 0.5)
        self._timers.set(_Timer.AGAIN, now + wait * jitter)

    def _wait(self) -> float:
        """Seconds until a peer that was heard from is searched again."""
        quiet = self._failures - QUIET_AFTER_FAILURES
        if quiet < 0 or self.punching.recipe is not Recipe.PLAIN:
            return min(SOON_AGAIN_SECONDS * 2.0**self._failures, AGAIN_SECONDS)
        self.ice.rest()
        return QUIET_SECONDS[min(quiet, len(QUIET_SECONDS) - 1)]

    def checks_failed(self, verdict: str, now: float) -> None:
        """The ICE agent found nothing; it goes on in rounds."""
        if not self._context.policy.p2p_enabled:
            self.fail(reasons.P2P_DISABLED, now)
        else:
            self.fail(reasons.explain_failure(verdict, self._offer, self.signalling.remote_offer), now)
        self._is_verdict = True

    def renew_agent(self, now: float) -> None:
        """Forget all pairs and begin as if the peer had never been seen."""
        self.punching.clear()
        self.ice = self._new_agent()
        self._add_local_candidates(now)

    def handle_timer(self, now: float, *, is_well_connected: bool) -> None:
        """Do what is due. A peer that is well connected is not searched because others say so."""
        for timer in self._timers.take_due(now):
            match timer:
                case _Timer.START:
                    self.seconds_to_checks = self.seconds_to_checks or self._seconds(now)
                    if self._context.policy.p2p_enabled:
                        self.punching.begin(self._offer, self.signalling.remote_offer, now)
                    if not is_well_connected:
                        self.ice.restart(now)
                    elif self._is_held:
                        self.ice.start(now)
                    self._is_held = False
                case _Timer.PATIENCE:
                    self.ice.start(now)
                    self.fail(reasons.NO_SIGNAL, now)
                case _Timer.AGAIN if self._is_verdict:
                    # People keep reading why it did not work last time until it does.
                    self._begin(now)
                case _Timer.AGAIN:
                    self.begin(now)
        checks_at = self.ice.next_at()
        if checks_at is not None and checks_at <= now:
            self.ice.handle_timer(now)
        self.punching.handle_timer(self.ice, now)
        self._tell_window(now)
        self.signalling.handle_timer(self._offer, now)

    def next_at(self) -> float | None:
        """When `handle_timer` is wanted."""
        times = [self._timers.next_at(), self.ice.next_at(), self.signalling.next_at(), self.punching.next_at()]
        return min((at for at in times if at is not None), default=None)

    def next_try_in(self, now: float) -> float | None:
        """Seconds until something more is tried, after a failure."""
        at = self.next_at()
        return None if at is None or not self.failure else max(0.0, at - now)

    def lost(self, now: float) -> None:
        """The peer was connected and is not."""
        self.began_at, self.seconds_to_direct = now, None
        self.seconds_to_offer = self.seconds_to_checks = None

    def events(self) -> Iterator[IceEvent]:
        """Drain what the ICE agent found."""
        return self.ice.events()

    def transmits(self, now: float) -> Iterator[Transmit]:
        """Drain the checks and answers of the ICE agent, and what goes out for hard NATs."""
        yield from self.ice.transmits()
        yield from self.punching.transmits(self.ice, now)

    def _seconds(self, now: float) -> float | None:
        return None if self.began_at is None else now - self.began_at

    def _tell_window(self, now: float) -> None:
        window, told = self.punching.window, self.signalling.window
        self.signalling.window = window
        if window is not None and window != told:
            self.signalling.hasten(now)

    def _search_goes_on(self, now: float) -> None:
        self.failure, self._is_verdict = "", False
        if self.began_at is None:
            self.began_at = now

    def _add_local_candidates(self, now: float) -> None:
        for candidate in self._offer.candidates:
            self.ice.add_local_candidate(candidate, now)

    def _new_agent(self) -> IceAgent:
        return IceAgent(
            controlling=self.leads,
            local=self._secrets.local,
            remote=self._secrets.remote,
            tie_breaker=int.from_bytes(self._context.rng(_TIE_BREAKER_BYTES), "big"),
            rng=self._context.rng,
            integrity=Integrity.SHA256,
        )
