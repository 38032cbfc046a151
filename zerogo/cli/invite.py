# -*- test-case-name: zerogo.test.cli.test_networks -*-
"""`zerogo invite`: make a join token and print the line that another machine joins with."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click
import segno
from attrs import evolve

from zerogo.cli.controller_option import (
    controller_api,
    find_network,
    json_option,
    network_option,
    print_json,
    state_dir_option,
)
from zerogo.cli.owner_keys import NoOwnerKey, OwnerKeys, owner_keys, path_of
from zerogo.control.token import JoinToken
from zerogo.store.values import PskMode

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DURATION = re.compile(r"(\d{1,9})([smhdw])")


class Duration(click.ParamType[float]):
    """`90m`, `24h`, `7d`: seconds as a number."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        match = _DURATION.fullmatch(str(value).strip().lower())
        if match is None or not int(match[1]):
            self.fail(f"{str(value)[:30]!r} is not a duration: write 30m, 24h or 7d", param, ctx)
        return float(int(match[1]) * _UNITS[match[2]])


def keys_for_invites(network: dict[str, Any]) -> OwnerKeys:
    """What joining a network takes beyond what its controller knows; raises `NoOwnerKey` where that is not here."""
    keys = owner_keys(network["id"])
    if network["psk_mode"] == PskMode.END_TO_END and keys.psk is None:
        raise NoOwnerKey(
            f"the key of {network['name']} is not on this machine: make the invite where the network was made, "
            f"or copy {path_of(network['id'])} from there"
        )
    return keys


def with_keys(join_url: str, keys: OwnerKeys) -> str:
    """A join token with the network's own key, where it is known here. Of its lock what is known here counts more than
    what the controller says."""
    token = JoinToken.parse(join_url)
    lock = token.lock if keys.lock is None else keys.lock.public
    return evolve(token, psk=keys.psk, lock=lock).format()


@click.command()
@state_dir_option
@network_option
@click.option("--uses", type=click.IntRange(1, 100_000), default=1, show_default=True, help="Machines that may join.")
@click.option("--expires", type=Duration(), default="24h", show_default=True, help="How long it is good: 30m, 24h, 7d.")
@click.option("--approval", is_flag=True, help="Machines wait until `zerogo members approve`.")
@click.option("--tag", "tags", multiple=True, help="Tag of the machines that join; repeatable.")
@click.option("--ephemeral", is_flag=True, help="The machines are forgotten when they were away for ten minutes.")
@click.option("--address", "addresses", multiple=True, help="How machines reach the controller, host:port; repeatable.")
@click.option("--qr", is_flag=True, help="Show the token as a QR code too.")
@json_option
def invite(state_dir: Path | None, network: str | None, qr: bool, as_json: bool, **wanted: Any) -> None:
    """Make a join token; it is shown once and stored only as a hash."""
    api = controller_api(state_dir)
    found = find_network(api, network)
    body = {
        "uses": wanted["uses"],
        "expires_seconds": wanted["expires"],
        "approval": "manual" if wanted["approval"] else "automatic",
        "tags": list(wanted["tags"]),
        "is_ephemeral": wanted["ephemeral"],
        "addresses": list(wanted["addresses"]),
    }
    keys = keys_for_invites(found)
    made = api.call("POST", f"/networks/{found['id']}/invites", body)
    made["join_url"] = with_keys(made["join_url"], keys)
    if as_json:
        print_json(made)
        return
    # In quotes: a shell would take the question mark for a pattern.
    click.echo(f"zerogo join '{made['join_url']}'")
    if qr:
        click.echo()
        segno.make(made["join_url"], error="l").terminal(compact=True)
    machines = "1 machine" if made["uses"] == 1 else f"{made['uses']} machines"
    click.echo(f"for {machines}, until {made['expires_at']}, to join {found['name']}", err=True)
