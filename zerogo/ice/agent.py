# -*- test-case-name: zerogo.test.ice.test_agent -*-
"""The ICE agent for one peer: a core that finds pairs which work, selects one, and keeps looking for better ones.

Theory of operation. Each pair is checked with STUN requests, one new check per 5 ms. An authentic answer makes a pair
valid; a valid pair is asked for consent from then on. An authentic request from the peer is always answered, also
before `start` and after every failure, and triggers a check the other way, to an address that was not known too. The
first valid pair is selected; the controlling agent nominates what it selects (USE-CANDIDATE, in every check on that
pair), the controlled one follows the last nomination. Pairs that failed are tried again in rounds (`rounds`).

What comes in is authenticated by the HMAC first. A message that fails costs a counter and changes nothing; a request
that is seen again from another source (a replay) is such a message.

`start` once, when signalling says so. `restart` begins again with the first round, for instance when addresses changed
or the peer was told to punch; valid pairs stay in use but have to prove themselves within seconds.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Iterator, Sequence

from attrs import define, frozen

from zerogo.core import Deadline, RandomBytes, TimerTable, Transmit, drain
from zerogo.ice.binding import ROLE_CONFLICT, Check, emit_answer, emit_role_conflict, read_check
from zerogo.ice.candidate import Candidate, CandidateKind, is_reachable_form
from zerogo.ice.checklist import Base, CandidatePair, Checklist, PairState, far_address
from zerogo.ice.checks import LooseChecks, SeenRequests, SentCheck, SentChecks
from zerogo.ice.consent import Consent
from zerogo.ice.credentials import Credentials
from zerogo.ice.events import ChecksFailed, IceEvent, PairLost, PairSelected, PairValid
from zerogo.ice.rounds import LATE_SECONDS, Rounds
from zerogo.ice.selection import UNANSWERED_LIMIT, Selection
from zerogo.ids import Endpoint, SideAddress, SocketAddress
from zerogo.stun.attributes import ErrorCode, XorMappedAddress
from zerogo.stun.integrity import Integrity
from zerogo.stun.message import Message, MessageClass, check_integrity
from zerogo.stun.transaction import CHECK_SCHEDULE

PACE_SECONDS = 0.005
"""Ta of RFC 8445 section 14: at least 5 ms between new checks."""
HASTEN_SECONDS = 0.02
"""A check under way is repeated at most so soon after its last send when the peer's own check comes in."""
CONSENT_SCHEDULE = (3.0,)
"""A check for consent is sent once (RFC 7675 section 5.1); after one without an answer the next ones are repeated, so
that heavy loss is not taken for a withdrawal."""
VERDICT_SECONDS = sum(CHECK_SCHEDULE) + LATE_SECONDS
"""Without a valid pair so long after a start, `ChecksFailed` says so."""
LOCAL_CANDIDATES_LIMIT = 64
TRANSMITS_LIMIT = 512
"""Datagrams waiting to be drained; the oldest are dropped, as the network may do too."""

__all__ = ["ChecksFailed", "IceAgent", "IceEvent", "PairLost", "PairSelected", "PairValid"]


class _Reason(enum.Enum):
    PACE = "next check"
    ROUND = "next round"
    VERDICT = "verdict"
    RETRANSMIT = "retransmission"
    CONSENT = "consent"
    EXPIRY = "expiry of consent"


@frozen
class _Timer:
    reason: _Reason
    remote: Endpoint | None = None

    def __str__(self) -> str:
        return self.reason.value if self.remote is None else f"{self.reason.value} {self.remote}"


@define
class AgentCounters:
    """What came in and was not believed."""

    requests_refused: int = 0
    requests_replayed: int = 0
    responses_refused: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.requests_refused + self.requests_replayed + self.responses_refused


