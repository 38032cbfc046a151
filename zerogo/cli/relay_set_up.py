# -*- test-case-name: zerogo.test.cli.test_relay_set_up -*-
"""What `zerogo up` makes so that a new network has a working relay without anybody's work.

In the relay's directory, all private: `auth-secret`, which controller and relay share; `relay.crt` and `relay.key`, a
certificate of its own whose key the controller pins in the network map; `tls-port`, where the relay speaks TLS. That is
443 where it is free, since networks that let nothing else out let that out, else the port that TURN over TLS has.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

from attrs import frozen

from zerogo.config.errors import PrivateFileError
from zerogo.config.private_file import read_private, write_private
from zerogo.net.self_signed import key_pin, make_self_signed

SECRET_FILE = "auth-secret"  # noqa: S105 - a file's name
CERTIFICATE_FILE = "relay.crt"
KEY_FILE = "relay.key"
TLS_PORT_FILE = "tls-port"
TLS_PORTS = (443, 5349)
SECRET_BYTES = 32
EVERY_HOST = ("0.0.0.0", "[::]")  # noqa: S104 - a server for all
_FILE_BYTES = 16_384


@frozen
class RelaySetUp:
    """The relay's side of a network on this machine; `port` is that of UDP and TCP."""

    directory: Path
    port: int

    def prepare(self, *, is_running: bool) -> None:
        """Make what is missing; the TLS port is chosen anew where the relay does not run."""
        if not self._path(SECRET_FILE).exists():
            write_private(self._path(SECRET_FILE), os.urandom(SECRET_BYTES).hex().encode() + b"\n")
        if not (self._path(CERTIFICATE_FILE).exists() and self._path(KEY_FILE).exists()):
            made = make_self_signed()
            write_private(self._path(KEY_FILE), made.key)
            write_private(self._path(CERTIFICATE_FILE), made.certificate)
        if not is_running:
            write_private(self._path(TLS_PORT_FILE), f"{choose_port(TLS_PORTS)}\n".encode())

    @property
    def tls_port(self) -> int:
        """Where TLS is spoken; 0: nowhere."""
        try:
            return int(read_private(self._path(TLS_PORT_FILE), 16))
        except (PrivateFileError, ValueError):
            return 0

    def relay_arguments(self) -> list[str]:
        """Options of the relay."""
        arguments = [
            *("--listen", _everywhere(self.port, self.port + 1)),
            *("--tcp-listen", _everywhere(self.port)),
            *("--auth-secret", f"file:{self._path(SECRET_FILE)}"),
        ]
        if self.tls_port:
            arguments += ["--tls-listen", _everywhere(self.tls_port)]
            arguments += ["--tls-certificate", str(self._path(CERTIFICATE_FILE))]
            arguments += ["--tls-key", str(self._path(KEY_FILE))]
        return arguments

    def controller_arguments(self) -> list[str]:
        """Options of the controller."""
        arguments = ["--relay-port", str(self.port), "--relay-secret", f"file:{self._path(SECRET_FILE)}"]
        if self.tls_port:
            pin = key_pin(read_private(self._path(CERTIFICATE_FILE), _FILE_BYTES))
            arguments += ["--relay-tls-port", str(self.tls_port), "--relay-tls-pin", pin.hex()]
        return arguments

    def _path(self, name: str) -> Path:
        return self.directory / name


def choose_port(ports: Sequence[int], is_free: Callable[[int], bool] | None = None) -> int:
    """The first port that nobody listens on; 0 where there is none."""
    return next((port for port in ports if (is_free or _is_free)(port)), 0)


def _is_free(port: int) -> bool:
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("0.0.0.0", port))  # noqa: S104 - as the relay will
            probe.listen(1)
    except OSError:
        return False
    return True


def _everywhere(*ports: int) -> str:
    return ",".join(f"{host}:{port}" for host in EVERY_HOST for port in ports)
