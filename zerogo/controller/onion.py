# -*- test-case-name: zerogo.test.controller.test_onion -*-
"""This controller as an onion service: its keys on disk, and where it is.

The keys are made once and kept in the state directory, so that the service keeps its address; a backup holds them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import msgspec

from zerogo.config.private_file import read_private, write_private
from zerogo.control.token import join_host_port
from zerogo.core import RandomBytes
from zerogo.errors import EnvironmentFault
from zerogo.ids import KEY_BYTES
from zerogo.net.onion import NEW_KEY, OnionKeys, OnionService

ONION_PORT = 9394
"""At the service, whatever the controller listens on."""
_LIMIT = 4096


class _Stored(msgspec.Struct, frozen=True):
    service: Annotated[str, msgspec.Meta(pattern=r"\A(NEW:ED25519-V3|ED25519-V3:[A-Za-z0-9+/=]{1,200})\Z")]
    clients: Annotated[bytes, msgspec.Meta(min_length=KEY_BYTES, max_length=KEY_BYTES)]


def stored_keys(path: Path, rng: RandomBytes) -> OnionKeys:
    """The keys in that file, or such as are made at the first start; raises `EnvironmentFault`."""
    if not path.exists():
        store_keys(path, OnionKeys(NEW_KEY, rng(KEY_BYTES)))
    try:
        held = msgspec.json.decode(read_private(path, _LIMIT), type=_Stored)
    except msgspec.MsgspecError:
        sentence = f"{path} is damaged: put back the one of a backup, or remove it and have every machine join anew"
        raise EnvironmentFault(sentence) from None
    return OnionKeys(held.service, held.clients)


def store_keys(path: Path, keys: OnionKeys) -> None:
    """Write them."""
    write_private(path, msgspec.json.encode(_Stored(keys.service, keys.clients)) + b"\n")


class OnionPresence:
    """The service of one controller, from `start` to `stop`."""

    def __init__(self, path: Path, rng: RandomBytes) -> None:
        self._path = path
        self._keys = stored_keys(path, rng)
        self._service: OnionService | None = None
        self.host = ""
        """Of the service; empty before Tor has published it."""

    @property
    def addresses(self) -> tuple[str, ...]:
        """For join tokens."""
        return (join_host_port(self.host, ONION_PORT),) if self.host else ()

    @property
    def client_key(self) -> bytes:
        """What agents need to find it, 32 bytes."""
        return self._keys.clients

    def start(self, reactor: Any, place: str, port: int, make: Callable[..., OnionService] = OnionService) -> None:
        """Have the Tor whose control port is at `place` lead to `port` of this machine."""
        self._service = make(reactor, place, self._keys, ONION_PORT, f"127.0.0.1:{port}", published=self._published)
        self._service.start()

    def stop(self) -> None:
        """Take it away."""
        if self._service is not None:
            self._service.stop()
            self._service = None

    def _published(self, host: str, keys: OnionKeys) -> None:
        self.host = host
        if keys != self._keys:
            self._keys = keys
            store_keys(self._path, keys)
