# -*- test-case-name: zerogo.test.edge.test_owner -*-
"""What holds at all gateways of an edge: its owner's policy, pause and limits, and what is counted for the owner.

Limits are what a month may carry, how fast all streams together may be, and at which hours. What the month has carried
is kept on disk, so that a restart does not begin it anew.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from attrs import frozen
from twisted.logger import Logger

from zerogo.config.edge import EdgeConfig
from zerogo.edge.state_dir import EdgeState
from zerogo.errors import EnvironmentFault, ParseError
from zerogo.exit.exit_policy import ExitPolicy
from zerogo.exit.frames import Command, Open
from zerogo.exit.owner_limits import MonthUse
from zerogo.exit.rate import RateLimit
from zerogo.exit.reason import Reason
from zerogo.net.exit_targets import EdgeCounters, Lookups, Resolve, TargetSettings
from zerogo.policy.addresses import Address, AddressRule, canonical, parse_address

OWN_ADDRESSES_SECONDS = 10.0
"""So old may be what is known of this machine's addresses."""
RECENT = 50
"""Destinations that the owner is shown."""
GIGABYTE = 1_000_000_000
BITS_PER_MEGABIT = 1_000_000

_log = Logger(namespace="zerogo.edge")


@frozen
class Surroundings:
    """What an edge needs of its machine."""

    reactor: Any
    resolve: Resolve
    own_addresses: Callable[[], list[str]]
    """Of all interfaces; raises `EnvironmentFault`."""


class EdgeOwner:
    """One edge's owner. `streams` is set to what counts the live streams of all tunnels."""

    streams: Callable[[], int]

    def __init__(
        self, config: EdgeConfig, around: Surroundings, state: EdgeState, unix_time: Callable[[], float]
    ) -> None:
        self.counters = EdgeCounters()
        self.is_paused = False
        self.recent: deque[str] = deque(maxlen=RECENT)
        self.seen: dict[str, None] = {}
        """Where gateways see this edge; not to be connected to."""
        self.streams = lambda: 0
        self._config = config
        self._around = around
        self._state = state
        self._unix_time = unix_time
        self._month = state.month_use() or MonthUse("")
        self._counted = 0
        self._rules = ExitPolicy(config.rules, AddressRule(config.open_ranges))
        self._policy = self._rules
        self._policy_at: float | None = None
        lookups = Lookups(around.resolve, around.reactor)
        rate = int(config.megabits * BITS_PER_MEGABIT / 8)
        now = around.reactor.seconds()
        limits = (RateLimit(rate, now), RateLimit(rate, now)) if rate else None
        self.settings = TargetSettings(self.policy, lookups, around.reactor, self.counters, limits)

    @property
    def month(self) -> MonthUse:
        """What this month has carried."""
        total = self.counters.sent + self.counters.received
        self._month = self._month.at(self._unix_time()).plus(total - self._counted)
        self._counted = total
        return self._month

    def closed_reason(self) -> str:
        """Why no streams are taken at the moment; empty: they are."""
        config = self._config
        if self.is_paused:
            return "the owner paused this edge"
        if config.hours and not any(hours.holds(self._unix_time()) for hours in config.hours):
            return "it is not an hour at which the owner lends this edge"
        if config.monthly_gigabytes and self.month.used >= config.monthly_gigabytes * GIGABYTE:
            return "this month's gigabytes are used up"
        return ""

    def refusal(self, request: Open) -> Reason | None:
        """Why a stream is not taken; None where it is."""
        if self.closed_reason():
            return Reason.OWNER
        if self.streams() > self._config.streams:
            return Reason.OVERLOADED
        if request.command is not Command.DATAGRAMS:
            self.recent.append(str(request.target))
        try:
            self.policy()
        except EnvironmentFault as error:
            _log.error("nothing is let through: {reason}", reason=str(error))
            return Reason.INTERNAL
        return None

    def keep(self) -> None:
        """Write down what the month has carried."""
        try:
            self._state.save_month_use(self.month)
        except EnvironmentFault as error:
            _log.error("What this month has carried is not kept: {reason}", reason=str(error))

    def noted_at(self, seen: str) -> None:
        """A gateway says where it sees this edge."""
        self.seen[seen] = None
        self._policy_at = None

    def policy(self) -> ExitPolicy:
        """The rules, with the addresses that this machine has at the moment. Without those nothing is let through."""
        now = self._around.reactor.seconds()
        if self._policy_at is None or now - self._policy_at > OWN_ADDRESSES_SECONDS:
            hosts = (*self._around.own_addresses(), *self.seen)
            own = {parsed for host in hosts if (parsed := parsed_address(host)) and not parsed.is_loopback}
            self._policy = ExitPolicy(self._rules.rules, self._rules.opened, frozenset(own))
            self._policy_at = now
        return self._policy


def parsed_address(host: str) -> Address | None:
    """An address in its plain form; None for what is none."""
    try:
        return canonical(parse_address(host))
    except ParseError:
        return None
