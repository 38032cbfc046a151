# -*- test-case-name: zerogo.test.lab.test_plot -*-
"""The part of a scenario file that is about what happens and what must come of it: `actions` and `checks`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from zerogo.lab.document import Place
from zerogo.lab.scenario import Action, ActionKind, Check, CheckKind, Link, Pair, Role, Scenario

PATH_KINDS = ("direct", "tcp", "peer", "relay", "server", "none")
"""What an agent may call the path to a peer; `none` where there is none."""
MAPPINGS = ("endpoint-independent", "address-dependent", "address-and-port-dependent", "blocked")
_CHECK_KEYS: Mapping[CheckKind, Sequence[str]] = {
    CheckKind.PING: ("pairs", "within", "may-fail"),
    CheckKind.PATH: ("pairs", "is", "may-fail"),
    CheckKind.DIRECT: ("pairs", "within", "may-fail"),
    CheckKind.LOSS: ("pairs", "below", "may-fail"),
    CheckKind.RTT: ("pairs", "below", "may-fail"),
    CheckKind.OUTAGE: ("pairs", "below", "may-fail"),
    CheckKind.THROUGHPUT: ("pairs", "above", "may-fail"),
    CheckKind.SEALED: (),
    CheckKind.NAT: ("host", "mapping", "filtering"),
    CheckKind.JOINS: ("p50", "p99"),
}
_SITE_ONLY = (ActionKind.REBIND,)
_HOST_ONLY = (ActionKind.KILL, ActionKind.STOP, ActionKind.START, ActionKind.RESTART, ActionKind.MOVE)
_PAIRWISE = (ActionKind.CUT, ActionKind.HEAL, ActionKind.LINK)

LinkReader = Callable[[Place, Link], Link]


def read_actions(place: Place, scenario: Scenario, read_link: LinkReader) -> tuple[Action, ...]:
    """The time line, sorted by time; `read_link` reads a link's properties on top of given ones."""
    actions = [_read_action(item, scenario, read_link) for item in place.items()]
    return tuple(sorted(actions, key=lambda action: action.at))


def _read_action(place: Place, scenario: Scenario, read_link: LinkReader) -> Action:
    keys = place.keys(("at", "do", "target", "between", "role", "to", "link"))
    for key in ("at", "do"):
        if key not in keys:
            raise place.error(f"an action needs `{key}`")
    kind = keys["do"].choice(ActionKind)
    targets = _read_targets(place, keys, kind, scenario)
    link = _read_action_link(place, keys, kind, targets, scenario, read_link) if kind is ActionKind.LINK else None
    to = keys["to"].text() if "to" in keys else None
    if (kind is ActionKind.MOVE) != (to is not None) or (to and to not in {site.name for site in scenario.sites}):
        raise place.error("`to` names the site that a host moves to, and belongs to `do: move`")
    role = keys["role"].choice(Role) if "role" in keys else None
    return Action(at=keys["at"].seconds(), kind=kind, targets=targets, role=role, to=to, link=link)


def _read_targets(place: Place, keys: Mapping[str, Place], kind: ActionKind, scenario: Scenario) -> tuple[str, ...]:
    sites = [site.name for site in scenario.sites]
    hosts = [host.name for host in scenario.hosts()]
    if "between" in keys and kind in _PAIRWISE:
        ends = tuple(end.text() for end in keys["between"].items())
        if len(ends) != 2 or ends[0] == ends[1] or any(end not in sites for end in ends):
            raise keys["between"].error(f"there must be two of the sites {', '.join(sites)} here")
        return ends
    if "target" not in keys or "between" in keys:
        raise place.error("an action has one `target`; only cut, heal and link can have `between` with two sites")
    target = keys["target"].text()
    allowed = sites if kind in _SITE_ONLY or kind is ActionKind.LINK else hosts if kind in _HOST_ONLY else sites + hosts
    if target not in allowed:
        raise keys["target"].error(f"{target[:40]!r} is none of {', '.join(allowed)}")
    return (target,)


