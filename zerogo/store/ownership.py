# -*- test-case-name: zerogo.test.store.test_ownership -*-
"""Which controller a database belongs to, and what is in it from the first start on.

A controller whose key was lost, or another one that was pointed at this database by mistake, would be refused by every
agent: better it does not start. All controllers of one database have the same key.
"""

from __future__ import annotations

from sqlalchemy import Connection, func, insert, select

from zerogo.core import RandomBytes
from zerogo.ids import NodeId
from zerogo.store import networks, tables
from zerogo.store.errors import StoreFault
from zerogo.store.networks import NewNetwork

_KEY = "controller"


class DatabaseForeign(StoreFault):
    """The database belongs to another controller."""

    code = "E-STORE-FOREIGN"


def claim(connection: Connection, controller: NodeId) -> None:
    """The database is this controller's from now on; raises `DatabaseForeign` where it is another's."""
    owner = connection.scalar(select(tables.settings.c.value).where(tables.settings.c.key == _KEY))
    if owner is None:
        connection.execute(insert(tables.settings).values(key=_KEY, value=str(controller)))
    elif owner != str(controller):
        raise DatabaseForeign(
            f"the database belongs to controller {owner}, and this is {controller}: bring back identity.key from a "
            "backup, or from another controller of this database"
        )


def make_first_network(connection: Connection, new: NewNetwork, rng: RandomBytes, unix_now: float) -> None:
    """Make a network where there is none, whoever else tries at the same moment."""
    if not connection.scalar(select(func.count()).select_from(tables.networks)):
        networks.create_network(connection, new, "owner", rng, unix_now)
