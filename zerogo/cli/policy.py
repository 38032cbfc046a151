# -*- test-case-name: zerogo.test.cli.test_policy -*-
"""`zerogo policy`: who may open what towards whom in a network (docs/POLICY.md)."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click

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
from zerogo.errors import ParseError, RemoteError
from zerogo.policy.text import TEXT_LIMIT

_file = click.argument("file", type=click.File("rb"))


class PolicyRefused(RemoteError):
    """The policy is not right."""

    code = "E-POLICY"


@click.group(cls=Commands)
@network_option
@state_dir_option
@click.pass_context
def policy(ctx: click.Context, network: str | None, state_dir: Path | None) -> None:
    """Who may open what towards whom in a network; the text of a policy is described in docs/POLICY.md."""
    ctx.obj = (network, state_dir)


class _Asked:
    """The network that a command is about."""

    def __init__(self, outer: tuple[str | None, Path | None], network: str | None, state_dir: Path | None) -> None:
        self.api: OwnerApi = controller_api(state_dir or outer[1])
        self.path = f"/networks/{find_network(self.api, network or outer[0])['id']}/policy"


@policy.command()
@click.option("--revision", type=click.IntRange(1), help="One of `zerogo policy history`.")
@network_option
@state_dir_option
@json_option
@click.pass_obj
def show(outer: Any, revision: int | None, network: str | None, state_dir: Path | None, as_json: bool) -> None:
    """Print the policy in force, or an earlier one, as it was written."""
    asked = _Asked(outer, network, state_dir)
    found = asked.api.call("GET", asked.path if revision is None else f"{asked.path}/history/{revision}")
    if as_json:
        print_json(found)
        return
    click.echo(found["text"], nl=not found["text"].endswith("\n"))
    if not found["revision"]:
        click.echo("no policy was ever set: this is what a network does without one", err=True)
    _warn_unenforced(found["unenforced"] if found["revision"] else [])


@policy.command()
@_file
@network_option
@state_dir_option
@json_option
@click.pass_obj
def check(outer: Any, file: Any, network: str | None, state_dir: Path | None, as_json: bool) -> None:
    """Look for mistakes in FILE (- is standard input) and run its tests; nothing is saved."""
    asked = _Asked(outer, network, state_dir)
    found = asked.api.call("POST", f"{asked.path}/check", {"text": _text(file)})
    if as_json:
        print_json(found)
    else:
        _print_check(found)
    if not found["is_right"]:
        raise PolicyRefused("this policy cannot be put in force")


def _print_check(found: dict[str, Any]) -> None:
    for each in found["findings"]:
        click.echo(f"{each['severity']}: line {each['line']}, column {each['column']}: {each['message']}")
    rows = [
        (str(test["number"]), "passes" if test["passes"] else "FAILS", test["test"], test["detail"] or "-")
        for test in found["tests"]
    ]
    if rows:
        print_table(("TEST", "RESULT", "WHAT", "WHY"), rows, "")
    if found["is_right"]:
        click.echo("this policy is right")


@policy.command()
@_file
@click.option("--text", "as_text", is_flag=True, help="Compare the texts instead of what they do.")
@network_option
@state_dir_option
@json_option
@click.pass_obj
def diff(outer: Any, file: Any, as_text: bool, network: str | None, state_dir: Path | None, as_json: bool) -> None:
    """Say who would gain and lose access with FILE (- is standard input); nothing is saved."""
    asked = _Asked(outer, network, state_dir)
    text = _text(file)
    if as_text:
        before = asked.api.call("GET", asked.path)["text"]
        lines = difflib.unified_diff(before.splitlines(), text.splitlines(), "in force", "new", lineterm="")
        click.echo("\n".join(lines) or "the texts are the same")
        return
    found = asked.api.call("POST", f"{asked.path}/preview", {"text": text})
    if as_json:
        print_json(found)
        return
    rows = [
        tuple(", ".join(change[key]) or "-" for key in ("from", "to", "gained", "lost")) for change in found["changes"]
    ]
    print_table(("FROM", "TO", "GAINS", "LOSES"), rows, "nobody gains or loses access")
    _warn_unenforced(found["unenforced"])


@policy.command("set")
@_file
@click.option("-m", "--comment", default="", help="For the history.")
@click.option("--on", type=click.IntRange(0), help="Only if this revision is still in force; else whatever is now.")
@network_option
@state_dir_option
@json_option
@click.pass_obj
def set_(
    outer: Any, file: Any, comment: str, on: int | None, network: str | None, state_dir: Path | None, as_json: bool
) -> None:
    """Put FILE (- is standard input) in force; refused where it is not right or one of its tests fails."""
    asked = _Asked(outer, network, state_dir)
    text = _text(file)
    tag = asked.api.call("GET", asked.path)["etag"] if on is None else f"policy-{on}"
    _print_saved(asked.api.call("PUT", asked.path, {"text": text, "comment": comment}, if_match=tag), as_json)


@policy.command()
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@click.argument("port", required=False)
@network_option
@state_dir_option
@json_option
@click.pass_obj
def explain(
    outer: Any,
    source: str,
    target: str,
    port: str | None,
    network: str | None,
    state_dir: Path | None,
    as_json: bool,
) -> None:
    """Say whether FROM may open PORT towards TO, and which rule decides.

    FROM and TO are members by name, node id or address; TO may be an address behind one. PORT is such as 22, udp/53 or
    a protocol without ports; left out, it is a ping. Exits with status 1 where it is refused.
    """
    asked = _Asked(outer, network, state_dir)
    query = {"src": source, "dst": target} | _port(port)
    found = asked.api.call("GET", f"{asked.path}/explain?{urlencode(query)}")
    if as_json:
        print_json(found)
    else:
        at = f" ({found['destination']})" if found["destination"] else ""
        click.echo(f"{found['verdict']}: {found['from']} to {found['to']}{at}: {found['reason']}")
        _warn_unenforced([name for name in (found["from"], found["to"]) if name not in found["enforced_by"]])
    if found["verdict"] == "deny":
        raise click.exceptions.Exit(1)


def _port(text: str | None) -> dict[str, str]:
    if text is None:
        return {}
    protocol, _, port = text.rpartition("/")
    if port.isascii() and port.isdigit() and (protocol or int(port) > 0):
        return {"protocol": protocol or "tcp", "port": port}
    if protocol:
        raise ParseError(f"{text[:40]!r} is neither a port such as 22 or udp/53, nor a protocol")
    return {"protocol": port}


@policy.command()
@network_option
@state_dir_option
@json_option
@click.pass_obj
def history(outer: Any, network: str | None, state_dir: Path | None, as_json: bool) -> None:
    """List the policies that were in force, newest first."""
    asked = _Asked(outer, network, state_dir)
    found = asked.api.items(f"{asked.path}/history")
    if as_json:
        print_json(found)
        return
    rows = [(str(one["revision"]), one["created_at"], one["created_by"], one["comment"] or "-") for one in found]
    print_table(("REVISION", "SINCE", "WHO", "COMMENT"), rows, "no policy was ever set")


@policy.command()
@click.argument("revision", type=click.IntRange(1))
@network_option
@state_dir_option
@json_option
@click.pass_obj
def rollback(outer: Any, revision: int, network: str | None, state_dir: Path | None, as_json: bool) -> None:
    """Put the policy of an earlier REVISION in force again; its tests must hold now too."""
    asked = _Asked(outer, network, state_dir)
    tag = asked.api.call("GET", asked.path)["etag"]
    _print_saved(asked.api.call("POST", f"{asked.path}/rollback", {"revision": revision}, if_match=tag), as_json)


@policy.command()
@click.option("--member", help="Only what this member, by name or node id, is at one end of.")
@click.option("--refused", "outcome", flag_value="refused", help="Only what was refused.")
@click.option("--opened", "outcome", flag_value="opened", help="Only what was opened.")
@click.option("--protocol", help="Only of this protocol, such as tcp.")
@click.option("--port", type=click.IntRange(0, 65535), help="Only of this destination port.")
@click.option("--most", type=click.IntRange(1), default=100, show_default=True, help="So many rows, the newest.")
@network_option
@state_dir_option
@json_option
@click.pass_obj
def flows(outer: Any, /, network: str | None, state_dir: Path | None, as_json: bool, most: int, **wanted: Any) -> None:
    """List what members' data planes opened and refused, as they told it, newest first.

    A network keeps this log where `zerogo networks change NETWORK --flow-log` was said.
    """
    api: OwnerApi = controller_api(state_dir or outer[1])
    found = find_network(api, network or outer[0])
    query = {key: value for key, value in wanted.items() if value is not None}
    path = f"/networks/{found['id']}/flows" + (f"?{urlencode(query)}" if query else "")
    rows = api.items(path, most)
    if as_json:
        print_json(rows)
        return
    names = {one["id"]: one["name"] for one in api.items(f"/networks/{found['id']}/members")}
    if not found["flow_log"]:
        click.echo(f"{found['name']} keeps no such log: `zerogo networks change {found['name']} --flow-log`", err=True)
    headings = ("UNTIL", "FROM", "TO", "WHAT", "OPENED", "REFUSED", "TOLD BY")
    print_table(headings, [_flow_row(row, names) for row in rows], "nothing was told")


def _flow_row(row: dict[str, Any], names: dict[str, str]) -> tuple[str, ...]:
    us = names.get(row["reported_by"], row["reported_by"])
    peer = "others" if row["peer"] is None else names.get(row["peer"], row["peer"])
    ends = (us, peer) if row["direction"] == "out" else (peer, us)
    what = row["protocol"] if row["port"] is None else f"{row['protocol']} {row['port']}"
    return (row["ended_at"], *ends, what, str(row["opened"]), str(row["refused"]), us)


def _print_saved(saved: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(saved)
        return
    click.echo(f"revision {saved['revision']} is in force")
    _warn_unenforced(saved["unenforced"])


def _warn_unenforced(names: list[str]) -> None:
    if names:
        some = ", ".join(names[:5]) + (" ..." if len(names) > 5 else "")
        click.echo(f"not enforced at {some}: the agent there is too old; the other end of each pair enforces", err=True)


def _text(file: Any) -> str:
    data: bytes = file.read(TEXT_LIMIT + 1)
    if len(data) > TEXT_LIMIT:
        raise ParseError(f"a policy has at most {TEXT_LIMIT // 1024} KiB")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise ParseError(f"the policy is not UTF-8 text: byte {error.start}") from error
