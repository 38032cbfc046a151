# -*- test-case-name: zerogo.test.cli.test_links -*-
"""`zerogo links` and `zerogo events`: how members of a network reach each other, as they tell the controller."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from rich.text import Text

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
from zerogo.cli.invite import Duration
from zerogo.cli.members import find_member, seen_text
from zerogo.cli.owner_api import OwnerApi
from zerogo.cli.tables import ms_text, size_text

_STYLES = {"direct": "green", "none": "red"}
_TITLES = ("A", "B", "PATH", "VIA", "RTT", "LOSS", "TO A", "TO B", "SINCE")
_COURSE_TITLES = ("AT", "RTT", "JITTER", "LOSS", "RECEIVED", "SENT")
_LESSER = ("TO A", "TO B", "LOSS", "SINCE", "VIA", "RTT")


class _Network:
    """A network and the names of its members."""

    def __init__(self, state_dir: Path | None, network: str | None) -> None:
        self.api: OwnerApi = controller_api(state_dir)
        self.path = f"/networks/{find_network(self.api, network)['id']}"
        self.members = self.api.items(f"{self.path}/members")
        self.names: Mapping[str, str] = {member["id"]: member["name"] for member in self.members}

    def name(self, node_id: str) -> str:
        return self.names.get(node_id, node_id)

    def link(self, one: str, other: str) -> str:
        ids = (find_member(self.members, text)["id"] for text in (one, other))
        return f"{self.path}/links/{'/'.join(ids)}"


@click.group(cls=Commands, invoke_without_command=True)
@state_dir_option
@network_option
@json_option
@click.pass_context
def links(ctx: click.Context, state_dir: Path | None, network: str | None, as_json: bool) -> None:
    """Links between members, as they tell the controller; without a command, list them."""
    ctx.obj = (state_dir, network)
    if ctx.invoked_subcommand is not None:
        return
    chosen = _Network(state_dir, network)
    found = chosen.api.items(f"{chosen.path}/links")
    if as_json:
        print_json(found)
        return
    now = time.time()
    print_table(_TITLES, [_row(link, chosen, now) for link in found], "no member reports a link yet", _LESSER)


@links.command()
@click.argument("one", metavar="MEMBER")
@click.argument("other", metavar="MEMBER")
@state_dir_option
@network_option
@json_option
@click.pass_obj
def show(
    outer: tuple[Path | None, str | None],
    one: str,
    other: str,
    state_dir: Path | None,
    network: str | None,
    as_json: bool,
) -> None:
    """Say how two members reach each other, why so, and which paths they took before."""
    chosen = _Network(state_dir or outer[0], network or outer[1])
    path = chosen.link(one, other)
    link, changes = chosen.api.call("GET", path), chosen.api.call("GET", f"{path}/changes")["items"]
    if as_json:
        print_json({**link, "changes": changes})
        return
    for end, node_id in (("a", link["a"]), ("b", link["b"])):
        words = link["ends"][end]
        if words is not None:
            click.echo(f"{chosen.name(node_id)} says: {words['why'] or words['path']}")
            if words["path"] != "none":
                click.echo(f"  {_measured(words)}")
    now = time.time()
    for change in changes:
        via = ", ".join(chosen.name(each) for each in change["via"])
        way = f"{change['path']} by {via}" if via else change["path"]
        click.echo(f"{seen_text(change['at'], now)}: {way}" + (f" ({change['reason']})" if change["reason"] else ""))


@links.command()
@click.argument("one", metavar="MEMBER")
@click.argument("other", metavar="MEMBER")
@click.option("--last", type=Duration(), default="1h", show_default=True, help="How far back: 30m, 24h, at most 30d.")
@click.option("--most", type=click.IntRange(1), default=60, show_default=True, help="So many rows, the newest.")
@state_dir_option
@network_option
@json_option
@click.pass_obj
def history(
    outer: tuple[Path | None, str | None],
    /,
    one: str,
    other: str,
    last: float,
    most: int,
    state_dir: Path | None,
    network: str | None,
    as_json: bool,
) -> None:
    """The course of a link's figures, the newest first; traffic as the first by id of the two members sees it."""
    chosen = _Network(state_dir or outer[0], network or outer[1])
    begin = max(0.0, time.time() - last)
    found = chosen.api.call("GET", f"{chosen.link(one, other)}/history?from={begin:.0f}")
    if as_json:
        print_json(found)
        return
    columns = (found[name][-most:] for name in ("time", "rtt_ms", "jitter_ms", "loss", "received", "sent"))
    rows = [_course_row(*row) for row in reversed(list(zip(*columns, strict=True)))]
    print_table(_COURSE_TITLES, rows, "nothing is known of this link then", ("JITTER", "LOSS"))


