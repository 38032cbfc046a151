# -*- test-case-name: zerogo.test.config.test_turn_values -*-
"""The kinds of value that only a relay's keys have."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path

from attrs import frozen

from zerogo.config.document import Branch, Text
from zerogo.config.errors import PrivateFileError, ValueRefused
from zerogo.config.private_file import read_private
from zerogo.config.schema import Kind
from zerogo.config.values import placeholder_reason, text
from zerogo.errors import LocalError, ParseError
from zerogo.ids import SocketAddress
from zerogo.policy.addresses import AddressRule, Network, parse_address
from zerogo.secret import Secret

PASSWORD_CHARACTERS = 12
_USER = re.compile(r"[A-Za-z0-9._@-]{1,64}", re.ASCII)
_RELAY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,31}", re.ASCII)
_PIN = re.compile(r"[0-9a-f]{64}", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", re.ASCII)
_PORTS = re.compile(r"([0-9]{1,5})-([0-9]{1,5})", re.ASCII)


@frozen
class Credential:
    """A user and a password."""

    user: str
    password: Secret


@frozen
class PortRange:
    """From `first` to `last`, both included."""

    first: int
    last: int

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"


def _text(branch: Branch, right: str) -> str:
    if not isinstance(branch, Text) or len(branch.value) > 300 or not branch.value.isprintable():
        raise ValueRefused(f"one short value is wanted here; write {right}")
    return branch.value


def _parse_credential(branch: Branch) -> Credential:
    right = f"USER:PASSWORD with {PASSWORD_CHARACTERS} characters of password or more, or USER:file:PATH"
    user, colon, password = _text(branch, right).partition(":")
    if not colon or not _USER.fullmatch(user) or user.isdigit():
        raise ValueRefused(f"this is not a user and a password; write {right}")
    if password.startswith("file:"):
        password = _password_file(password.removeprefix("file:"))
    reason = placeholder_reason(password)
    if reason is None and len(password) < PASSWORD_CHARACTERS:
        reason = f"it has {len(password)} characters, so it can be guessed"
    if reason is not None:
        raise ValueRefused(f"the password of {user} is not usable: {reason}; write {right}")
    return Credential(user, Secret(password))


def _password_file(path: str) -> str:
    try:
        return read_private(Path(path), 4096).decode("utf-8").strip()
    except (PrivateFileError, UnicodeDecodeError) as error:
        raise ValueRefused(f"the file of the password cannot be used: {error}") from error


def _parse_address(branch: Branch) -> str:
    right = "an IP address, as in 203.0.113.7 or 2001:db8::7"
    try:
        address = parse_address(_text(branch, right))
    except ParseError as error:
        raise ValueRefused(f"{error}; write {right}") from error
    if address.is_unspecified or address.is_multicast:
        raise ValueRefused(f"{address} is no machine's address; write {right}")
    return SocketAddress.of(str(address), 0).host


def _parse_range(branch: Branch) -> Network:
    right = "a range of addresses, as in 198.51.100.0/24 or 0.0.0.0/0"
    value = _text(branch, right)
    try:
        network = ipaddress.ip_network(value)
        AddressRule((network,))
    except ValueError as error:
        raise ValueRefused(
            f"{value[:60]!r} is not a range, or has bits set behind its prefix; write {right}"
        ) from error
    except LocalError as error:
        raise ValueRefused(f"{error}; write {right}") from error
    return network


def _parse_ports(branch: Branch) -> PortRange:
    right = "the first and the last UDP port, as in 49152-65535"
    value = _text(branch, right)
    found = _PORTS.fullmatch(value)
    if found is None or not 1024 <= int(found[1]) <= int(found[2]) <= 65535:
        raise ValueRefused(f"{value[:60]!r} cannot be used; write {right}, from 1024 up")
    return PortRange(int(found[1]), int(found[2]))


def _parse_pin(branch: Branch) -> bytes:
    right = "the 64 hex digits of the SHA-256 of the certificate's public key"
    value = _text(branch, right).lower().replace(":", "")
    if not _PIN.fullmatch(value):
        raise ValueRefused(f"{value[:60]!r} cannot be used; write {right}")
    return bytes.fromhex(value)


def _parse_host(branch: Branch) -> str:
    right = "a name or an address, as in relay.example.net or 203.0.113.7"
    value = _text(branch, right).removeprefix("[").removesuffix("]")
    try:
        return SocketAddress.of(value, 0).host
    except ParseError as error:
        if not _HOST.fullmatch(value) or value.rpartition(".")[2].isdigit():
            raise ValueRefused(f"{value[:60]!r} cannot be used; write {right}") from error
    return value.lower()


CREDENTIAL: Kind[Credential] = Kind(_parse_credential, lambda _: "<secret>", is_secret=True)
IP_ADDRESS: Kind[str] = Kind(_parse_address, lambda value: f'"{value}"' if ":" in value else value)
ADDRESS_RANGE: Kind[Network] = Kind(_parse_range, lambda value: f'"{value}"' if value.version == 6 else str(value))
RELAY_NAME = text(_RELAY_NAME, "letters, digits and hyphens, at most 32, as in frankfurt")
RELAY_HOST: Kind[str] = Kind(_parse_host, lambda value: f'"{value}"' if ":" in value else value)
KEY_PIN: Kind[bytes] = Kind(_parse_pin, lambda value: value.hex())
PORT_RANGE: Kind[PortRange] = Kind(_parse_ports, str)
