# -*- test-case-name: zerogo.test.controller.test_fellow_view -*-
"""What dashboards show of members that are connected to other controllers of the same database.

Each controller says who comes and goes, and every `RENEW_SECONDS` who is here; a member of which no word came for
`LEASE_SECONDS` is gone, and so are those of a controller that died. While a dashboard is open anywhere, all
controllers have their members report often and pass on what these tell; when one is opened, they begin with all they
know.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

from zerogo.control.coordinator_events import Presence
from zerogo.control.fellow_words import (
    MEMBERS_LIMIT,
    Looking,
    MemberGone,
    MemberHere,
    MemberReported,
    MembersHere,
    Word,
)
from zerogo.control.messages import LinksReport, emit_message, parse_member_message
from zerogo.controller.link_book import LinkBook
from zerogo.ids import NetworkId, NodeId

RENEW_SECONDS = 20.0
LEASE_SECONDS = 65.0
"""Three renewals, and a little."""

Member = tuple[NetworkId, NodeId]


class FellowView:
    """Of one controller. `tell` goes to the others; `came` and `went` are told of members elsewhere."""

    def __init__(
        self,
        book: LinkBook,
        clock: IReactorTime,
        unix_time: Callable[[], float],
        *,
        came: Callable[[NetworkId, NodeId], object],
        went: Callable[[NetworkId, NodeId], object],
        looking_changed: Callable[[], object],
    ) -> None:
        self.tell: Callable[[Word], object] = lambda word: None
        self._book = book
        self._clock = clock
        self._unix_time = unix_time
        self._came = came
        self._went = went
        self._looking_changed = looking_changed
        self._here: dict[Member, None] = {}
        self._elsewhere: dict[Member, float] = {}
        """Until when each is believed to be there."""
        self._is_looking = False
        self._others_look_until = float("-inf")
        self._renewals = LoopingCall(self._renew)
        self._renewals.clock = clock

    def start(self) -> None:
        """Begin to say who is here."""
        self._renewals.start(RENEW_SECONDS, now=False)

    def stop(self) -> None:
        """End."""
        if self._renewals.running:
            self._renewals.stop()

    @property
    def do_others_look(self) -> bool:
        """Whether a dashboard is open at another controller."""
        return self._clock.seconds() < self._others_look_until

    def presence(self, network: NetworkId) -> dict[NodeId, Presence]:
        """Members that are connected to another controller."""
        elsewhere = Presence(source="", connected_seconds=0.0, rtt=None)
        return {node_id: elsewhere for here, node_id in self._elsewhere if here == network}

    def is_elsewhere(self, network: NetworkId, node_id: NodeId) -> bool:
        """Whether a member is connected to another controller."""
        return (network, node_id) in self._elsewhere

    # This controller

    def connected(self, network: NetworkId, node_id: NodeId) -> None:
        """A member is here, which others are told by the membership."""
        self._here[network, node_id] = None
        self._elsewhere.pop((network, node_id), None)

    def disconnected(self, network: NetworkId, node_id: NodeId) -> None:
        """A member is not here any more. One that came to another controller is there."""
        self._here.pop((network, node_id), None)
        if (network, node_id) not in self._elsewhere:
            self.tell(MemberGone(network.raw, node_id.raw))

    def reported(self, network: NetworkId, node_id: NodeId, report: LinksReport) -> None:
        """A member that is here told of its links."""
        if self.do_others_look:
            self.tell(MemberReported(network.raw, node_id.raw, emit_message(report)))

    def look(self, is_looking: bool) -> None:
        """A dashboard is open here, or none is any more."""
        if is_looking != self._is_looking:
            self._is_looking = is_looking
            self.tell(Looking(is_looking))

    # The others

    def heard(self, word: Word) -> LinksReport | None:
        """What another controller says; a report of a member's links is for the caller."""
        match word:
            case MemberHere():
                self._believe(word.network, word.node_id)
            case MembersHere(nodes=nodes):
                for raw in nodes:
                    if (word.network, NodeId(raw)) not in self._here:
                        self._believe(word.network, NodeId(raw))
            case MemberGone():
                if self._elsewhere.pop((word.network, word.node_id), None) is not None:
                    self._went(word.network, word.node_id)
            case MemberReported(report=content):
                message = parse_member_message(content)
                if (word.network, word.node_id) in self._elsewhere and isinstance(message, LinksReport):
                    return message
            case Looking(is_open):
                self._others(is_open)
        return None

    def _believe(self, network: NetworkId, node_id: NodeId) -> None:
        is_new = (network, node_id) not in self._elsewhere
        self._elsewhere[network, node_id] = self._clock.seconds() + LEASE_SECONDS
        if is_new:
            self._came(network, node_id)

    def _others(self, is_open: bool) -> None:
        did_look = self._others_look_until > float("-inf")
        self._others_look_until = self._clock.seconds() + LEASE_SECONDS if is_open else float("-inf")
        if is_open == did_look:
            return
        self._looking_changed()
        if is_open:
            self._say_all_here()
            for network, node_id in self._here:
                for report in self._book.words_of(network, node_id, self._unix_time()):
                    self.reported(network, node_id, report)

    def _renew(self) -> None:
        self._say_all_here()
        if self._is_looking:
            self.tell(Looking(True))
        if not self.do_others_look:
            self._others(False)
        now = self._clock.seconds()
        for member in [member for member, until in self._elsewhere.items() if until <= now]:
            del self._elsewhere[member]
            self._went(*member)

    def _say_all_here(self) -> None:
        nodes: dict[NetworkId, list[bytes]] = {}
        for network, node_id in self._here:
            nodes.setdefault(network, []).append(node_id.raw)
        for network, found in nodes.items():
            for start in range(0, len(found), MEMBERS_LIMIT):
                self.tell(MembersHere(network.raw, found[start : start + MEMBERS_LIMIT]))
