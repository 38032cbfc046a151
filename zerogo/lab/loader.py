# -*- test-case-name: zerogo.test.lab.test_loader -*-
"""Scenario files: YAML in, a complete `Scenario` out, or an error that names file, line and key.

Checked here, so that nothing later has to: names are unique and known, roles make sense together, a NAT can do what is
asked of it, and the chain of sites behind each other ends at the internet.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path as FilePath
from typing import Any

from attrs import evolve

from zerogo.lab.document import Place, parse_document
from zerogo.lab.errors import ScenarioError
from zerogo.lab.plot import read_actions, read_checks
from zerogo.lab.scenario import Family, Host, Link, NatKind, Path, Role, Scenario, Site

SITE_LIMIT = 200
HOST_LIMIT = 200
"""Per site."""
LINK_KEYS = (
    "delay jitter loss burst reorder duplicate rate queue mtu mtu-signals".split()  # noqa: SIM905 - reads better
)
_SCENARIO_KEYS = (
    "title family seed defaults sites paths actions checks connect-limit settle time-limit repeat log-level".split()  # noqa: SIM905
)
_SITE_KEYS = ("nat", "behind", "hairpin", "udp-timeout", "ipv6-firewall", "lan", "link", "up", "down", "hosts")
_LOG_LEVELS = ("debug", "info", "warn", "error", "critical")


def load_scenario(name: str) -> Scenario:
    """Read a scenario by the path of its file or, without a suffix, by the name of one that comes with ZeroGo.

    Raises `ScenarioError`.
    """
    shipped = resources.files("zerogo.lab").joinpath("scenarios", f"{name}.yaml")
    try:
        if "/" not in name and not name.endswith((".yaml", ".yml")) and shipped.is_file():
            return parse_scenario(shipped.read_text(encoding="utf-8"), name=name, file=f"{name}.yaml")
        path = FilePath(name)
        return parse_scenario(path.read_text(encoding="utf-8"), name=path.stem, file=str(path))
    except FileNotFoundError as error:
        known = ", ".join(shipped_scenarios())
        raise ScenarioError(f"there is no {name}; the scenarios that come with ZeroGo are {known}") from error
    except OSError as error:
        raise ScenarioError(f"{name} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ScenarioError(f"{name} is not text in UTF-8") from error


def shipped_scenarios() -> list[str]:
    """Names of the scenarios that come with ZeroGo."""
    folder = resources.files("zerogo.lab").joinpath("scenarios")
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def parse_scenario(text: str, *, name: str, file: str) -> Scenario:
    """Read a scenario from YAML; raises `ScenarioError` with `file` in it."""
    document = parse_document(text, file)
    keys = document.keys(_SCENARIO_KEYS)
    if "sites" not in keys:
        raise document.error("a scenario needs `sites`")
    defaults = keys["defaults"].keys(_SITE_KEYS[:-1]) if "defaults" in keys else {}
    sites: list[Site] = []
    for site_name, place in keys["sites"].entries().items():
        sites += _read_site(site_name, place, defaults)
    _check_sites(keys["sites"], sites)
    scenario = Scenario(name=name, sites=tuple(sites))
    scenario = evolve(scenario, paths=_read_paths(keys.get("paths"), scenario), **_read_settings(keys))
    _check_roles(keys["sites"], scenario)
    if "actions" in keys:
        scenario = evolve(scenario, actions=read_actions(keys["actions"], scenario, read_link))
    if "checks" in keys:
        scenario = evolve(scenario, checks=read_checks(keys["checks"], scenario))
    return scenario


def _read_settings(keys: Mapping[str, Place]) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    if "title" in keys:
        settings["title"] = keys["title"].text()
    if "family" in keys:
        settings["family"] = keys["family"].choice(Family)
    for key in ("connect-limit", "settle", "time-limit"):
        if key in keys:
            settings[key.replace("-", "_")] = keys[key].seconds()
    if "seed" in keys:
        settings["seed"] = keys["seed"].integer(0, 2**31)
    if "repeat" in keys:
        settings["repeat"] = keys["repeat"].integer(1, 1000)
    if "log-level" in keys:
        if keys["log-level"].text() not in _LOG_LEVELS:
            raise keys["log-level"].error(f"a level is one of {', '.join(_LOG_LEVELS)}")
        settings["log_level"] = keys["log-level"].text()
    return settings


# ----- links


def read_link(place: Place, base: Link) -> Link:
    """`base` with what the mapping at `place` says."""
    keys = place.keys(LINK_KEYS)
    changes: dict[str, Any] = {}
    for key in ("delay", "jitter", "queue"):
        if key in keys:
            changes[key] = keys[key].seconds(60.0)
    for key in ("loss", "reorder", "duplicate"):
        if key in keys:
            changes[key] = keys[key].fraction()
    if "rate" in keys:
        changes["rate"] = keys["rate"].rate()
    if "burst" in keys:
        changes["burst"] = float(keys["burst"].integer(1, 1000))
    if "mtu" in keys:
        changes["mtu"] = keys["mtu"].integer(576, 9000)
    if "mtu-signals" in keys:
        changes["mtu_signals"] = keys["mtu-signals"].boolean()
    link = evolve(base, **changes)
    if link.jitter > link.delay:
        raise place.error("jitter is larger than delay")
    return link


def _read_paths(place: Place | None, scenario: Scenario) -> tuple[Path, ...]:
    if place is None:
        return ()
    paths = []
    for item in place.items():
        keys = item.keys(("between", "link"))
        if "between" not in keys or "link" not in keys:
            raise item.error("a path needs `between` and `link`")
        ends = [end.text() for end in keys["between"].items()]
        outer = [site.name for site in scenario.sites if site.behind is None]
        if len(ends) != 2 or ends[0] == ends[1] or any(end not in outer for end in ends):
            raise keys["between"].error(f"there must be two of the sites {', '.join(outer)} here")
        paths.append(Path(between=(ends[0], ends[1]), link=read_link(keys["link"], Link())))
    return tuple(paths)


# ----- sites and hosts


def _read_site(name: str, place: Place, defaults: Mapping[str, Place]) -> list[Site]:
    """The site, after the carrier's site in front of it where `nat` names two NATs."""
    own = place.keys(_SITE_KEYS)
    keys = {**defaults, **own}
    place.check_name(name)
    kinds = _read_nat(keys["nat"]) if "nat" in keys else [NatKind.OPEN]
    up, down = _read_links(defaults, Link(), Link())
    up, down = _read_links(own, up, down)
    site = Site(
        name=name,
        nat=kinds[0],
        behind=keys["behind"].text() if "behind" in keys else None,
        hairpin=keys["hairpin"].boolean() if "hairpin" in keys else False,
        udp_timeout=keys["udp-timeout"].seconds(3600.0) if "udp-timeout" in keys else 30.0,
        ipv6_firewall=keys["ipv6-firewall"].boolean() if "ipv6-firewall" in keys else kinds[0] is not NatKind.OPEN,
        lan=_read_lan(keys["lan"]) if "lan" in keys else None,
        hosts=_read_hosts(keys["hosts"]) if "hosts" in keys else (),
    )
    if site.hairpin and not all(kind.maps_by_source for kind in kinds):
        raise place.error(
            "hairpin needs a NAT with endpoint-independent mapping (full-cone, address-, port-restricted)"
        )
    if len(kinds) == 1:
        return [evolve(site, up=up, down=down)]
    if site.behind is not None:
        raise place.error("a site behind another has one NAT of its own")
    carrier = Site(
        name=f"{name}-carrier", nat=kinds[1], hairpin=site.hairpin, udp_timeout=site.udp_timeout, up=up, down=down
    )
    return [carrier, evolve(site, behind=carrier.name)]


