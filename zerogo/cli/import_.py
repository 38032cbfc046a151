# -*- test-case-name: zerogo.test.cli.test_import -*-
"""`zerogo import FILE`: what becomes of each key of a lightweight-tunnel configuration, and the agent's YAML of it.

The tunnel's file is JSON. Each key is taken over, is done in another way here, has no counterpart, or is refused
because it would send data in clear or let one key stand for everybody. Nothing is written without `--output`.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from pathlib import Path

import click
import msgspec
import yaml
from attrs import frozen

from zerogo.cli.tables import fitted_table, print_whole, terminal_width
from zerogo.config.agent import AgentConfig
from zerogo.config.load import parse
from zerogo.errors import EnvironmentFault, ParseError

SIZE_LIMIT = 64 * 1024
KEYS_LIMIT = 256


class Fate(enum.StrEnum):
    """What became of a key."""

    TAKEN = "taken"
    OTHERWISE = "otherwise"
    DROPPED = "dropped"
    REFUSED = "refused"


@frozen
class Verdict:
    """One key's."""

    fate: Fate
    why: str
    key: str = ""
    """Ours, where it was taken."""
    value: object = None


Rule = Callable[[object], Verdict]


def _same(key: str, why: str = "") -> Rule:
    return lambda value: Verdict(Fate.TAKEN, why or f"is {key} here", key, value)


def _otherwise(why: str) -> Rule:
    return lambda _: Verdict(Fate.OTHERWISE, why)


def _dropped(why: str) -> Rule:
    return lambda _: Verdict(Fate.DROPPED, why)


def _refused_if_on(why: str) -> Rule:
    def judge(value: object) -> Verdict:
        return Verdict(Fate.REFUSED, why) if value not in (False, 0, "", None) else Verdict(Fate.DROPPED, "is off")

    return judge


def _port_of(value: object) -> Verdict:
    port = str(value).rpartition(":")[2]
    if not port.isascii() or not port.isdigit():
        return Verdict(Fate.DROPPED, "has no port")
    return Verdict(Fate.TAKEN, "its port is the data sockets' port", "port", int(port))


def _mtu(value: object) -> Verdict:
    if isinstance(value, int) and 1280 <= value <= 9000:
        return Verdict(Fate.TAKEN, "is mtu here", "mtu", value)
    return Verdict(Fate.OTHERWISE, "datagrams are cut to each path's measured size; the device has the network's MTU")


_SEALED = "would send what looks like TLS, or follows a login, in clear; here everything is sealed, always"
_DEVICE = "the fallback is TURN over UDP, TCP or TLS; nothing pretends to be TCP with raw sockets"
_QUEUES = "queues are bounded by the data plane, which needs no sizes"
_BATCHES = "members are told differences only, and only what concerns them"

RULES: Mapping[str, Rule] = {
    "p2p_enabled": _same("routing.p2p-enabled"),
    "p2p_port": _same("routing.p2p-port"),
    "enable_mesh_routing": _same("routing.enable-mesh-routing"),
    "max_hops": _same("routing.max-hops"),
    "route_update_interval": _same("routing.route-update-interval"),
    "p2p_timeout": _same("routing.p2p-timeout"),
    "tun_name": _same("tap-device"),
    "local_addr": _port_of,
    "mtu": _mtu,
    "mode": _otherwise(
        "every machine is a member; `zerogo up` makes a controller with a relay, `zerogo join` a member"
    ),
    "remote_addr": _otherwise("the join token holds the controller's addresses: run `zerogo invite` there"),
    "tunnel_addr": _otherwise("the controller hands addresses out when a machine joins"),
    "key": lambda _: Verdict(
        Fate.REFUSED, "one key for everybody lets each member pretend to be any other; each has its own here: join"
    ),
    "config_push_interval": _otherwise("keys of each pair are renewed every two minutes, and no key is pushed"),
    "routes": _dropped("announcing networks behind a member is not part of this release"),
    "transport": _otherwise(_DEVICE),
    "faketcp_pacing_us": _dropped(_DEVICE),
    "faketcp_max_segment": _dropped(_DEVICE),
    "enable_xdp": _refused_if_on(_SEALED),
    "encrypt_after_auth": _refused_if_on(_SEALED),
    "enable_nat_detection": _otherwise("what the NAT does is always found out; see `zerogo netcheck`"),
    "enable_kernel_tune": _dropped("the kernel's settings are never changed"),
    "fec_data": _dropped("`routing.realtime: duplicate` sends urgent data twice, and three times on lossy paths"),
    "fec_parity": _dropped("`routing.realtime: duplicate` sends urgent data twice, and three times on lossy paths"),
    "timeout": _otherwise("probes decide in well under a second whether a path is dead"),
    "keepalive": _otherwise("paths are probed as often as they need"),
    "p2p_keepalive_interval": _otherwise("paths are probed as often as they need"),
    "route_advert_interval": _otherwise("changes of links are told at once, to those who asked"),
    "send_queue_size": _dropped(_QUEUES),
    "recv_queue_size": _dropped(_QUEUES),
    "send_workers": _dropped("the data plane has the threads that it needs"),
    "multi_client": _otherwise("a network has as many members as were invited"),
    "max_clients": _otherwise("each join token says how many machines may use it: `zerogo invite --uses`"),
    "client_isolation": _dropped("rules between members are not part of this release"),
    "broadcast_throttle_ms": _otherwise(_BATCHES),
    "enable_incremental_update": _otherwise(_BATCHES),
    "max_peer_info_batch_size": _otherwise(_BATCHES),
    "broadcast_batch_delay_ms": _otherwise(_BATCHES),
    "enable_socks5": _dropped("a SOCKS5 server belongs to a gateway: see docs on exits"),
    "socks5_addr": _dropped("a SOCKS5 server belongs to a gateway: see docs on exits"),
}


