# -*- test-case-name: zerogo.test.cli.test_exits_admin -*-
"""`zerogo exits stats`, `streams`, `explain`, `kick` and `end-stream`: what passes through the exits, and how to end
it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, urlencode

import click

from zerogo.cli.controller_option import controller_api, json_option, print_json, print_table, state_dir_option
from zerogo.cli.tables import age_text, size_text

LEFT_OUT = {
    "not-allowed": "that the account may not use",
    "country": "in another country",
    "region": "in another region",
    "city": "in another city",
    "asn": "in another network",
    "zone": "without that tag",
    "away": "away",
    "draining": "going away",
    "full": "with as many streams as they take",
    "ejected": "that failed of late",
    "silent": "that do not answer at the moment",
    "udp": "without UDP",
    "bind": "without BIND",
    "ipv6": "without IPv6",
    "port": "that let nothing through to that port",
}
"""Why an edge was not considered (`zerogo.exit.choose.misfit`), after how many."""


@click.command()
@click.argument("kind", type=click.Choice(["user", "edge", "country"]), default="user")
@click.argument("subject", required=False)
@click.option("--by", type=click.Choice(["minute", "hour", "day"]), default="day", show_default=True)
@state_dir_option
@json_option
def stats(kind: str, subject: str | None, by: str, state_dir: Path | None, as_json: bool) -> None:
    """What passed, by user, edge or country, of all or of one SUBJECT."""
    below = "" if subject is None else f"/{quote(subject, safe='')}"
    found = controller_api(state_dir).call("GET", f"/exits/stats/{kind}/{by}{below}")
    if as_json:
        print_json(found)
        return
    rows = [
        (
            datetime.fromtimestamp(began_at, UTC).strftime("%Y-%m-%d" if by == "day" else "%Y-%m-%d %H:%M"),
            name or "-",
            size_text(up),
            size_text(down),
            str(streams),
        )
        for name, began_at, up, down, streams in zip(
            found["subject"], found["began_at"], found["up"], found["down"], found["streams"], strict=True
        )
    ]
    print_table((by.upper(), kind.upper(), "UP", "DOWN", "STREAMS"), rows, "nothing has passed")


@click.command()
@click.option("--user", help="Of one user.")
@click.option("--exit", "exit_address", help="Those that left from this address, as websites saw them.")
@click.option("--at", help="Those that were open at this moment, as in 2026-03-01T12:00:00Z.")
@click.option("--live", is_flag=True, help="Those that are open, instead of those that are over.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@state_dir_option
@json_option
def streams(
    user: str | None,
    exit_address: str | None,
    at: str | None,
    live: bool,
    limit: int,
    state_dir: Path | None,
    as_json: bool,
) -> None:
    """Who went where by which exit, newest first. With --exit and --at: who it was that a website complains of."""
    api = controller_api(state_dir)
    if live:
        _live(api.call("GET", "/exits/live")["gateways"], user, as_json)
        return
    found = api.items(_streams_path(user, exit_address, at), limit)
    if as_json:
        print_json(found)
        return
    rows = [
        (
            one["ended_at"],
            one["user"],
            one["source"],
            one["exit_address"],
            one["target"],
            size_text(one["up"]),
            size_text(one["down"]),
            age_text(one["seconds"]),
            one["reason"],
        )
        for one in found
    ]
    titles = ("ENDED", "USER", "FROM", "EXIT", "TO", "UP", "DOWN", "LASTED", "END")
    print_table(titles, rows, "no stream has ended", ("FROM", "LASTED"))


def _streams_path(user: str | None, exit_address: str | None, at: str | None) -> str:
    if user is not None:
        if exit_address or at:
            raise click.UsageError("--user cannot be combined with --exit and --at")
        return f"/exits/users/{quote(user, safe='')}/streams"
    query: dict[str, str] = {}
    if exit_address:
        query["exit_address"] = exit_address
    if at:
        try:
            moment = datetime.fromisoformat(at)
        except ValueError:
            raise click.BadParameter(f"{at!r} is no time, as in 2026-03-01T12:00:00Z", param_hint="--at") from None
        query["at"] = f"{(moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp():.3f}"
    return f"/exits/streams?{urlencode(query)}" if query else "/exits/streams"


def _live(gateways: dict[str, dict[str, list[dict[str, object]]]], user: str | None, as_json: bool) -> None:
    found = [
        {"gateway": gateway, **one}
        for gateway, document in gateways.items()
        for one in (document or {}).get("streams", [])
        if user in (None, one["user"])
    ]
    if as_json:
        print_json(found)
        return
    names = ("gateway", "number", "user", "source", "exit_address", "target")
    rows = [
        (*(str(one[name]) for name in names), *(size_text(float(str(one[name]))) for name in ("up", "down")))
        for one in found
    ]
    titles = ("GATEWAY", "NUMBER", "USER", "FROM", "EXIT", "TO", "UP", "DOWN")
    print_table(titles, rows, "no stream is open", ("FROM",))


@click.command()
@click.argument("username")
@click.argument("target", default="example.com:443")
@state_dir_option
@json_option
def explain(username: str, target: str, state_dir: Path | None, as_json: bool) -> None:
    """Which edge each gateway would take for USERNAME (as in alice-country-de) to TARGET, and why."""
    query, api = urlencode({"username": username, "target": target}), controller_api(state_dir)
    found = api.call("GET", f"/exits/select/explain?{query}")["gateways"]
    if as_json:
        print_json(found)
        return
    if not found:
        click.echo("no gateway is here")
    names = {one["id"]: one["name"] for one in api.items("/exits/gateways")}
    for gateway_id, document in found.items():
        gateway = names.get(gateway_id) or gateway_id
        if document is None or "error" in document:
            click.echo(f"{gateway}: {'no answer' if document is None else document['error']}")
            continue
        left_out = ", ".join(f"{count} {LEFT_OUT.get(why, why)}" for why, count in document["excluded"].items())
        chosen = f"{document['chosen']}, one of {document['fitting']} that fit"
        click.echo(f"{gateway}: {chosen if document['chosen'] else 'no edge fits'} (by {document['policy']})")
        click.echo(f"  left out: {left_out or 'none'}")
        for one in document["candidates"][:5]:
            click.echo(f"  {one['edge']} {one['name']:<16} cost {one['cost']:.4f}, {one['streams']} streams")


@click.command()
@click.argument("user")
@state_dir_option
def kick(user: str, state_dir: Path | None) -> None:
    """End all live streams of USER, who may come again."""
    controller_api(state_dir).call("POST", f"/exits/users/{quote(user)}/kick")
    click.echo(f"the streams of {user} end")


@click.command("end-stream")
@click.argument("gateway")
@click.argument("number")
@state_dir_option
def end_stream(gateway: str, number: str, state_dir: Path | None) -> None:
    """End one live stream: GATEWAY and NUMBER are as `zerogo exits streams --live` lists them."""
    path = f"/exits/gateways/{quote(gateway, safe='')}/streams/{quote(number, safe='')}"
    controller_api(state_dir).call("DELETE", path)
    click.echo(f"the stream {number} of {gateway} ends")
