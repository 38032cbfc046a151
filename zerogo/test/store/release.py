"""Writes what a controller of this release leaves behind: `python -m zerogo.test.store.release` makes
`released/SCHEMA.sql`, which all later releases are tested to open. Run it with each new schema, commit the file, and
never change it again. Some were made from the one before them by the steps of the next schema alone.
"""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

from attrs import evolve

from zerogo.control.connection import Registration
from zerogo.noise.identity import Identity
from zerogo.store import join_keys, members, networks, registrations, users
from zerogo.store.database import Database
from zerogo.store.join_keys import NewJoinKey
from zerogo.store.networks import NewNetwork
from zerogo.store.values import Approval
from zerogo.test.control.pair import seeded

RELEASED = Path(__file__).with_name("released")
NOW = 1_800_000_000.0


def populate(database: Database) -> None:
    """Two networks, members in every state that there was in the first release, invites, an owner, an audit log."""
    rng = seeded("released")
    home = database.write(
        networks.create_network,
        NewNetwork(name="home", ipv4_prefix="10.9.0.0/24", ipv6_prefix="fd00:9::/64"),
        "owner",
        rng,
        NOW,
    ).network
    guests = NewNetwork(name="Gäste-客人", approval=Approval.MANUAL)
    database.write(networks.create_network, guests, "owner", rng, NOW + 1)
    new = NewJoinKey(network=home, uses=10, lifetime=86_400.0)
    _, secret = database.write(join_keys.create_join_key, new, "user:ann", rng, NOW + 2)
    joined = []
    for number, name in enumerate(("laptop", "Büro", "server", "gone", "denied")):
        identity = Identity.generate(rng)
        registration: Any = Registration(
            network=home,
            node_id=identity.node_id,
            static_public=identity.static_public,
            signing_public=identity.signing_public,
            name=name,
            capabilities=("aes",),
            version="0.1",
            secret=secret,
        )
        database.write(registrations.register, registration, NOW + 10 + number)
        joined.append(evolve(registration, secret=None))
    database.write(members.remove_member, home, joined[3].node_id, "user:ann", NOW + 20)
    database.write(members.deny_member, home, joined[4].node_id, "user:ann", NOW + 21)
    database.write(members.change_member, home, joined[2].node_id, {"is_bridge": True}, "owner", NOW + 22)
    waiting, _ = database.write(
        join_keys.create_join_key, NewJoinKey(network=home, approval=Approval.MANUAL), "owner", rng, NOW + 23
    )
    database.write(join_keys.revoke_join_key, home, waiting.key_id, "owner", NOW + 24)
    database.write(users.create_first_user, "ann", "$argon2id$not-a-hash", rng, NOW + 30)


def dump(path: Path) -> str:
    """A SQLite file as SQL."""
    with closing(sqlite3.connect(path)) as connection:
        return "\n".join(connection.iterdump()) + "\n"


def main() -> None:
    """Write the file of this release's schema."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "controller.db"
        database = Database.open_file(path)
        populate(database)
        database.close()
        with closing(sqlite3.connect(path)) as connection:
            (schema,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        RELEASED.mkdir(exist_ok=True)
        (RELEASED / f"{schema}.sql").write_text(dump(path), encoding="utf-8")


if __name__ == "__main__":
    main()