class IceAgent:
    """One agent; see the module's theory of operation. All verbs take monotonic seconds last."""

    def __init__(
        self,
        *,
        controlling: bool,
        local: Credentials,
        remote: Credentials,
        tie_breaker: int,
        rng: RandomBytes,
        integrity: Integrity = Integrity.SHA1,
    ) -> None:
        """`tie_breaker` is 64 random bits; `integrity` is what our requests carry."""
        self.counters = AgentCounters()
        self._controlling = controlling
        self._local = local
        self._remote = remote
        self._tie_breaker = tie_breaker
        self._rng = rng
        self._checks = SentChecks(local, remote, integrity, rng)
        self._loose = LooseChecks()
        self._seen = SeenRequests()
        self._checklist = Checklist(controlling)
        self._selection = Selection()
        self._rounds = Rounds(local.ufrag, remote.ufrag)
        self._round = 0
        self._started_at: float | None = None
        self._paced_at = float("-inf")
        self._nominated: CandidatePair | None = None
        self._local_kinds: dict[SocketAddress, CandidateKind] = {}
        self._timers: TimerTable[_Timer] = TimerTable()
        self._transmits: deque[Transmit] = deque(maxlen=TRANSMITS_LIMIT)
        self._events: deque[IceEvent] = deque()

    @property
    def local_ufrag(self) -> str:
        """What requests to this agent are addressed to."""
        return self._local.ufrag

    @property
    def is_controlling(self) -> bool:
        """Whether this agent nominates."""
        return self._controlling

    @property
    def selected(self) -> Endpoint | None:
        """The endpoint in use."""
        return self._selection.selected.endpoint if self._selection.selected is not None else None

    @property
    def has_direct(self) -> bool:
        """Whether a pair works that no relay carries."""
        return any(
            isinstance(pair.endpoint, SocketAddress | SideAddress) and pair.remote.kind is not CandidateKind.RELAY
            for pair in self._checklist.valid()
        )

    def heard_side_addresses(self) -> list[SideAddress]:
        """Where the peer was authentically heard by side sockets, since the start."""
        heard = (pair.endpoint for pair in self._checklist if pair.was_heard)
        return [endpoint for endpoint in heard if isinstance(endpoint, SideAddress)]

    def owns_transaction(self, transaction_id: bytes) -> bool:
        """Whether a response with that id answers a check of this agent."""
        return transaction_id in self._checks or transaction_id in self._loose

    def add_local_candidate(self, candidate: Candidate, now: float) -> None:
        """An address of ours; only families with a local candidate are checked. It is the owner who tells the peer."""
        if len(self._local_kinds) >= LOCAL_CANDIDATES_LIMIT and candidate.address not in self._local_kinds:
            return
        self._local_kinds[candidate.address] = candidate.kind
        self._checklist.enable(Base.for_remote(candidate.address), candidate.priority)
        self._pace(now)

    def add_remote_candidate(self, candidate: Candidate, now: float) -> None:
        """An address that the peer told, checked at once after the start; what is senseless or too much is ignored."""
        if is_reachable_form(candidate.address, self._has_loopback()):
            self._checklist.admit(candidate)
            self._pace(now)

    def start(self, now: float) -> None:
        """Begin the first round; a second call does nothing."""
        if self._started_at is None:
            self._begin(now)

    def restart(self, now: float) -> None:
        """Begin again with the first round, and have valid pairs prove themselves."""
        self.suspect(now)
        self._begin(now)

    def hold(self) -> bool:
        """The peer begins anew: until `start`, check only what its checks come from. False where nothing had begun."""
        was_started, self._started_at = self._started_at is not None, None
        self._timers.cancel(_Timer(_Reason.VERDICT))
        self.rest()
        return was_started

    def rest(self) -> None:
        """Pairs that failed are not tried again before the next `restart`."""
        self._timers.cancel(_Timer(_Reason.ROUND))

    def suspect(self, now: float) -> None:
        """Something hints that paths have changed: a valid pair without an answer within 2.4 s is lost."""
        for pair in self._checklist.valid():
            pair.forget_samples()
            pair.is_suspect = True
            self._send_check(pair, CHECK_SCHEDULE, now)
        self._selection.pair_came_up(now)

    def receive_message(self, message: Message, raw: bytes, source: Endpoint, now: float) -> None:
        """A STUN message that was found to be for this agent; `raw` is its datagram. Never raises."""
        if message.message_class is MessageClass.REQUEST:
            self._receive_request(message, raw, source, now)
        elif message.message_class in (MessageClass.SUCCESS, MessageClass.ERROR):
            self._receive_response(message, raw, source, now)

    def loose_check(self) -> bytes:
        """A check that belongs to no pair, for guesses at where the peer may be: its owner sends it, to many places.

        An answer from any of them makes that place a pair. The latest 1,024 are remembered.
        """
        check = Check(
            controlling=self._controlling,
            tie_breaker=self._tie_breaker,
            priority=self._checklist.local_priority(Base.IPV4, CandidateKind.PRFLX),
        )
        return self._loose.make(check, self._local, self._remote, self._rng)

    def handle_timer(self, now: float) -> None:
        """Do what is due."""
        for timer in self._timers.take_due(now):
            pair = self._checklist.find(timer.remote) if timer.remote is not None else None
            match timer.reason:
                case _Reason.PACE:
                    self._check_next(now)
                case _Reason.ROUND:
                    self._next_round(now)
                case _Reason.VERDICT:
                    self._give_verdict()
                case _Reason.RETRANSMIT if pair is not None:
                    self._retransmit(pair, now)
                case _Reason.CONSENT if pair is not None and pair.is_valid:
                    self._ask_consent(pair, now)
                case _Reason.EXPIRY if pair is not None and pair.is_valid:
                    self._lose(pair, now)

    def next_timer(self) -> Deadline | None:
        """The earliest deadline."""
        return self._timers.next()

    def next_at(self) -> float | None:
        """When that is."""
        return self._timers.next_at()

    def transmits(self) -> Iterator[Transmit]:
        """Drain what is to be sent from the data socket."""
        return drain(self._transmits)

    def events(self) -> Iterator[IceEvent]:
        """Drain what happened."""
        return drain(self._events)

    def _begin(self, now: float) -> None:
        self._started_at = now
        self._round = 0
        self._checklist.forget_heard()
        self._checklist.begin_round()
        self._timers.set(_Timer(_Reason.VERDICT), now + VERDICT_SECONDS)
        self._arm_round()
        self._pace(now)

    def _arm_round(self) -> None:
        assert self._started_at is not None
        offset = self._rounds.offset(self._round + 1, self._controlling)
        self._timers.set(_Timer(_Reason.ROUND), self._started_at + offset)

    def _next_round(self, now: float) -> None:
        self._round += 1
        self._checklist.begin_round()
        self._arm_round()
        self._pace(now)

    def _give_verdict(self) -> None:
        if self._checklist.valid():
            return
        if len(self._checklist) == 0:
            reason = "the peer has told no address that this machine could try"
        elif any(pair.was_heard for pair in self._checklist):
            reason = "the peer's checks arrive here, but none of ours is answered"
        else:
            reason = f"no answer from any of {len(self._checklist)} addresses of the peer"
        self._events.append(ChecksFailed(reason))

    def _pace(self, now: float) -> None:
        """Check at once where the last new check is long enough ago, else as soon as it is."""
        if not self._checklist.has_next(only_triggered=self._started_at is None):
            return
        due_at = self._paced_at + PACE_SECONDS
        if now >= due_at:
            self._check_next(now)
        else:
            self._timers.set(_Timer(_Reason.PACE), due_at)

    def _check_next(self, now: float) -> None:
        if not self._checklist.has_next(only_triggered=self._started_at is None):
            return
        pair = self._checklist.take_next()
        assert pair is not None
        pair.state = PairState.IN_PROGRESS
        self._paced_at = now
        self._send_check(pair, CHECK_SCHEDULE, now)
        if self._checklist.has_next(only_triggered=self._started_at is None):
            self._timers.set(_Timer(_Reason.PACE), now + PACE_SECONDS)

    def _send_check(self, pair: CandidatePair, schedule: Sequence[float], now: float) -> None:
        """A new transaction on the pair; it takes the place of the one under way."""
        check = Check(
            controlling=self._controlling,
            tie_breaker=self._tie_breaker,
            priority=self._checklist.local_priority(pair.base, CandidateKind.PRFLX),
            nominates=self._controlling and pair is self._selection.selected,
        )
        self._checks.open(pair, check, schedule, now)
        self._retransmit(pair, now)

    def _retransmit(self, pair: CandidatePair, now: float) -> None:
        """Send the check under way where it is due; give it up where its time is over."""
        transaction = pair.check
        if transaction is None:
            return
        if transaction.is_expired(now):
            self._check_failed(pair, now)
            return
        payload = transaction.take_due(now)
        if payload is not None:
            self._transmits.append(Transmit(pair.endpoint, payload))
        self._timers.set(_Timer(_Reason.RETRANSMIT, pair.endpoint), transaction.next_at)

    def _check_failed(self, pair: CandidatePair, now: float) -> None:
        """The check under way was given up."""
        if not pair.is_valid:
            pair.state = PairState.FAILED
            self._pace(now)
        elif pair.is_suspect:
            self._lose(pair, now)
        else:
            assert pair.check is not None
            pair.unanswered += UNANSWERED_LIMIT if pair.check.sends > 1 else 1
            self._reselect(now)

    def _receive_request(self, message: Message, raw: bytes, source: Endpoint, now: float) -> None:
        check = read_check(message, raw, self._local, self._remote)
        if check is None:
            self.counters.requests_refused += 1
        elif self._seen.is_replay(message.transaction_id, source):
            self.counters.requests_replayed += 1
        elif check.controlling == self._controlling and not self._gives_way(check):
            self._transmits.append(Transmit(source, emit_role_conflict(message, self._local)))
        else:
            if check.controlling == self._controlling:
                self._switch_role(now)
            self._transmits.append(Transmit(source, emit_answer(message, far_address(source), self._local)))
            self._heard(check, source, now)

    def _gives_way(self, check: Check) -> bool:
        """Whether it is us who switch where both claim the same role (RFC 8445 section 7.3.1.1)."""
        return self._controlling == (self._tie_breaker < check.tie_breaker)

    def _switch_role(self, now: float) -> None:
        self._controlling = not self._controlling
        self._nominated = None
        self._checklist.set_role(self._controlling)
        if self._controlling and self._selection.selected is not None:
            self._send_check(self._selection.selected, CHECK_SCHEDULE, now)

    def _heard(self, check: Check, source: Endpoint, now: float) -> None:
        """An authentic check came from there: learn the address, follow a nomination, check the other way."""
        address = far_address(source)
        base = Base.for_remote(address)
        self._checklist.enable(base, self._checklist.local_priority(base, CandidateKind.HOST))
        pair = self._checklist.find(source)
        if pair is None:
            pair = self._checklist.admit(Candidate.peer_reflexive(address, check.priority), source)
        if pair is None:
            return
        pair.was_heard = True
        if check.nominates and not self._controlling:
            self._nominated = pair
        if pair.is_valid:
            self._reselect(now)
        elif pair.state is PairState.IN_PROGRESS and pair.check is not None:
            pair.check.hasten(max(now, pair.check.last_sent_at + HASTEN_SECONDS))
            self._retransmit(pair, now)
        else:
            self._checklist.trigger(pair)
            self._pace(now)

    def _receive_response(self, message: Message, raw: bytes, source: Endpoint, now: float) -> None:
        mapped, error = message.get(XorMappedAddress), message.get(ErrorCode)
        is_success = message.message_class is MessageClass.SUCCESS
        if message.transaction_id in self._loose:
            self._receive_loose(message, raw, source, now)
            return
        is_complete = mapped is not None if is_success else error is not None
        sent = self._checks.close(message, raw, source) if is_complete else None
        if sent is None:
            self.counters.responses_refused += 1
        elif is_success:
            assert mapped is not None
            self._succeed(sent, mapped.address, now)
        else:
            assert error is not None
            self._receive_error(sent, error, now)

    def _receive_loose(self, message: Message, raw: bytes, source: Endpoint, now: float) -> None:
        """A check that was sent to places without a pair is answered from this one: check it as one of a pair."""
        if not check_integrity(raw, self._remote.key) or message.unknown_required:
            self.counters.responses_refused += 1
            return
        pair = self._checklist.find(source)
        if pair is None:
            address = far_address(source)
            priority = self._checklist.local_priority(Base.for_remote(address), CandidateKind.PRFLX)
            pair = self._checklist.admit(Candidate.peer_reflexive(address, priority), source)
        if pair is None:
            return
        pair.was_heard = True
        if not pair.is_valid and pair.state is not PairState.IN_PROGRESS:
            self._checklist.trigger(pair)
            self._pace(now)

    def _receive_error(self, sent: SentCheck, error: ErrorCode, now: float) -> None:
        """On a role conflict switch, unless that has happened since, and check again; any other error is a failure."""
        pair = sent.pair
        if error.code == ROLE_CONFLICT:
            if sent.controlling == self._controlling:
                self._switch_role(now)
            if not pair.is_valid:
                self._checklist.trigger(pair)
        elif pair.state is PairState.IN_PROGRESS and pair.check is None:
            pair.state = PairState.FAILED
        self._pace(now)

    def _succeed(self, sent: SentCheck, mapped: SocketAddress, now: float) -> None:
        pair, rtt = sent.pair, sent.transaction.rtt(now)
        pair.add_sample(rtt, is_exact=sent.transaction.sends == 1)
        was_in_doubt, pair.is_suspect = pair.is_suspect, False
        pair.unanswered = 0
        pair.state = PairState.SUCCEEDED
        pair.local_kind = self._local_kinds.get(mapped, CandidateKind.PRFLX)
        if pair.consent is None:
            pair.consent = Consent(self._rng, now)
            self._selection.pair_came_up(now)
            was_in_doubt = True
        else:
            pair.consent.grant(now)
        if was_in_doubt:
            self._events.append(PairValid(pair.endpoint, pair.local_kind, pair.remote.kind, pair.likely_rtt, mapped))
        self._arm_consent(pair)
        self._reselect(now)
        self._pace(now)

    def _arm_consent(self, pair: CandidatePair) -> None:
        if pair.consent is None:
            return
        is_selected = pair is self._selection.selected
        self._timers.set(_Timer(_Reason.CONSENT, pair.endpoint), pair.consent.next_ask_at(is_selected))
        self._timers.set(_Timer(_Reason.EXPIRY, pair.endpoint), pair.consent.expires_at(is_selected))

    def _ask_consent(self, pair: CandidatePair, now: float) -> None:
        assert pair.consent is not None
        pair.consent.ask(now)
        if pair.check is None or pair.check.is_expired(now):
            self._send_check(pair, CHECK_SCHEDULE if pair.unanswered else CONSENT_SCHEDULE, now)
        self._arm_consent(pair)

    def _lose(self, pair: CandidatePair, now: float) -> None:
        """The pair does not answer any more; it is checked again like any that does not work."""
        pair.consent = None
        pair.is_suspect = False
        pair.unanswered = 0
        pair.forget_samples()
        pair.state = PairState.WAITING
        if self._nominated is pair:
            self._nominated = None
        self._events.append(PairLost(pair.endpoint))
        self._reselect(now)
        if self._selection.selected is None and self._started_at is not None:
            self._begin(now)
        self._pace(now)

    def _reselect(self, now: float) -> None:
        """Use the nominated pair where the peer nominates, else the best one; nominate it where we do."""
        previous = self._selection.selected
        choice = self._nominated
        if choice is None or not choice.is_valid:
            choice = self._selection.choose(self._checklist.valid(), now)
        if choice is previous:
            return
        self._selection.selected = choice
        if previous is not None:
            self._arm_consent(previous)
        if choice is None:
            return
        self._events.append(PairSelected(choice.endpoint, choice.local_kind, choice.remote.kind, choice.likely_rtt))
        self._arm_consent(choice)
        if self._controlling:
            self._send_check(choice, CHECK_SCHEDULE, now)

    def _has_loopback(self) -> bool:
        return any(is_reachable_form(each, True) and not is_reachable_form(each) for each in self._local_kinds)
