# -*- test-case-name: zerogo.test.cli.test_lock -*-
"""`zerogo lock`: the owner's own signature of each member, so that not even the controller can invent one.

The key is made on the machine where this runs and stays there; run it elsewhere than on the controller (`zerogo
login`), or the lock protects against little.
"""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import click
import msgspec

from zerogo.cli.controller_option import (
    controller_api,
    find_network,
    json_option,
    network_option,
    print_json,
    print_table,
    state_dir_option,
)
from zerogo.cli.groups import Commands
from zerogo.cli.owner_api import OwnerApi
from zerogo.cli.owner_keys import NoOwnerKey, keep_owner_keys, owner_keys, path_of
from zerogo.control.lock import OwnerLock
from zerogo.errors import RemoteError
from zerogo.ids import KEY_BYTES, NetworkId
from zerogo.noise.fingerprint import fingerprint
from zerogo.noise.identity import PublicIdentity


class NoSuchMember(RemoteError):
    """The network has no member of that name."""

    code = "E-NAME"


class Owner:
    """One network, as its owner sees it."""

    def __init__(self, state_dir: Path | None, network: str | None) -> None:
        self.api: OwnerApi = controller_api(state_dir)
        self.network = find_network(self.api, network)
        self.path = f"/networks/{self.network['id']}/lock"

    @property
    def network_id(self) -> NetworkId:
        """As a value."""
        return NetworkId.parse(self.network["id"])

    def lock(self) -> OwnerLock:
        """The key on this machine; raises `NoOwnerKey`."""
        held = owner_keys(self.network["id"]).lock
        if held is None:
            path = path_of(self.network["id"])
            raise NoOwnerKey(f"the key of the lock of {self.network['name']} is not on this machine: not in {path}")
        return held

    def members(self) -> list[dict[str, Any]]:
        """All, with their keys."""
        return self.api.items(f"{self.path}/members")

    def sign(self, lock: OwnerLock, member: dict[str, Any]) -> None:
        """Sign one member."""
        public = public_of(member)
        signature = lock.sign_member(self.network_id, public.static_public, public.signing_public)
        body = {"key": _base64(lock.public), "signature": _base64(signature)}
        self.api.call("PUT", f"{self.path}/members/{member['id']}", body)


def public_of(member: dict[str, Any]) -> PublicIdentity:
    """The keys of a member as the controller tells them."""
    return PublicIdentity(base64.b64decode(member["static_public"]), base64.b64decode(member["signing_public"]))


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


@click.group(cls=Commands)
def lock() -> None:
    """Sign members yourself, so that a controller that was broken into cannot add any."""


@lock.command()
@state_dir_option
@network_option
@click.option("--yes", is_flag=True, help="Do not ask.")
def init(state_dir: Path | None, network: str | None, yes: bool) -> None:
    """Make a key, sign the members that are there, and lock the network.

    Every machine in it insists on the lock from then on; new ones are members once they are signed too.
    """
    owner = Owner(state_dir, network)
    members = [one for one in owner.members() if one["state"] == "approved"]
    _show(members)
    if not yes:
        click.confirm(f"Lock {owner.network['name']} with these {len(members)} members?", abort=True)
    keys = owner_keys(owner.network["id"])
    if keys.lock_seed is None:
        keys = msgspec.structs.replace(keys, lock_seed=os.urandom(KEY_BYTES))
        path = keep_owner_keys(owner.network["id"], keys)
        click.echo(f"the lock's key is in {path}: keep a copy of it in a safe place", err=True)
    held = owner.lock()
    for member in members:
        owner.sign(held, member)
    owner.api.call("PUT", owner.path, {"key": _base64(held.public)})
    click.echo(f"{owner.network['name']} is locked")


@lock.command()
@click.argument("names", nargs=-1, required=True)
@state_dir_option
@network_option
@click.option("--yes", is_flag=True, help="Do not ask.")
def sign(names: tuple[str, ...], state_dir: Path | None, network: str | None, yes: bool) -> None:
    """Sign members by name or id. Compare the fingerprint with what `zerogo status` says on each machine."""
    owner = Owner(state_dir, network)
    held = owner.lock()
    members = owner.members()
    for name in names:
        found = next((one for one in members if name in (one["name"], one["id"])), None)
        if found is None:
            raise NoSuchMember(f"there is no member {name!r} in {owner.network['name']}")
        _show([found])
        if yes or click.confirm(f"Sign {found['name']}?"):
            owner.sign(held, found)
            click.echo(f"{found['name']} is signed")


@lock.command()
@state_dir_option
@network_option
@json_option
def status(state_dir: Path | None, network: str | None, as_json: bool) -> None:
    """Say whether the network is locked, and who is signed."""
    owner = Owner(state_dir, network)
    held: dict[str, Any] = owner.api.call("GET", owner.path)
    members = owner.members()
    if as_json:
        print_json({**held, "members": members})
        return
    ours = owner_keys(owner.network["id"]).lock
    where = "its key is here" if ours is not None and _base64(ours.public) == held["key"] else "its key is not here"
    click.echo(f"{owner.network['name']} is {'locked; ' + where if held['is_locked'] else 'not locked'}")
    _show(members)


@lock.command()
@state_dir_option
@network_option
@click.option("--yes", is_flag=True, help="Do not ask.")
def end(state_dir: Path | None, network: str | None, yes: bool) -> None:
    """End the lock: whom the controller names is a member again."""
    owner = Owner(state_dir, network)
    held = owner.lock()
    if not yes:
        click.confirm(f"End the lock of {owner.network['name']}?", abort=True)
    owner.api.call("PUT", owner.path, {"end": _base64(held.sign_end(owner.network_id))})
    keep_owner_keys(owner.network["id"], msgspec.structs.replace(owner_keys(owner.network["id"]), lock_seed=None))
    click.echo(f"{owner.network['name']} is not locked any more")


def _show(members: list[dict[str, Any]]) -> None:
    rows = [
        (one["name"], "signed" if one["is_signed"] else "not signed", one["id"], fingerprint(public_of(one)))
        for one in members
    ]
    print_table(("NAME", "LOCK", "ID", "FINGERPRINT"), rows, "there is no member yet", ("ID",))
