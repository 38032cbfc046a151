# -*- test-case-name: zerogo.test.store.test_policies -*-
"""Units of work about policies: one per network, with all those before it.

A network without a policy lets everything pass. A policy is saved as it was written, comments and all, once it is right
and its own tests hold. It is compiled where it is read: what a member is shown follows from the policy and from who the
members are, both out of one transaction.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from attrs import field, frozen
from sqlalchemy import Connection, Row, delete, insert, literal, select, update

from zerogo.control.netmap import MemberRecord
from zerogo.control.policy_sheet import CAPABILITY
from zerogo.errors import RemoteError
from zerogo.ids import NetworkId, NodeId
from zerogo.policy.compile import ClassFilters, class_of, compile_policy
from zerogo.policy.document import Policy
from zerogo.policy.errors import PolicyInvalid
from zerogo.policy.judge import Failure, run_tests
from zerogo.policy.reader import parse_policy
from zerogo.policy.subject import Subject
from zerogo.store import audit, networks, tables
from zerogo.store.errors import NotFound, check_tag
from zerogo.store.members import approved_members
from zerogo.store.paging import Paging, Piece
from zerogo.store.values import StoredState

KEPT = 500
"""Policies of a network that are kept, the newest."""
NO_POLICY = "default: allow\n"
"""What a network without a policy does."""
_AT_ONCE = 500
_here = tables.policies.c


class PolicyTestFailed(RemoteError):
    """A test stored with the policy does not hold."""

    code = "E-POLICY-TEST"

    def __init__(self, failures: list[Failure]) -> None:
        more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
        super().__init__(f"the policy is not saved: {failures[0]}{more}")
        self.failures = tuple(failures)


@frozen(kw_only=True)
class StoredPolicy:
    """A policy as it was saved; revision 0 is that of a network that never had one."""

    revision: int = 0
    text: str = NO_POLICY
    comment: str = ""
    created_by: str = ""
    created_at: float = 0.0

    @property
    def tag(self) -> str:
        """Another one for each policy."""
        return f"policy-{self.revision}"


@frozen
class CarriedOut:
    """What members are shown of a policy."""

    revision: int = 0
    classes: Mapping[NodeId, bytes] = field(factory=dict)
    filters: Mapping[bytes, ClassFilters] = field(factory=dict)


def current_policy(connection: Connection, network: NetworkId) -> StoredPolicy:
    """The policy in force; raises `NotFound` where there is no such network."""
    networks.find_network(connection, network)
    return _current(connection, network)


def find_policy(connection: Connection, network: NetworkId, revision: int) -> StoredPolicy:
    """One of those that were saved; raises `NotFound`."""
    query = select(tables.policies).where(_here.network == str(network), _here.revision == revision)
    row = connection.execute(query).first()
    if row is None:
        raise NotFound(f"there is no policy {revision} of this network")
    return _policy(row)


def page_policies(connection: Connection, network: NetworkId, paging: Paging) -> Piece[StoredPolicy]:
    """All that there were, newest first; raises `NotFound`."""
    networks.find_network(connection, network)
    query = select(tables.policies).where(_here.network == str(network)).order_by(_here.revision.desc())
    if paging.after is not None:
        query = query.where(_here.revision < paging.after[0])
    found = [_policy(row) for row in connection.execute(query.limit(paging.limit + 1))]
    return Piece.cut(found, paging, lambda policy: (policy.revision,))


def subjects(connection: Connection, network: NetworkId) -> list[Subject]:
    """The members of a network as a policy sees them, by name; raises `NotFound`."""
    networks.find_network(connection, network)
    found = _subjects(connection, network, [record for record, _ in approved_members(connection, network).values()])
    return sorted(found, key=lambda subject: subject.name)


def without_filters(connection: Connection, network: NetworkId) -> tuple[str, ...]:
    """Names of the members whose agents do not know filters, in order. What else is known of members is not read: of a
    thousand that takes a tenth of a second, and dashboards ask for the policy often."""
    column = tables.members.c
    words = literal(" ") + column.capabilities + literal(" ")
    query = select(column.name).where(
        column.network == str(network),
        column.state == StoredState.APPROVED.value,
        words.not_like(f"% {CAPABILITY} %"),
    )
    return tuple(sorted(connection.scalars(query)))


def save_policy(
    connection: Connection,
    network: NetworkId,
    text: str,
    actor: str,
    unix_now: float,
    expected: str | None = None,
    comment: str = "",
) -> StoredPolicy:
    """Put a policy in force; raises `NotFound`, `Stale`, `PolicyInvalid` or `PolicyTestFailed`."""
    before = current_policy(connection, network)
    check_tag(before.tag, expected)
    policy = parse_policy(text)
    members = subjects(connection, network)
    failures = run_tests(policy, members)
    if failures:
        raise PolicyTestFailed(failures)
    saved = StoredPolicy(
        revision=before.revision + 1, text=text, comment=comment, created_by=actor, created_at=unix_now
    )
    connection.execute(insert(tables.policies).values(network=str(network), **_columns(saved)))
    connection.execute(
        delete(tables.policies).where(_here.network == str(network), _here.revision <= saved.revision - KEPT)
    )
    _show(connection, network, _read(before.text) if before.revision else None, policy, members)
    detail = f"{len(policy.rules)} rules, {len(policy.tests)} tests; {comment}".rstrip("; ")
    audit.record(
        connection, actor, "policy.change", unix_now, network=network, subject=str(saved.revision), detail=detail
    )
    return saved


def roll_back(
    connection: Connection, network: NetworkId, revision: int, actor: str, unix_now: float, expected: str | None = None
) -> StoredPolicy:
    """Put a policy that was in force before in force again, as a new one; raises what `save_policy` raises."""
    old = find_policy(connection, network, revision)
    return save_policy(connection, network, old.text, actor, unix_now, expected, f"rolled back to {revision}")


def carry_out(connection: Connection, network: NetworkId, records: Sequence[MemberRecord]) -> CarriedOut:
    """What these members are shown of the network's policy. One that is not right any more lets nothing pass."""
    stored = _current(connection, network)
    if not stored.revision:
        return CarriedOut()
    policy = _read(stored.text)
    classes: dict[NodeId, bytes] = {}
    models: dict[bytes, Subject] = {}
    for record, subject in zip(records, _subjects(connection, network, records), strict=True):
        classes[record.node_id] = class_of(policy, subject)
        models.setdefault(classes[record.node_id], subject)
    return CarriedOut(stored.revision, classes, _compiled(stored.text, tuple(models.values())))


