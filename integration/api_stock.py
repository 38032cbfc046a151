"""A database with something of everything in it, for whoever judges the API: routes that find nothing answer only 404.

What a route removes is apart from what the others look at.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from attrs import field, frozen
from sqlalchemy import Connection

from zerogo.control.connection import Registration
from zerogo.control.gateway_messages import EdgeHere, Enter
from zerogo.exit.account import Account
from zerogo.ids import NetworkId
from zerogo.noise.identity import Identity
from zerogo.store import (
    api_tokens,
    exit_gateways,
    exit_users,
    join_keys,
    names,
    networks,
    policies,
    registrations,
    users,
    webhooks,
)
from zerogo.store.api_tokens import NewApiToken
from zerogo.store.database import Database
from zerogo.store.exit_values import KeyKind, StoredPackage
from zerogo.store.join_keys import NewJoinKey
from zerogo.store.networks import NewNetwork
from zerogo.store.users import Actor
from zerogo.store.values import Role

OWNER = Actor("", "owner")
LIFETIME_SECONDS = 3600.0
NO_PASSWORD = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA"
"""The hash of one that nobody has."""
POLICY = '{"default": "allow"}'
NOWHERE = "http://127.0.0.1:9/"


@frozen
class Stock:
    """What stands for the variable parts of paths, by their names."""

    kept: dict[str, str] = field(factory=dict)
    operations: dict[str, dict[str, str]] = field(factory=dict)
    """The same for single operations, `DELETE /PATH`, where it differs."""


def fill(path: Path) -> Stock:
    """Make the SQLite file, and all of it."""
    database = Database.open_file(path)
    try:
        return database.write(_fill, time.time())
    finally:
        database.close()


def _fill(connection: Connection, now: float) -> Stock:
    stock = Stock(kept={"revision": "1", "kind": "user", "period": "hour", "stream": "1", "subject": "alice"})
    network, other = (_network(connection, name, now) for name in ("home", "old"))
    stock.kept["network"] = str(network)
    stock.operations["DELETE /networks/{network}"] = {"network": str(other)}
    _fill_network(connection, stock, network, now)
    _fill_accounts(connection, stock, now)
    _fill_exits(connection, stock, now)
    kept, removed = (
        webhooks.create_webhook(connection, NOWHERE, ["*"], "owner", os.urandom, now).webhook_id for _ in range(2)
    )
    stock.kept["webhook"] = kept
    stock.operations["DELETE /webhooks/{webhook}"] = {"webhook": removed}
    return stock


def _network(connection: Connection, name: str, now: float) -> NetworkId:
    return networks.create_network(connection, NewNetwork(name=name), "owner", os.urandom, now).network


def _fill_network(connection: Connection, stock: Stock, network: NetworkId, now: float) -> None:
    ann, bob, removed = (_member(connection, network, name, now) for name in ("ann", "bob", "old"))
    stock.kept.update(node=ann, a=ann, b=bob, name="printer")
    here = "DELETE /networks/{network}"
    stock.operations[f"{here}/members/{{node}}"] = {"node": removed}
    for name in ("printer", "scanner"):
        names.set_name(connection, network, name, ["10.1.2.3"], "owner", now)
    stock.operations[f"{here}/names/{{name}}"] = {"name": "scanner"}
    policies.save_policy(connection, network, POLICY, "owner", now)
    invite, _ = join_keys.create_join_key(connection, NewJoinKey(network=network), "owner", os.urandom, now)
    stock.kept["invite"] = invite.key_id


def _member(connection: Connection, network: NetworkId, name: str, now: float) -> str:
    _, secret = join_keys.create_join_key(connection, NewJoinKey(network=network), "owner", os.urandom, now)
    identity = Identity.generate(os.urandom)
    registration = Registration(
        network=network,
        node_id=identity.node_id,
        static_public=identity.static_public,
        signing_public=identity.signing_public,
        name=name,
        capabilities=("aes",),
        version="1",
        secret=secret,
    )
    registrations.register(connection, registration, now)
    return str(identity.node_id)


def _fill_accounts(connection: Connection, stock: Stock, now: float) -> None:
    users.create_first_user(connection, "root", NO_PASSWORD, os.urandom, now)
    kept, removed = (
        users.create_user(connection, name, NO_PASSWORD, Role.USER, OWNER, os.urandom, now).user_id
        for name in ("ann", "old")
    )
    stock.kept["user"] = kept
    stock.operations["DELETE /users/{user}"] = {"user": removed}
    new = NewApiToken(user_id=kept, name="script", scopes=("networks:read",), lifetime=LIFETIME_SECONDS)
    stock.kept["token"] = api_tokens.create_token(connection, new, OWNER, os.urandom, now)[0].token_id


def _fill_exits(connection: Connection, stock: Stock, now: float) -> None:
    for name in ("gold", "old"):
        exit_users.create_package(connection, StoredPackage(name=name, size=10**9, seconds=3600.0), "owner", now)
        exit_users.create_user(connection, Account(name=name), None, "owner", now)
    gateways = [_gateway(connection, now) for _ in range(2)]
    edges = ["e" * 16, "f" * 16]
    exit_gateways.note_edges(connection, [EdgeHere(edge=edge, address="127.0.0.1") for edge in edges], now)
    key, _ = exit_gateways.create_key(connection, KeyKind.EDGE, LIFETIME_SECONDS, "owner", os.urandom, now)
    stock.kept.update(package="gold", gateway=gateways[0], edge=edges[0], key=key.key_id)
    for path in ("GET {}", "PATCH {}", "POST {}/kick", "GET {}/streams"):
        stock.operations[path.format("/exits/users/{user}")] = {"user": "gold"}
    for kind, name in (("user", "old"), ("package", "old"), ("gateway", gateways[1]), ("edge", edges[1])):
        stock.operations[f"DELETE /exits/{kind}s/{{{kind}}}"] = {kind: name}


def _gateway(connection: Connection, now: float) -> str:
    _, secret = exit_gateways.create_key(connection, KeyKind.GATEWAY, LIFETIME_SECONDS, "owner", os.urandom, now)
    identity = Identity.generate(os.urandom)
    said = Enter(signing=identity.signing_public, boot=os.urandom(8), name="fra", addresses=[], secret=secret)
    assert exit_gateways.enter(connection, identity.node_id, identity.static_public, said, now) is not None
    return str(identity.node_id)