@links.command("test-relay")
@click.argument("one", metavar="MEMBER")
@click.argument("other", metavar="MEMBER")
@click.option("--seconds", type=click.IntRange(0, 300), default=30, show_default=True, help="For how long; 0 ends it.")
@state_dir_option
@network_option
@click.pass_obj
def test_relay(
    outer: tuple[Path | None, str | None],
    one: str,
    other: str,
    seconds: int,
    state_dir: Path | None,
    network: str | None,
) -> None:
    """Have two members reach each other by relays only for a while, as long as one carries."""
    chosen = _Network(state_dir or outer[0], network or outer[1])
    chosen.api.call("POST", f"{chosen.link(one, other)}/relay-test", {"seconds": seconds})
    click.echo(f"{one} and {other} use relays for {seconds} s: see `zerogo links show {one} {other}`")


@click.command()
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="How many, newest first.")
@state_dir_option
@network_option
@json_option
def events(limit: int, state_dir: Path | None, network: str | None, as_json: bool) -> None:
    """What happened in a network since the controller started: members that came and went, paths that changed."""
    chosen = _Network(state_dir, network)
    found = chosen.api.items(f"{chosen.path}/events", limit)
    if as_json:
        print_json(found)
        return
    rows = [
        (event["at"], event["kind"], " - ".join(map(chosen.name, event["nodes"])), *_change(event)) for event in found
    ]
    print_table(("TIME", "WHAT", "WHO", "PATH", "WHY"), rows, "nothing has happened yet", ("WHY",))


def _row(link: dict[str, Any], chosen: _Network, now: float) -> tuple[str | Text, ...]:
    return (
        chosen.name(link["a"]),
        chosen.name(link["b"]),
        Text(link["path"], style=_STYLES.get(link["path"], "yellow")),
        link["relay"] or ", ".join(map(chosen.name, link["via"])) or "-",
        ms_text(link["rtt_ms"]),
        "-" if link["loss"] is None else f"{link['loss']:.0%}",
        f"{size_text(link['received_bytes_per_second'])}/s",
        f"{size_text(link['sent_bytes_per_second'])}/s",
        "-" if link["since"] is None else seen_text(link["since"], now),
    )


def _course_row(at: int, rtt: float | None, jitter: float | None, loss: float | None, *rates: float | None) -> Any:
    traffic = ("-" if rate is None else f"{size_text(rate)}/s" for rate in rates)
    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))
    return (moment, ms_text(rtt), ms_text(jitter), "-" if loss is None else f"{loss:.0%}", *traffic)


def _measured(words: dict[str, Any]) -> str:
    loss = "-" if words["loss"] is None else f"{words['loss']:.0%}"
    return (
        f"{words['path']}, round trip {ms_text(words['rtt_ms'])}, jitter {ms_text(words['jitter_ms'])}, loss {loss}, "
        f"MTU {words['mtu']}, {words['cipher'] or 'no keys'}, {words['local_candidate']} to {words['remote_candidate']}"
    )


def _change(event: dict[str, Any]) -> tuple[str, str]:
    change = event["change"]
    return ("-", "-") if change is None else (f"{change['before']} to {change['path']}", change["reason"] or "-")
