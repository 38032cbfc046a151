# -*- test-case-name: zerogo.test.gateway.test_two_controllers -*-
"""What controllers of one database tell each other of their gateways: who is here, and who is busy there.

Once a second each tells of every gateway whose users or figures are others than it told, and of all of them each
`RENEW_SECONDS`, since words are lost. So all divide a user's rates over all gateways (`zerogo.control.gateways`), each
telling its own gateways their parts.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import structs
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

from zerogo.control.fellow_words import (
    ExitsChanged,
    ForGateways,
    GatewayAnswered,
    GatewayLeft,
    GatewaysAsked,
    GatewayTold,
    Word,
)
from zerogo.control.gateways import GatewayOffice
from zerogo.ids import NodeId

TELL_SECONDS = 1.0
RENEW_SECONDS = 5.0

GatewayWord = ForGateways | ExitsChanged | GatewayTold | GatewayLeft | GatewaysAsked | GatewayAnswered


class GatewayFellows:
    """Of one controller; `tell` reaches the others, and is None where there are none."""

    def __init__(self, office: GatewayOffice, clock: IReactorTime) -> None:
        self.tell: Callable[[Word], object] | None = None
        self._office = office
        self._clock = clock
        self._told: dict[NodeId, tuple[list[GatewayTold], float]] = {}
        """What was told last of each, and when."""
        self._telling = LoopingCall(self._tell_all)
        self._telling.clock = clock

    def start(self) -> None:
        """Begin to tell."""
        self._telling.start(TELL_SECONDS, now=False)

    def stop(self) -> None:
        """End."""
        if self._telling.running:
            self._telling.stop()

    def heard(self, word: GatewayTold | GatewayLeft) -> None:
        """What another controller says."""
        if isinstance(word, GatewayTold):
            self._office.told(word, self._clock.seconds())
        else:
            self._office.far.forget(word.gateway)

    def changed(self) -> None:
        """Something was stored that gateways are to be told."""
        if self.tell is not None:
            self.tell(ExitsChanged())

    def gone(self, gateway: NodeId) -> None:
        """A gateway is not here any more."""
        if self._told.pop(gateway, None) is not None and self.tell is not None:
            self.tell(GatewayLeft(gateway.raw))

    def _tell_all(self) -> None:
        if self.tell is None:
            return
        now = self._clock.seconds()
        for gateway, words in self._office.words(now).items():
            known = self._told.get(gateway)
            if known is None or now - known[1] >= RENEW_SECONDS or _timeless(words) != _timeless(known[0]):
                self._told[gateway] = words, now
                for word in words:
                    self.tell(word)


def _timeless(words: list[GatewayTold]) -> list[GatewayTold]:
    return [structs.replace(word, connected_seconds=0.0) for word in words]
