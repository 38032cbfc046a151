# -*- test-case-name: zerogo.test.controller.test_exit_routes -*-
"""Routes about users of the exits, their packages, and what they do at this moment."""

from __future__ import annotations

import ipaddress
from typing import Any

import msgspec

from zerogo.control.gateway_messages import Kick
from zerogo.controller.desk import Answer, Call, Desk, IfMatch, Route
from zerogo.controller.documents import Page, page
from zerogo.controller.exit_documents import (
    ExitUserChange,
    ExitUserDocument,
    KickDocument,
    NewExitUserRequest,
    NewPackageRequest,
    PackageChange,
    PackageDocument,
)
from zerogo.controller.problems import Problem
from zerogo.errors import ParseError
from zerogo.exit.account import Account
from zerogo.store import exit_users
from zerogo.store.exit_values import StoredExitUser, StoredPackage
from zerogo.store.values import Role


def _document(desk: Desk, user: StoredExitUser) -> ExitUserDocument:
    return ExitUserDocument.of(user, desk.exits.streams_of(user.account.name), desk.unix_time())


async def list_exit_users(desk: Desk, call: Call) -> Answer:
    """All users of the exits, by name."""
    found = await desk.store.read(exit_users.list_users, call.paging)
    return Answer(200, page(found, lambda user: _document(desk, user)))


async def create_exit_user(desk: Desk, call: Call) -> Answer:
    """Make a user of the exits; all gateways know it within a second."""
    body = call.body
    assert isinstance(body, NewExitUserRequest)
    given = msgspec.structs.asdict(body)
    package = given.pop("package")
    account = Account(**(await _fields(desk, given)))
    made = await desk.store.write(exit_users.create_user, account, package, call.actor, desk.unix_time())
    desk.exits.accounts_changed(account.name)
    return Answer(201, _document(desk, made), made.tag)


async def get_exit_user(desk: Desk, call: Call) -> Answer:
    """One user of the exits, with what is left of the package."""
    user = await desk.store.read(exit_users.find_user, call.path["user"])
    return Answer(200, _document(desk, user), user.tag)


async def change_exit_user(desk: Desk, call: Call) -> Answer:
    """Change a user of the exits; each change acts on live streams within a second."""
    body = call.body
    assert isinstance(body, ExitUserChange)
    given = {name: value for name, value in msgspec.structs.asdict(body).items() if value is not msgspec.UNSET}
    kept = {name: given.pop(name) for name in ("package", "used") if name in given}
    changes = kept | await _fields(desk, given)
    changed = await desk.store.write(
        exit_users.change_user, call.path["user"], changes, call.actor, desk.unix_time(), call.expected
    )
    desk.exits.accounts_changed(changed.account.name)
    return Answer(200, _document(desk, changed), changed.tag)


async def delete_exit_user(desk: Desk, call: Call) -> Answer:
    """Remove a user of the exits; live streams end."""
    name = call.path["user"]
    await desk.store.write(exit_users.delete_user, name, call.actor, desk.unix_time(), call.expected)
    desk.exits.accounts_changed(name)
    return Answer(204)


async def kick_exit_user(desk: Desk, call: Call) -> Answer:
    """End all live streams of a user, who may come again."""
    user = await desk.store.read(exit_users.find_user, call.path["user"])
    desk.exits.kick(Kick(user=user.account.name))
    return Answer(200, KickDocument(len(desk.exits.presence())))


async def _fields(desk: Desk, given: dict[str, Any]) -> dict[str, Any]:
    """Keys of a request as fields of an account."""
    fields = dict(given)
    if "password" in fields:
        fields["password_hash"] = await desk.passwords.hash(fields.pop("password"))
    if "reply" in fields:
        fields["is_early"] = fields.pop("reply") == "early"
    for source in fields.get("sources", ()):
        try:
            ipaddress.ip_network(source)
        except ValueError as error:
            raise ParseError(f"{source!r} is not a range of addresses, as in 192.0.2.0/24") from error
    return fields


async def list_packages(desk: Desk, call: Call) -> Answer:
    """All traffic packages, by name."""
    return Answer(200, page(await desk.store.read(exit_users.list_packages, call.paging), PackageDocument.of))


