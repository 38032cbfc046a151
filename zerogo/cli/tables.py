# -*- test-case-name: zerogo.test.cli.test_tables -*-
"""How an agent's reports look to a person: a table of peers, a page of status."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from zerogo.agent.reports import PathReport, PeerReport, StatusReport

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_STATE_STYLES = {"connected": "green", "unreachable": "red"}


def bytes_text(count: float) -> str:
    """`1.5 MiB`."""
    for unit in _UNITS:
        if count < 1024 or unit == _UNITS[-1]:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    raise AssertionError


def age_text(seconds: float | None) -> str:
    """`4 s`, `12 min`, `3 h`; a dash for never."""
    if seconds is None:
        return "-"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def ms_text(milliseconds: float | None) -> str:
    """`1.9 ms`; a dash where nothing was measured."""
    return "-" if milliseconds is None else f"{milliseconds:.1f} ms"


def path_text(path: PathReport) -> str:
    """`direct 192.0.2.7:9993 (host to srflx)`."""
    return f"{path.kind} {path.address} ({path.local_candidate} to {path.remote_candidate})"


def _path_cell(peer: PeerReport) -> Text:
    if peer.path is not None and peer.state == "connected":
        path = peer.path
        return Text(f"{path.kind} {path.address} {path.local_candidate}-{path.remote_candidate}", style="green")
    return Text(peer.reason or peer.state, style=_STATE_STYLES.get(peer.state, "yellow"))


def peers_table(peers: Sequence[PeerReport]) -> Table:
    """One row a peer."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("NAME")
    table.add_column("ADDRESS", no_wrap=True)
    table.add_column("PATH", overflow="fold")
    for title in ("RTT", "JITTER", "LOSS", "IN", "OUT", "HANDSHAKE"):
        table.add_column(title, justify="right", no_wrap=True)
    for peer in peers:
        path = peer.path
        table.add_row(
            peer.name,
            next(iter(peer.addresses), "-"),
            _path_cell(peer),
            ms_text(None if path is None else path.rtt_ms),
            ms_text(None if path is None else path.jitter_ms),
            "-" if path is None else f"{path.loss:.0%}",
            bytes_text(peer.bytes_in),
            bytes_text(peer.bytes_out),
            age_text(peer.handshake_age_seconds),
        )
    return table


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
    ]
    plane = status.plane
    if plane is not None:
        used = [name for name, is_on in plane.offloads.items() if is_on]
        rows.append(("data plane", f"{plane.name}; offloads: {', '.join(used) or 'none'}"))
        dropped = {name: count for name, count in plane.counters.items() if name.startswith("dropped_") and count}
        rows.append(("dropped", ", ".join(f"{name[8:]} {count}" for name, count in dropped.items()) or "nothing"))
    return rows
