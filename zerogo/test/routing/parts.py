"""Members, signatures and adverts for the tests of routing."""

from __future__ import annotations

import hashlib

from zerogo.ids import NetworkId, NodeId
from zerogo.noise.errors import NotAuthentic
from zerogo.routing.links import LinkState
from zerogo.routing.router import Router, RouterSettings
from zerogo.wire.links import AdvertisedLink, LinkAdvert, parse_advert, parse_request, signed_part

NETWORK = NetworkId(b"route")
ANN, BOB, CAT, DAN, EVE = (NodeId(letter * 10) for letter in (b"a", b"b", b"c", b"d", b"e"))
EVERYBODY = (ANN, BOB, CAT, DAN, EVE)
NEAR = LinkState(0.010)
UNIX = 1_800_000_000.0


def signature(origin: NodeId, message: bytes) -> bytes:
    """Stands for Ed25519."""
    return hashlib.blake2b(message, key=origin.raw, digest_size=64).digest()


def verify(origin: NodeId, message: bytes, given: bytes) -> None:
    """Stands for Ed25519."""
    if signature(origin, message) != given:
        raise NotAuthentic("a signature does not verify")


def advert(origin: NodeId, sequence: int, *links: AdvertisedLink) -> LinkAdvert:
    """As that member would sign it."""
    return LinkAdvert(origin, sequence, links, signature(origin, signed_part(NETWORK, origin, sequence, links)))


def router(node: NodeId, *, carriers_limit: int = 2, carries: bool = True) -> Router:
    """One that knows that everybody carries."""
    made = Router(
        RouterSettings(
            node_id=node,
            network=NETWORK,
            sign=lambda message: signature(node, message),
            verify=verify,
            carriers_limit=carriers_limit,
            carries=carries,
            update_interval=30.0,
        ),
        UNIX,
    )
    for each in EVERYBODY:
        if each != node:
            made.set_willing(each, is_willing=True)
    return made


class Table:
    """Routers that reach each other at once, where they are neighbours."""

    def __init__(self, *links: tuple[NodeId, NodeId]) -> None:
        self.now = 100.0
        self.routers = {node: router(node) for node in EVERYBODY}
        self.log: list[tuple[NodeId, NodeId, bytes]] = []
        self.is_silent = False
        for one, other in links:
            self.link(one, other)

    def link(self, one: NodeId, other: NodeId, state: LinkState | None = NEAR) -> None:
        """Both ends measured that."""
        self.routers[one].set_link(other, state, self.now)
        self.routers[other].set_link(one, state, self.now)
        self.run()

    def want(self, one: NodeId, other: NodeId) -> None:
        """`one` looks for routes to `other`."""
        self.routers[one].set_wanted(other, self.now, is_wanted=True)
        self.run()

    def hops(self, one: NodeId, other: NodeId) -> list[tuple[NodeId, ...]]:
        """What is proposed."""
        return [route.hops for route in self.routers[one].routes(other, self.now)]

    def run(self) -> None:
        """Let all messages arrive, until there are none."""
        for _ in range(1000):
            sent = [(node, *each) for node, made in self.routers.items() for each in made.messages()]
            if not sent:
                return
            for sender, to, payload in sent:
                self.log.append((sender, to, payload))
                if self.is_silent:
                    continue
                if payload[0] == 4:
                    self.routers[to].receive_request(sender, parse_request(payload), self.now)
                else:
                    self.routers[to].receive_advert(sender, parse_advert(payload), self.now)
        raise AssertionError("they never end")

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        end = self.now + seconds
        while True:
            deadlines = [each.next_timer() for each in self.routers.values()]
            at = min((each.at for each in deadlines if each is not None), default=end + 1)
            if at > end:
                break
            self.now = max(self.now, at)
            for each in self.routers.values():
                deadline = each.next_timer()
                if deadline is not None and deadline.at <= self.now:
                    each.handle_timer(self.now)
            self.run()
        self.now = end