class ImportReport(msgspec.Struct, frozen=True, kw_only=True):
    """Part of `--json` output."""

    keys: dict[str, dict[str, str]]
    """By key of the file: `fate` and `why`."""
    config: dict[str, object]
    """What our configuration file would hold."""


def judge(document: Mapping[str, object]) -> dict[str, Verdict]:
    """What becomes of each key, in the order of the file."""
    unknown = _dropped("is not known from that program")
    return {key: RULES.get(key.lower().replace("-", "_"), unknown)(value) for key, value in document.items()}


def configuration(verdicts: Mapping[str, Verdict]) -> dict[str, object]:
    """Our keys of what was taken; raises `ConfigError` where a value does not fit."""
    made: dict[str, object] = {}
    for verdict in verdicts.values():
        if verdict.fate is Fate.TAKEN:
            section, _, rest = verdict.key.rpartition(".")
            place = made.setdefault(section, {}) if section else made
            assert isinstance(place, dict)
            place[rest] = verdict.value
    parse(yaml.safe_dump(made, sort_keys=False).encode(), AgentConfig, "what was imported")
    return made


def read_document(path: Path) -> dict[str, object]:
    """The file's keys; raises `EnvironmentFault` and `ParseError`."""
    try:
        with path.open("rb") as file:
            data = file.read(SIZE_LIMIT + 1)
    except OSError as error:
        raise EnvironmentFault(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > SIZE_LIMIT:
        raise ParseError(f"{path} has more than {SIZE_LIMIT // 1024} KiB")
    try:
        document = msgspec.json.decode(data, type=dict[str, object])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ParseError(f"{path} is not a JSON object: {error}") from error
    if len(document) > KEYS_LIMIT:
        raise ParseError(f"{path} has more than {KEYS_LIMIT} keys")
    return document


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write the agent's YAML there.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def import_(file: Path, output: Path | None, as_json: bool) -> None:
    """Read the JSON configuration of a lightweight-tunnel and say what became of each key."""
    verdicts = judge(read_document(file))
    made = configuration(verdicts)
    if as_json:
        keys = {key: {"fate": verdict.fate.value, "why": verdict.why} for key, verdict in verdicts.items()}
        click.echo(msgspec.json.encode(ImportReport(keys=keys, config=made)))
    else:
        _print(verdicts)
    text = yaml.safe_dump(made, sort_keys=False) if made else ""
    if output is None:
        if not as_json and text:
            click.echo(f"\n{text}", nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise EnvironmentFault(f"{output} cannot be written: {error.strerror}") from error
    click.echo(f"Written to {output}", err=as_json)


def _print(verdicts: Mapping[str, Verdict]) -> None:
    shown = list(verdicts.items())
    columns = {
        "KEY": [key[:60] if key.isprintable() else repr(key[:60]) for key, _ in shown],
        "FATE": [verdict.fate.value for _, verdict in shown],
        "WHY": [verdict.why for _, verdict in shown],
    }
    width = terminal_width()
    print_whole(fitted_table(columns, width), width)