def _read_nat(place: Place) -> list[NatKind]:
    if not place.is_list():
        return [place.choice(NatKind)]
    kinds = [item.choice(NatKind) for item in place.items()]
    if len(kinds) != 2 or NatKind.OPEN in kinds:
        raise place.error("a double NAT is a list of two, the inner first, and neither is open")
    return kinds


def _read_links(keys: Mapping[str, Place], up: Link, down: Link) -> tuple[Link, Link]:
    if "link" in keys:
        up, down = read_link(keys["link"], up), read_link(keys["link"], down)
    if "up" in keys:
        up = read_link(keys["up"], up)
    if "down" in keys:
        down = read_link(keys["down"], down)
    return up, down


def _read_lan(place: Place) -> ipaddress.IPv4Network:
    try:
        network = ipaddress.IPv4Network(place.text())
    except ValueError as error:
        raise place.error(f"{place.text()[:40]!r} is no IPv4 network") from error
    if network.prefixlen != 24:
        raise place.error("a site's network is a /24")
    return network


def _read_hosts(place: Place) -> tuple[Host, ...]:
    """Hosts as a mapping from name to properties, or a list of names that are all agents."""
    if place.is_list():
        return tuple(Host(name=item.name(), roles=(Role.AGENT,)) for item in place.items())
    hosts = []
    for name, item in place.entries().items():
        keys = item.keys(("role", "settings"))
        item.check_name(name)
        roles: tuple[Role, ...] = ()
        if "role" in keys:
            role = keys["role"]
            listed = list(role.items()) if role.is_list() else [role]
            roles = tuple(entry.choice(Role) for entry in listed if role.is_list() or entry.text() != "none")
        settings = (
            {key: entry.anything() for key, entry in keys["settings"].entries().items()} if "settings" in keys else {}
        )
        hosts.append(Host(name=name, roles=roles, settings=settings))
    return tuple(hosts)


