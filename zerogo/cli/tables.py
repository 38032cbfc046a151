# -*- test-case-name: zerogo.test.cli.test_tables -*-
"""How reports look to a person: tables that fit the terminal, the table of peers, a page of status."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from zerogo.agent.pair_facts import carriers
from zerogo.agent.reports import LockReport, NamesReport, PathReport, PeerReport, StatusReport

STRAIGHT = ("direct", "tcp")
"""Kinds of paths that nobody carries."""
_STATE_STYLES = {"connected": "green", "unreachable": "red"}
_UNLIMITED_COLUMNS = 10_000
"""More than any table has."""
_LESSER_PEER_COLUMNS = ("JITTER", "HANDSHAKE", "OUT", "IN", "LOSS", "RTT")
_NUMBERS = ("RTT", "JITTER", "LOSS", "IN", "OUT", "HANDSHAKE")


def size_text(count: float) -> str:
    """`1.5 GB`, in the steps of `exit_settings.parse_size`, so that what was typed is what is shown."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5:
            return f"{count:.0f} {unit}" if count >= 100 else f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.0f} TB" if count >= 100 else f"{count:.3g} TB"


def age_text(seconds: float | None) -> str:
    """`4 s`, `12 min`, `3 h`, `5 d`; a dash for never."""
    if seconds is None:
        return "-"
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def clock_text(unix_time: float) -> str:
    """`13:05:20`, here."""
    return time.strftime("%H:%M:%S", time.localtime(unix_time))


def ms_text(milliseconds: float | None) -> str:
    """`1.9 ms`; a dash where nothing was measured."""
    return "-" if milliseconds is None else f"{milliseconds:.1f} ms"


def names_of(peers: Sequence[PeerReport]) -> dict[str, str]:
    """Members' names by node id."""
    return {peer.node_id: peer.name for peer in peers}


def path_text(path: PathReport, names: Mapping[str, str]) -> str:
    """`direct 192.0.2.7:9993 (host to srflx)`, `tcp 192.0.2.7:443 (active to passive)`, `via relay fra` or `via carol,
    dave`."""
    if path.kind == "relay":
        return f"via relay {path.relay or path.address}"
    if path.kind not in STRAIGHT:
        return f"via {', '.join(carriers(path, names)) or path.address}"
    return f"{path.kind} {path.address} ({path.local_candidate} to {path.remote_candidate})"


def terminal_width() -> int | None:
    """Columns of the terminal; None where the output goes to a file or a pipe, which have no end of line to fear."""
    return wide_console().width if sys.stdout.isatty() else None


def wide_console() -> Console:
    """Prints as wide as the terminal is; elsewhere it breaks no line."""
    return Console(width=None if sys.stdout.isatty() else _UNLIMITED_COLUMNS)


def fitted_table(
    columns: Mapping[str, Sequence[str | Text]],
    width: int | None,
    lesser: Sequence[str] = (),
    right: Sequence[str] = (),
) -> Table:
    """A table from cells by title; nothing is wrapped. Where it is wider than `width`, columns named in `lesser` are
    left out in that order. Those in `right` are aligned there."""
    shown = {
        title: [cell if isinstance(cell, Text) else Text(cell) for cell in cells] for title, cells in columns.items()
    }
    for title in lesser:
        if width is None or _needed(shown) <= width:
            break
        shown.pop(title, None)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in shown:
        table.add_column(title, justify="right" if title in right else "left", no_wrap=True)
    for row in zip(*shown.values(), strict=True):
        table.add_row(*row)
    return table


def print_whole(table: Table, width: int | None) -> None:
    """Print a table as wide as it is; what is wider than the terminal, the terminal breaks, and nothing is cut."""
    needed = Console(width=_UNLIMITED_COLUMNS).measure(table).maximum
    print_unpadded(Console(width=max(needed, width or 0)), table)


def print_unpadded(console: Console, table: Table) -> None:
    """Print a table; into a file or a pipe, without the spaces that fill its lines up to the longest."""
    if console.is_terminal:
        console.print(table)
        return
    with console.capture() as capture:
        console.print(table)
    for line in capture.get().splitlines():
        click.echo(line.rstrip())


def _needed(columns: Mapping[str, Sequence[Text]]) -> int:
    return sum(max(text.cell_len for text in (Text(title), *cells)) + 2 for title, cells in columns.items()) - 2


