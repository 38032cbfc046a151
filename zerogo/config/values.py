# -*- test-case-name: zerogo.test.config.test_values -*-
"""The kinds of value that keys can have. Each refuses with what is wrong and what would be right.

A secret's text never appears in a refusal.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from zerogo.config.document import Branch, Items, Text
from zerogo.config.errors import PrivateFileError, ValueRefused
from zerogo.config.private_file import read_private
from zerogo.config.schema import Kind
from zerogo.control.subnets import parse_subnet
from zerogo.errors import ParseError
from zerogo.ids import SocketAddress
from zerogo.secret import Secret

Value = TypeVar("Value")

LEVELS = ("debug", "info", "warn", "error", "critical")
TEXT_LIMIT = 1024
SECRET_LIMIT = 4096
ITEMS_LIMIT = 64
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?", re.ASCII)
_DEVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,14}", re.ASCII)
_GLOB = re.compile(r"[A-Za-z0-9._*?-]{1,15}", re.ASCII)
_SUBSYSTEM = re.compile(r"[a-z][a-z0-9_.]{0,39}", re.ASCII)
_PLACEHOLDERS = frozenset(
    {
        *(
            "admin",
            "changeme",
            "changemeinproduction",
            "changethis",
            "default",
            "dummy",
            "example",
            "fixme",
            "insecure",
        ),
        *("jwtsecret", "letmein", "none", "password", "placeholder", "replaceme", "secret", "secretkey", "supersecret"),
        *("test", "testing", "token", "zerogo"),
    }
)
_PLACEHOLDER_STARTS = ("your", "my", "insert", "enter", "put", "replace", "change", "paste", "example", "xxx")
_PLACEHOLDER_NOUNS = ("secret", "token", "key", "password", "here", "this", "me", "xxx")


def _text(branch: Branch, right: str, limit: int = TEXT_LIMIT) -> str:
    if not isinstance(branch, Text):
        raise ValueRefused(f"one value is wanted here, not a list or a section; write {right}")
    if len(branch.value) > limit:
        raise ValueRefused(f"the value has more than {limit} characters; write {right}")
    if not branch.value.isprintable():
        raise ValueRefused(f"the value has a control character; write {right}")
    return branch.value


def text(pattern: re.Pattern[str], right: str) -> Kind[str]:
    """A text that matches `pattern`; `right` describes one that does."""

    def parse(branch: Branch) -> str:
        value = _text(branch, right)
        if not pattern.fullmatch(value):
            raise ValueRefused(f"{value[:60]!r} cannot be used; write {right}")
        return value

    return Kind(parse, str)


def integer(low: int, high: int, unit: str = "") -> Kind[int]:
    """A whole number from `low` to `high`."""
    right = f"a whole number from {low} to {high}{unit and ' ' + unit}"

    def parse(branch: Branch) -> int:
        value = _text(branch, right)
        if not re.fullmatch(r"[0-9]{1,9}", value, re.ASCII):
            raise ValueRefused(f"{value[:60]!r} is not a whole number; write {right}")
        if not low <= int(value) <= high:
            raise ValueRefused(f"{value} is out of range; write {right}")
        return int(value)

    return Kind(parse, str)


def _parse_switch(branch: Branch) -> bool:
    value = _text(branch, "true or false").lower()
    if value in ("true", "yes", "on"):
        return True
    if value in ("false", "no", "off"):
        return False
    raise ValueRefused(f"{value[:60]!r} is neither true nor false")


def one_of(choices: Sequence[str], refused: Mapping[str, str] | None = None) -> Kind[str]:
    """One of some words; `refused` holds words that people will try, with the reason why they are not taken."""
    right = " or ".join((", ".join(choices[:-1]), choices[-1])) if len(choices) > 1 else choices[0]

    def parse(branch: Branch) -> str:
        value = _text(branch, right).lower()
        if refused and value in refused:
            raise ValueRefused(f"{value!r} is refused: {refused[value]}; write {right}")
        if value not in choices:
            raise ValueRefused(f"{value[:60]!r} is not known; write {right}")
        return value

    return Kind(parse, str)


def many(kind: Kind[Value]) -> Kind[tuple[Value, ...]]:
    """A list of values of one kind; a single value stands for a list of one, commas separate in one line."""

    def parse(branch: Branch) -> tuple[Value, ...]:
        if isinstance(branch, Text):
            pieces = [piece.strip() for piece in branch.value.split(",")]
            branch = Items(tuple(Text(piece, branch.line) for piece in pieces if piece), branch.line)
        if not isinstance(branch, Items):
            raise ValueRefused("a list is wanted here; write [first, second]")
        if len(branch.items) > ITEMS_LIMIT:
            raise ValueRefused(f"the list has more than {ITEMS_LIMIT} entries")
        return tuple(kind.parse(item) for item in branch.items)

    return Kind(parse, lambda values: "[" + ", ".join(_quoted(kind.show(value)) for value in values) + "]")


def _quoted(shown: str) -> str:
    return f'"{shown}"' if re.search(r"^[^\"].*[\[\]*?{}]|^[\[*?{]", shown) else shown


def _parse_url(branch: Branch) -> str:
    right = "the controller's address, as in https://controller.example.net or http://192.0.2.7:9394"
    value = _text(branch, right)
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https", "ws", "wss") and parts.hostname and parts.port != 0
    except ValueError:
        usable = None
    if not usable or parts.username is not None or parts.fragment or re.search(r"[\s\\]", value):
        raise ValueRefused(f"{value[:80]!r} is not such a URL; write {right}")
    return value


def _parse_socket_address(branch: Branch) -> SocketAddress:
    right = "an address and a port, as in 0.0.0.0:9394 or [::]:9394"
    value = _text(branch, right)
    try:
        every = "0.0.0.0" if value.startswith(":") else ""  # noqa: S104 - as every server's -listen :PORT
        return SocketAddress.parse(every + value)
    except ParseError as error:
        raise ValueRefused(f"{error}; write {right}") from error


def _parse_host_port(branch: Branch) -> str:
    right = "a host name or address and a port, as in vpn.example.net:9394 or [2001:db8::7]:9394"
    value = _text(branch, right)
    try:
        return str(SocketAddress.parse(value))
    except ParseError:
        host, _, port = value.rpartition(":")
    labels = host.removesuffix(".").split(".")
    is_name = len(host) <= 253 and all(_LABEL.fullmatch(label) for label in labels) and not labels[-1].isdigit()
    if not is_name or not re.fullmatch(r"[0-9]{1,5}", port, re.ASCII) or not 1 <= int(port) <= 65535:
        raise ValueRefused(f"{value[:80]!r} is not usable; write {right}")
    return f"{host.lower()}:{int(port)}"


def _parse_path(branch: Branch) -> Path:
    value = _text(branch, "a path, as in /var/lib/zerogo/agent")
    if not value:
        raise ValueRefused("the path is empty; write one, as in /var/lib/zerogo/agent")
    if value.startswith("~"):
        raise ValueRefused("~ is a shell's word for a home directory; write the whole path")
    return Path(value).absolute()


def _parse_database(branch: Branch) -> Path | Secret:
    right = "the path of an SQLite file, or postgresql://USER@HOST/NAME"
    value = _text(branch, right)
    scheme, colon, rest = value.partition("://")
    if colon and scheme in ("postgresql", "postgres"):
        return _server_database(value, right)
    if colon and scheme not in ("sqlite", "file"):
        raise ValueRefused(f"{scheme[:20]!r} is not a database that this release speaks; write {right}")
    return _parse_path(Text(rest.removeprefix("/") if colon else value, branch.line))


def _server_database(value: str, right: str) -> Secret:
    try:
        parts = urlsplit(value)
        is_usable = len(parts.path) > 1 and "/" not in parts.path[1:] and (parts.port or 1) > 0
    except ValueError:
        is_usable = False
    if not is_usable or re.search(r"\s", value):
        # Not quoted: there may be a password in it.
        raise ValueRefused(f"this is not the URL of a database; write {right}")
    return Secret(value)


def _show_database(value: Path | Secret) -> str:
    return str(value) if isinstance(value, Path) else _show_url(value)


def _show_url(value: Secret) -> str:
    """Without the password."""
    parts = urlsplit(value.reveal())
    if parts.password is None:
        return value.reveal()
    return parts._replace(netloc=f"{parts.username or ''}:<secret>@{parts.netloc.rpartition('@')[2]}").geturl()


def _parse_redis(branch: Branch) -> Secret:
    right = "redis://HOST:PORT/DATABASE, rediss://HOST:PORT/DATABASE (a number, 0 if left out) or unix:///PATH"
    value = _text(branch, right)
    try:
        parts = urlsplit(value)
        is_number = re.fullmatch(r"(/[0-9]{0,4})?", parts.path, re.ASCII) is not None
        is_place = bool(parts.hostname) and is_number if parts.scheme in ("redis", "rediss") else len(parts.path) > 1
        is_usable = parts.scheme in ("redis", "rediss", "unix") and is_place and (parts.port or 1) > 0
    except ValueError:
        is_usable = False
    if not is_usable or parts.query or parts.fragment or re.search(r"\s", value):
        raise ValueRefused(f"this is not the URL of a Redis server; write {right}")
    return Secret(value)


def prefix(version: int, widest: int, narrowest: int) -> Kind[str]:
    """An address range of IP `version`, in CIDR form, from /`widest` to /`narrowest`."""
    right = f"an IPv{version} range from /{widest} to /{narrowest}, as in " + (
        "10.66.0.0/16" if version == 4 else "fd12:3456:789a::/64"
    )

    def parse(branch: Branch) -> str:
        value = _text(branch, right)
        try:
            network = ipaddress.ip_network(value)
        except ValueError as error:
            raise ValueRefused(
                f"{value[:60]!r} is not a range, or has bits set behind its prefix; write {right}"
            ) from error
        if network.version != version or not widest <= network.prefixlen <= narrowest:
            raise ValueRefused(f"{value[:60]!r} cannot be used; write {right}")
        return str(network)

    return Kind(parse, str)


def _parse_range(branch: Branch) -> str:
    right = "an address or a range of addresses, as in 10.0.0.5 or 10.0.0.0/24"
    value = _text(branch, right)
    try:
        return str(ipaddress.ip_network(value))
    except ValueError as error:
        raise ValueRefused(f"{value[:60]!r} cannot be used; write {right}") from error


def _parse_log_levels(branch: Branch) -> str:
    right = f"a level ({', '.join(LEVELS)}), then levels of single subsystems if wanted, as in info,ice=debug"
    value = _text(branch, right).lower().replace(" ", "")
    first, *others = value.replace("warning", "warn").split(",")
    pairs = [other.partition("=") for other in others]
    if first not in LEVELS or not all(_SUBSYSTEM.fullmatch(name) and level in LEVELS for name, _, level in pairs):
        raise ValueRefused(f"{value[:60]!r} is not understood; write {right}")
    return ",".join((first, *("=".join((name, level)) for name, _, level in pairs)))


def placeholder_reason(value: str) -> str | None:
    """Why this text is no secret but something a person forgot to replace; None where it may be one."""
    bare = re.sub(r"[^a-z0-9]", "", value.lower())
    if bare in _PLACEHOLDERS or (value.startswith("<") and value.endswith(">")) or value.startswith(("$", "{{")):
        return "it is the placeholder of an example"
    if bare.startswith(_PLACEHOLDER_STARTS) and bare.endswith(_PLACEHOLDER_NOUNS) and len(bare) < 40:
        return "it is the placeholder of an example"
    if len(set(value)) < 8:
        return "it repeats a few characters, so it can be guessed"
    return None


def secret(shortest: int, how: str) -> Kind[Secret]:
    """A secret of `shortest` characters or more, or `file:PATH` of a private file; `how` says how to get one."""

    def parse(branch: Branch) -> Secret:
        value = _text(branch, how, SECRET_LIMIT)
        if value.startswith("file:"):
            value = _secret_file(value.removeprefix("file:"))
        reason = placeholder_reason(value)
        if reason is None and len(value) < shortest:
            reason = f"it has {len(value)} characters, fewer than {shortest}, so it can be guessed"
        if reason is None and re.search(r"\s", value):
            reason = "it has white space in it"
        if reason is not None:
            raise ValueRefused(f"this is not a usable secret: {reason}; {how}, or delete the key")
        return Secret(value)

    return Kind(parse, lambda _: "<secret>", is_secret=True)


def _secret_file(path: str) -> str:
    try:
        return read_private(Path(path), SECRET_LIMIT).decode("utf-8").strip()
    except (PrivateFileError, UnicodeDecodeError) as error:
        raise ValueRefused(f"the file of the secret cannot be used: {error}") from error


SWITCH: Kind[bool] = Kind(_parse_switch, lambda value: "true" if value else "false")
URL: Kind[str] = Kind(_parse_url, str)
SOCKET_ADDRESS: Kind[SocketAddress] = Kind(
    _parse_socket_address, lambda value: f'"{value}"' if value.is_ipv6 else str(value)
)
HOST_PORT: Kind[str] = Kind(_parse_host_port, str)
PATH: Kind[Path] = Kind(_parse_path, str)
DATABASE: Kind[Path | Secret] = Kind(_parse_database, _show_database)
REDIS: Kind[Secret] = Kind(_parse_redis, _show_url)
LOG_LEVELS: Kind[str] = Kind(_parse_log_levels, str)
LOG_FORMAT = one_of(("text", "json"))


def _parse_subnet(branch: Branch) -> str:
    right = "a network, as in 192.168.7.0/24"
    value = _text(branch, right)
    try:
        return parse_subnet(value)
    except ParseError as error:
        raise ValueRefused(f"{error}; write {right}") from error


def _parse_acceptance(branch: Branch) -> bool | tuple[str, ...]:
    if isinstance(branch, Text) and branch.value.lower() in ("true", "false", "yes", "no", "on", "off"):
        return _parse_switch(branch)
    return many(SUBNET).parse(branch)


SUBNET: Kind[str] = Kind(_parse_subnet, str)
ACCEPTANCE: Kind[bool | tuple[str, ...]] = Kind(
    _parse_acceptance, lambda value: SWITCH.show(value) if isinstance(value, bool) else many(SUBNET).show(value)
)
"""True, false, or a list of networks."""
ADDRESS_RANGE = Kind(_parse_range, str)
PORT = integer(0, 65535)
NODE_NAME = text(_LABEL, "letters, digits and hyphens, at most 63, as in living-room")
DEVICE_NAME = text(_DEVICE, "letters, digits, dots and hyphens, at most 15, as in zerogo0")
DEVICE_GLOB = text(_GLOB, "the name of an interface, * and ? allowed, as in docker*")
