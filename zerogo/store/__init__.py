"""Persistence of the controller: SQLite by SQLAlchemy Core, or PostgreSQL where there are several controllers.

Theory of operation. A *unit of work* is a plain function `unit(connection, ...) -> value`, which runs inside one
transaction: `Database.read` or `Database.write` open and end it, `StoreThreads` does so off the reactor in a small
pool. What must never happen twice is a constraint of the database or one conditional UPDATE, not a lock of this
process: an address of a network belongs to one node (`addresses`, primary key), a join key's use is taken by an UPDATE
that finds a use left. A write that returned is on disk (`synchronous=FULL`), so a controller may be killed at any
moment.

Every change that members see raises the network's `revision`, which is stored with the changed member or its removal:
that is all a restarted controller needs to send deltas.

- `database`: the engine, transactions. `migrate`: Alembic, with a backup before.
- `tables`: the schema. `values`: rows as frozen values.
- `networks`, `members`, `addresses`, `join_keys`, `users`, `views`, `audit`: units of work.
- `oidc_tables`, `identities`: users' accounts at a provider. `idempotency`: answers to requests that are sent again.
- `exit_tables`, `exit_values`, `exit_users`, `exit_gateways`, `exit_usage`: the same for exits.
- `postgresql`: the server. `transfer`, `snapshot`, `rewind`: copies of either kind, and one put in place of the other.
- `check`: what can be wrong with a database. `ownership`: whose it is. `notices`: word between controllers.
- `threads`: the pool.
"""

from zerogo.store import exit_tables as exit_tables
from zerogo.store import idempotency as idempotency
from zerogo.store import oidc_tables as oidc_tables