def _path_cell(peer: PeerReport, names: Mapping[str, str]) -> Text:
    if peer.path is not None and peer.state == "connected":
        path = peer.path
        if path.kind != "direct":
            return Text(path_text(path, names), style="yellow")
        return Text(f"{path.kind} {path.address} {path.local_candidate}-{path.remote_candidate}", style="green")
    return Text(peer.state, style=_STATE_STYLES.get(peer.state, "yellow"))


def peers_table(peers: Sequence[PeerReport], width: int | None = None) -> Table:
    """One row a peer; columns that `width` has no room for are left out."""
    paths, names = [peer.path for peer in peers], names_of(peers)
    columns: dict[str, Sequence[str | Text]] = {
        "NAME": [peer.name for peer in peers],
        "ADDRESS": [next(iter(peer.addresses), "-") for peer in peers],
        "PATH": [_path_cell(peer, names) for peer in peers],
        "RTT": [ms_text(None if path is None else path.rtt_ms) for path in paths],
        "JITTER": [ms_text(None if path is None else path.jitter_ms) for path in paths],
        "LOSS": ["-" if path is None else f"{path.loss:.0%}" for path in paths],
        "IN": [size_text(peer.bytes_in) for peer in peers],
        "OUT": [size_text(peer.bytes_out) for peer in peers],
        "HANDSHAKE": [age_text(peer.handshake_age_seconds) for peer in peers],
    }
    return fitted_table(columns, width, _LESSER_PEER_COLUMNS, _NUMBERS)


def peer_reasons(peers: Sequence[PeerReport]) -> list[Text]:
    """Why peers are not connected, a line for each reason; in the table there is no room for a sentence."""
    found: dict[str, list[str]] = {}
    for peer in peers:
        if peer.reason:
            found.setdefault(peer.reason, []).append(peer.name)
    return [Text(f"{', '.join(names)}: {reason}", "dim") for reason, names in found.items()]


def naming_text(names: NamesReport) -> str:
    """What members' names look like and where they are answered."""
    if not names.origin:
        return "off"
    where = f"answered at {', '.join(names.servers)}" if names.servers else "not answered"
    return f"HOST.{names.origin}, {where}" + (f": {names.complaint}" if names.complaint else "")


def lock_text(lock: LockReport) -> str:
    """Whether this machine insists on a network lock, and what that means for it."""
    if not lock.key:
        return "none"
    text = f"{lock.key[:16]}..."
    if not lock.is_signed:
        text += "; this machine is not signed yet, so others refuse it: `zerogo lock sign` on the owner's machine"
    return text + (f"; refused: {', '.join(lock.refused)}" if lock.refused else "")


FLOW_LOG = "kept: the controller is told which flows the policy allows and refuses, by peer, protocol and port"


def status_rows(status: StatusReport) -> list[tuple[str, str]]:
    """Names and values, in the order in which a person wants them."""
    controller = status.controller
    connection = f"{controller.state} {controller.address}".strip()
    if controller.next_try_in_seconds is not None:
        connection += f", next try in {controller.next_try_in_seconds:.1f} s"
    state = status.state if not status.sentence else f"{status.state}: {status.sentence}"
    network = f"{status.network_name} ({status.network})" if status.network_name else status.network
    rows = [
        ("state", state),
        ("network", f"{network}, map revision {status.map_revision}"),
        ("name", status.name or "-"),
        ("addresses", ", ".join(status.addresses) or "-"),
        ("node id", status.node_id),
        ("members", f"{status.members}, {status.connected} connected to this machine"),
        ("device", f"{status.device} {status.mac} MTU {status.mtu}" if status.mac else status.device or "-"),
        ("UDP ports", ", ".join(map(str, status.ports)) or "-"),
        ("controller", connection),
        ("names", naming_text(status.names)),
        ("lock", lock_text(status.lock)),
        ("flow log", FLOW_LOG if status.flow_log else "not kept"),
        ("fingerprint", status.fingerprint or "-"),
    ]
    plane = status.plane
    if plane is not None:
        used = [name for name, is_on in plane.offloads.items() if is_on]
        rows.append(("data plane", f"{plane.name}; offloads: {', '.join(used) or 'none'}"))
        dropped = {name: count for name, count in plane.counters.items() if name.startswith("dropped_") and count}
        rows.append(("dropped", ", ".join(f"{name[8:]} {count}" for name, count in dropped.items()) or "nothing"))
    return rows