@functools.lru_cache(maxsize=64)
def _compiled(text: str, models: tuple[Subject, ...]) -> Mapping[bytes, ClassFilters]:
    return compile_policy(_read(text), models)


@functools.lru_cache(maxsize=64)
def _read(text: str) -> Policy:
    """A policy that was right when it was saved; one that no release reads any more keeps everything closed."""
    try:
        return parse_policy(text)
    except PolicyInvalid:
        return Policy()


def _current(connection: Connection, network: NetworkId) -> StoredPolicy:
    query = select(tables.policies).where(_here.network == str(network)).order_by(_here.revision.desc()).limit(1)
    row = connection.execute(query).first()
    return StoredPolicy() if row is None else _policy(row)


def _subjects(connection: Connection, network: NetworkId, records: Iterable[MemberRecord]) -> list[Subject]:
    query = select(tables.members.c.node_id, tables.members.c.tags).where(tables.members.c.network == str(network))
    tags = {row.node_id: tuple(row.tags.split()) for row in connection.execute(query)}
    return [
        Subject(
            name=record.name,
            tags=tags[str(record.node_id)],
            addresses=record.addresses,
            networks=record.subnets,
            node_id=record.node_id,
            can_enforce=CAPABILITY in record.capabilities,
        )
        for record in records
    ]


def _show(
    connection: Connection, network: NetworkId, before: Policy | None, after: Policy, members: Iterable[Subject]
) -> None:
    """The network has a new revision, and so have the members whose class is another one."""
    revision = networks.raise_revision(connection, network)
    changed = [
        str(member.node_id)
        for member in members
        if class_of(after, member) != (b"" if before is None else class_of(before, member))
    ]
    column = tables.members.c
    for at in range(0, len(changed), _AT_ONCE):
        some = column.node_id.in_(changed[at : at + _AT_ONCE])
        connection.execute(update(tables.members).where(column.network == str(network), some).values(revision=revision))


def _columns(policy: StoredPolicy) -> dict[str, Any]:
    return {
        "revision": policy.revision,
        "text": policy.text,
        "comment": policy.comment,
        "created_by": policy.created_by,
        "created_at": policy.created_at,
    }


def _policy(row: Row[Any]) -> StoredPolicy:
    return StoredPolicy(
        revision=row.revision,
        text=row.text,
        comment=row.comment,
        created_by=row.created_by,
        created_at=row.created_at,
    )
