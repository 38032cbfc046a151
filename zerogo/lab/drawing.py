# -*- test-case-name: zerogo.test.lab.test_drawing -*-
"""The topology as a picture of characters: sites with their NATs above, one line per pair of hosts below.

    ╭─ berlin ────╮╭─ paris ─────╮╭─ oslo ──────╮
    │ port-restr. ││ full-cone   ││ open        │
    │    alice    ││     bob     ││    carol    │
    ╰──────┬──────╯╰──────┬──────╯╰──────┬──────╯
           ●━━━━━━━━━━━━━━●              ╵          direct   40 ms
           ●━━━━━━━━━━━━━━┿━━━━━━━━━━━━━━●          direct   41 ms

A direct path is green, a relayed one yellow, none at all red. Where the picture is wider than the terminal, a list
takes its place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import frozen
from rich.text import Text

from zerogo.lab.result import PairResult
from zerogo.lab.scenario import Scenario, Site

_COLUMN = 15
_STYLES = {"direct": "bold green", "": "cyan", "none": "red"}
_STROKES = {"direct": "━", "": "─", "none": "┄"}
_RELAYED_STYLE = "yellow"
_SHORT_NATS = {
    "address-restricted": "addr-restr.",
    "port-restricted": "port-restr.",
    "symmetric-sequential": "symm. seq.",
    "symmetric-random": "symmetric",
    "symmetric-port-block": "symm. block",
}
_TINY_NATS = {
    "full-cone": "full",
    "address-restricted": "addr",
    "port-restricted": "port",
    "symmetric-sequential": "symm",
    "symmetric-random": "symm",
    "symmetric-port-block": "block",
    "udp-blocked": "no UDP",
}
"""Where two share a box."""
_LABEL_COLUMNS = 24


def path_style(result: PairResult) -> str:
    """The colour of a pair's path."""
    if result.path == "" and result.first_ping is None:
        return _STYLES["none"]
    return _STYLES.get(result.path, _RELAYED_STYLE)


def draw(scenario: Scenario, pairs: Sequence[PairResult], width: int) -> list[Text]:
    """The picture in lines, or a list of the pairs if it does not fit into `width` columns."""
    sites = [site for site in scenario.sites if site.hosts]
    columns = sum(max(1, len(site.hosts)) for site in sites) * _COLUMN
    if columns + _LABEL_COLUMNS > width:
        return [_listed(result) for result in pairs]
    boxes = [_box(site, scenario) for site in sites]
    lines = [Text("".join(box.lines[row] for box in boxes)) for row in range(4)]
    centres: dict[str, int] = {}
    offset = 0
    for box, site in zip(boxes, sites, strict=True):
        for index, host in enumerate(site.hosts):
            centres[host.name] = offset + index * _COLUMN + _COLUMN // 2
        offset += len(box.lines[0])
    drawn = [result for result in pairs if all(name in centres for name in result.pair)]
    return lines + [_stroke(result, centres, columns) for result in drawn]


@frozen
class _Box:
    lines: tuple[str, str, str, str]


def _box(site: Site, scenario: Scenario) -> _Box:
    inner = len(site.hosts) * _COLUMN - 2
    kinds = _nats(site, scenario)
    names = [(_SHORT_NATS if len(kinds) == 1 else _TINY_NATS).get(kind, kind) for kind in kinds]
    title = f" {site.name} "[: inner - 1]
    middle = "".join(host.name[: _COLUMN - 2].center(_COLUMN) for host in site.hosts)[1:-1]
    bottom = list("─" * (inner + 2))
    for index in range(len(site.hosts)):
        bottom[index * _COLUMN + _COLUMN // 2] = "┬"
    bottom[0], bottom[-1] = "╰", "╯"
    return _Box(
        (
            f"╭─{title}{'─' * (inner - 1 - len(title))}╮",
            f"│{' + '.join(names)[:inner].center(inner)}│",
            f"│{middle}│",
            "".join(bottom),
        )
    )


def _nats(site: Site, scenario: Scenario) -> list[str]:
    """The kinds of NAT on the way out, the innermost first."""
    if not scenario.family.has_ipv4:
        return ["firewall" if site.ipv6_firewall else "open"]
    by_name = {other.name: other for other in scenario.sites}
    kinds = [site.nat.value]
    while site.behind is not None:
        site = by_name[site.behind]
        kinds.append(site.nat.value)
    return kinds


def _stroke(result: PairResult, centres: Mapping[str, int], columns: int) -> Text:
    left, right = sorted(centres[name] for name in result.pair)
    stroke = _STROKES.get(result.path, "╌") if result.path or result.first_ping is not None else _STROKES["none"]
    line = Text()
    for column in range(columns):
        is_host = column in centres.values()
        if column in (left, right):
            line.append("●", path_style(result))
        elif left < column < right:
            line.append("┿" if is_host and stroke == "━" else stroke, path_style(result))
        else:
            line.append("╵" if is_host else " ", "dim")
    line.append(f"  {_label(result)}", path_style(result))
    return line


def _listed(result: PairResult) -> Text:
    return Text(f"{result.pair[0]} - {result.pair[1]}: {_label(result)}", path_style(result))


def _label(result: PairResult) -> str:
    path = result.path or ("answers" if result.first_ping is not None else "none")
    return path if result.rtt_p50 is None else f"{path}  {result.rtt_p50 * 1000:.0f} ms"