async def create_package(desk: Desk, call: Call) -> Answer:
    """Make a traffic package."""
    body = call.body
    assert isinstance(body, NewPackageRequest)
    package = StoredPackage(name=body.name, size=body.bytes, seconds=body.seconds)
    made = await desk.store.write(exit_users.create_package, package, call.actor, desk.unix_time())
    return Answer(201, PackageDocument.of(made), made.tag)


async def get_package(desk: Desk, call: Call) -> Answer:
    """One traffic package."""
    found = await desk.store.read(exit_users.find_package, call.path["package"])
    return Answer(200, PackageDocument.of(found), found.tag)


async def change_package(desk: Desk, call: Call) -> Answer:
    """Change a traffic package, for all its users at once."""
    body = call.body
    assert isinstance(body, PackageChange)
    names = {"bytes": "size", "seconds": "seconds"}
    given = msgspec.structs.asdict(body).items()
    changes = {names[name]: value for name, value in given if value is not msgspec.UNSET}
    changed, users = await desk.store.write(
        exit_users.change_package, call.path["package"], changes, call.actor, desk.unix_time(), call.expected
    )
    for start in range(0, len(users), 500):
        desk.exits.accounts_changed(*users[start : start + 500])
    return Answer(200, PackageDocument.of(changed), changed.tag)


async def delete_package(desk: Desk, call: Call) -> Answer:
    """Remove a traffic package that nobody has."""
    name = call.path["package"]
    await desk.store.write(exit_users.delete_package, name, call.actor, desk.unix_time(), call.expected)
    return Answer(204)


def check_number(text: str) -> int:
    """A number in a path; raises `Problem`."""
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise Problem(404, "not-found", "there is no such number")
    return int(text)


ROUTES = (
    Route(
        method="GET",
        path="/exits/users",
        function=list_exit_users,
        needs=Role.AUDITOR,
        area="exits",
        answer=Page[ExitUserDocument],
        cursor=tuple[str],
    ),
    Route(
        method="POST",
        path="/exits/users",
        function=create_exit_user,
        needs=Role.OPERATOR,
        area="exits",
        body=NewExitUserRequest,
        answer=ExitUserDocument,
        status=201,
        is_creation=True,
        problems=("conflict", "not-found"),
    ),
    Route(
        method="GET",
        path="/exits/users/<string:user>",
        function=get_exit_user,
        needs=Role.AUDITOR,
        area="exits",
        answer=ExitUserDocument,
    ),
    Route(
        method="PATCH",
        path="/exits/users/<string:user>",
        function=change_exit_user,
        needs=Role.OPERATOR,
        area="exits",
        body=ExitUserChange,
        answer=ExitUserDocument,
        if_match=IfMatch.OPTIONAL,
    ),
    Route(
        method="DELETE",
        path="/exits/users/<string:user>",
        function=delete_exit_user,
        needs=Role.OPERATOR,
        area="exits",
        status=204,
        if_match=IfMatch.OPTIONAL,
    ),
    Route(
        method="POST",
        path="/exits/users/<string:user>/kick",
        function=kick_exit_user,
        needs=Role.OPERATOR,
        area="exits",
        answer=KickDocument,
    ),
    Route(
        method="GET",
        path="/exits/packages",
        function=list_packages,
        needs=Role.AUDITOR,
        area="exits",
        answer=Page[PackageDocument],
        cursor=tuple[str],
    ),
    Route(
        method="POST",
        path="/exits/packages",
        function=create_package,
        needs=Role.ADMIN,
        area="exits",
        body=NewPackageRequest,
        answer=PackageDocument,
        status=201,
        is_creation=True,
        problems=("conflict",),
    ),
    Route(
        method="GET",
        path="/exits/packages/<string:package>",
        function=get_package,
        needs=Role.AUDITOR,
        area="exits",
        answer=PackageDocument,
    ),
    Route(
        method="PATCH",
        path="/exits/packages/<string:package>",
        function=change_package,
        needs=Role.ADMIN,
        area="exits",
        body=PackageChange,
        answer=PackageDocument,
        if_match=IfMatch.OPTIONAL,
    ),
    Route(
        method="DELETE",
        path="/exits/packages/<string:package>",
        function=delete_package,
        needs=Role.ADMIN,
        area="exits",
        status=204,
        if_match=IfMatch.OPTIONAL,
        problems=("conflict",),
    ),
)
