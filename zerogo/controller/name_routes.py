# -*- test-case-name: zerogo.test.controller.test_name_routes -*-
"""Routes about the names in a network beside those of its members."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Annotated

import msgspec
from msgspec import Meta

from zerogo.control.netmap import ADDRESSES_OF_NAME_LIMIT, MemberRecord
from zerogo.controller.desk import Answer, Call, Desk, Route
from zerogo.controller.documents import RequestBody, rfc3339
from zerogo.names.zone import Named, make_zone, origin_of
from zerogo.store import members, names, networks
from zerogo.store.names import StoredName
from zerogo.store.values import Role


class NameDocument(msgspec.Struct, frozen=True):
    """A name."""

    name: str
    """Without the network's own; other scripts as `xn--...`."""
    full_name: str
    addresses: list[str]
    created_at: str

    @classmethod
    def of(cls, stored: StoredName, origin: str) -> NameDocument:
        """As stored."""
        return cls(stored.label, f"{stored.label}.{origin}", list(stored.addresses), rfc3339(stored.created_at))


class MemberNameDocument(msgspec.Struct, frozen=True):
    """The name that a member has by its own."""

    member: str
    full_name: str
    addresses: list[str]


class NamesDocument(msgspec.Struct, frozen=True):
    """The names of a network, what they end with, and those that its members have."""

    origin: str
    items: list[NameDocument]
    members: list[MemberNameDocument]


class NameRequest(RequestBody, frozen=True):
    """What a name is to lead to."""

    addresses: Annotated[
        list[Annotated[str, Meta(max_length=64)]], Meta(min_length=1, max_length=ADDRESSES_OF_NAME_LIMIT)
    ]


async def list_names(desk: Desk, call: Call) -> Answer:
    """The names of a network beside those of its members."""
    found = await desk.store.read(names.list_names, call.network)
    here = await desk.store.read(members.approved_members, call.network)
    network = await desk.store.read(networks.find_network, call.network)
    origin = origin_of(network.name)
    own = [NameDocument.of(one, origin) for one in found]
    records = [record for record, _ in here.values()]
    return Answer(200, NamesDocument(origin, own, _names_of(network.name, records, found)))


async def set_name(desk: Desk, call: Call) -> Answer:
    """Give addresses a name; members know it at once."""
    body = call.body
    assert isinstance(body, NameRequest)
    network, now = call.network, desk.unix_time()
    made = await desk.store.write(names.set_name, network, call.path["name"], body.addresses, call.actor, now)
    desk.members.network_changed(network)
    return Answer(200, NameDocument.of(made, await _origin(desk, call)))


async def remove_name(desk: Desk, call: Call) -> Answer:
    """Forget a name."""
    await desk.store.write(names.remove_name, call.network, call.path["name"], call.actor, desk.unix_time())
    desk.members.network_changed(call.network)
    return Answer(204)


def _names_of(network: str, here: Iterable[MemberRecord], own: Iterable[StoredName]) -> list[MemberNameDocument]:
    """As agents answer them: by the same function, from the same members in the same order."""
    present = sorted((one for one in here if one.addresses), key=lambda one: one.node_id)
    zone = make_zone(
        network,
        (Named(one.name, one.addresses) for one in present),
        (Named(one.label, one.addresses) for one in own),
    )
    return [
        MemberNameDocument(
            str(one.node_id),
            zone.pointers[ipaddress.ip_address(one.addresses[0]).reverse_pointer],
            list(one.addresses),
        )
        for one in present
    ]


async def _origin(desk: Desk, call: Call) -> str:
    return origin_of((await desk.store.read(networks.find_network, call.network)).name)


_NAMES = "/networks/<string:network>/names"
_NAME = f"{_NAMES}/<string:name>"

ROUTES = (
    Route(method="GET", path=_NAMES, function=list_names, needs=Role.AUDITOR, area="networks", answer=NamesDocument),
    Route(
        method="PUT",
        path=_NAME,
        function=set_name,
        needs=Role.OPERATOR,
        area="networks",
        body=NameRequest,
        answer=NameDocument,
        problems=("conflict",),
    ),
    Route(method="DELETE", path=_NAME, function=remove_name, needs=Role.OPERATOR, area="networks", status=204),
)
