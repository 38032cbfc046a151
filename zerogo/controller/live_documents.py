# -*- test-case-name: zerogo.test.controller.test_live_state -*-
"""What is pushed to a dashboard, and the documents that belong to that."""

from __future__ import annotations

import enum
from typing import Any

import msgspec

from zerogo.control.relays import RelayPlace
from zerogo.controller.documents import MemberDocument, NetworkDocument
from zerogo.controller.link_documents import LinkDocument


class Kind(enum.StrEnum):
    """What a change is about."""

    NETWORK = "network"
    MEMBER = "member"
    LINK = "link"
    RELAY = "relay"
    EVENT = "event"


AREAS = {
    Kind.NETWORK: "networks",
    Kind.MEMBER: "members",
    Kind.LINK: "links",
    Kind.RELAY: "relays",
    Kind.EVENT: "events",
}
"""The area of the API that shows the same; who may not read there is not pushed it."""


class TicketDocument(msgspec.Struct, frozen=True):
    """What opens one WebSocket, once."""

    ticket: str
    expires_in: float
    """Seconds."""


class RelayDocument(msgspec.Struct, frozen=True):
    """A relay that members are told of; `host` is empty for the controller's own machine, a port of 0 is none."""

    id: str
    host: str
    udp: int
    tcp: int
    tls: int

    @classmethod
    def of(cls, place: RelayPlace) -> RelayDocument:
        """As members are told."""
        return cls(place.name, place.host, place.udp, place.tcp, place.tls)


class Change(msgspec.Struct, frozen=True):
    """A thing is new or other than before; `value` null: it is gone."""

    kind: Kind
    network_id: str
    id: str
    value: Any


class Outdated(msgspec.Struct, frozen=True):
    """What REST gives in an area of the API (that of its scopes) is other than it was; `network_id` is empty where it
    is about no network."""

    area: str
    network_id: str


class Snapshot(msgspec.Struct, frozen=True, tag="snapshot", tag_field="t"):
    """Everything; takes the place of all that was pushed before. Lists of what the caller may not see are empty."""

    revision: int
    networks: list[NetworkDocument]
    members: list[MemberDocument]
    links: list[LinkDocument]
    relays: list[RelayDocument]


class Changes(msgspec.Struct, frozen=True, tag="changes", tag_field="t"):
    """What became of it since."""

    revision: int
    changes: list[Change]
    outdated: list[Outdated] = []


MESSAGES = (Snapshot, Changes)
"""What the WebSocket sends; its schemas stand in the API's document."""