def _read_action_link(
    place: Place,
    keys: Mapping[str, Place],
    kind: ActionKind,
    targets: tuple[str, ...],
    scenario: Scenario,
    read_link: LinkReader,
) -> Link:
    if "link" not in keys:
        raise place.error(f"`do: {kind.value}` needs `link`")
    if len(targets) == 2:
        return read_link(keys["link"], Link())
    (site,) = (site for site in scenario.sites if site.name == targets[0])
    return read_link(keys["link"], site.up)


# ----- checks


def read_checks(place: Place, scenario: Scenario) -> tuple[Check, ...]:
    """The checks, each with all the pairs it is about."""
    return tuple(_read_check(item, scenario) for item in place.items())


def _read_check(place: Place, scenario: Scenario) -> Check:
    entries = place.entries()
    if "check" not in entries:
        raise place.error("a check needs `check`")
    kind = entries["check"].choice(CheckKind)
    keys = place.keys(("check", *_CHECK_KEYS[kind]))
    if kind is CheckKind.NAT:
        return _read_nat_check(place, keys, scenario)
    pairs = _read_pairs(keys["pairs"], scenario) if "pairs" in keys else scenario.pairs()
    return Check(
        kind=kind,
        pairs=() if kind in (CheckKind.SEALED, CheckKind.JOINS) else pairs,
        limit=_read_limit(place, keys, kind),
        p99=_read_p99(place, keys) if kind is CheckKind.JOINS else 0.0,
        expected=_read_paths(place, keys) if kind is CheckKind.PATH else (),
        may_fail=_read_pairs(keys["may-fail"], scenario) if "may-fail" in keys else (),
    )


def _read_limit(place: Place, keys: Mapping[str, Place], kind: CheckKind) -> float:
    for key in ("within", "below", "above", "p50"):
        if key in _CHECK_KEYS[kind]:
            if key not in keys:
                raise place.error(f"`check: {kind.value}` needs `{key}`")
            if kind is CheckKind.LOSS:
                return keys[key].fraction()
            return keys[key].rate() if kind is CheckKind.THROUGHPUT else keys[key].seconds()
    return 0.0


def _read_p99(place: Place, keys: Mapping[str, Place]) -> float:
    if "p99" not in keys:
        raise place.error("`check: joins` needs `p99`")
    return keys["p99"].seconds()


def _read_paths(place: Place, keys: Mapping[str, Place]) -> tuple[str, ...]:
    if "is" not in keys:
        raise place.error("`check: path` needs `is`")
    listed = list(keys["is"].items()) if keys["is"].is_list() else [keys["is"]]
    for item in listed:
        if item.text() not in PATH_KINDS:
            raise item.error(f"{item.text()[:40]!r} is none of {', '.join(PATH_KINDS)}")
    return tuple(item.text() for item in listed)


def _read_nat_check(place: Place, keys: Mapping[str, Place], scenario: Scenario) -> Check:
    for key in ("host", "mapping", "filtering"):
        if key not in keys:
            raise place.error(f"`check: nat` needs `{key}`")
        if key != "host" and keys[key].text() not in MAPPINGS:
            raise keys[key].error(f"{keys[key].text()[:40]!r} is none of {', '.join(MAPPINGS)}")
    host = keys["host"].text()
    if host not in {host.name for host in scenario.hosts()}:
        raise keys["host"].error(f"{host[:40]!r} is no host")
    return Check(kind=CheckKind.NAT, host=host, expected=(keys["mapping"].text(), keys["filtering"].text()))


def _read_pairs(place: Place, scenario: Scenario) -> tuple[Pair, ...]:
    """`all`, or a list of two-element lists of host names."""
    if not place.is_list():
        if place.text() != "all":
            raise place.error("there must be `all`, or a list of pairs such as [[alice, bob]]")
        return scenario.pairs()
    hosts = {host.name for host in scenario.hosts()}
    pairs = []
    for item in place.items():
        ends = [end.text() for end in item.items()]
        if len(ends) != 2 or ends[0] == ends[1] or any(end not in hosts for end in ends):
            raise item.error("a pair is two different hosts of the scenario")
        pairs.append((ends[0], ends[1]))
    return tuple(pairs)