# ----- what must hold between them


def _check_sites(place: Place, sites: Sequence[Site]) -> None:
    if not 1 <= len(sites) <= SITE_LIMIT:
        raise place.error(f"there must be 1 to {SITE_LIMIT} sites")
    taken: dict[str, None] = {}
    for site in sites:
        if len(site.hosts) > HOST_LIMIT:
            raise place.error(f"site {site.name} has more than {HOST_LIMIT} hosts")
        for name in (site.name, *(host.name for host in site.hosts)):
            if name in taken:
                raise place.error(f"the name {name!r} is used twice; sites and hosts share their names")
            taken[name] = None
    by_name = {site.name: site for site in sites}
    for site in sites:
        _check_way_out(place, site, by_name)


def _check_way_out(place: Place, site: Site, by_name: Mapping[str, Site]) -> None:
    seen = [site.name]
    while site.behind is not None:
        if site.behind not in by_name:
            raise place.error(f"{site.name} is behind {site.behind!r}, which is no site")
        if site.nat is NatKind.OPEN:
            raise place.error(f"{site.name} is behind another site and must have a NAT")
        site = by_name[site.behind]
        if site.name in seen:
            raise place.error(f"{' is behind '.join([*seen, site.name])}: there is no way out")
        seen.append(site.name)


def _check_roles(place: Place, scenario: Scenario) -> None:
    controllers = scenario.with_role(Role.CONTROLLER)
    if len(controllers) > 1:
        raise place.error(f"{' and '.join(controllers)} are both controllers; a mesh has one")
    if scenario.with_role(Role.AGENT) and not controllers:
        raise place.error("agents need a host with `role: controller`")
    for site in scenario.sites:
        for host in site.hosts:
            if Role.CONTROLLER in host.roles and site.nat is not NatKind.OPEN and scenario.family is not Family.IPV6:
                raise place.error(f"the controller {host.name} must be in an open site, or nobody reaches it")
