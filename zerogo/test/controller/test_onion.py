"""The controller's onion service: its keys on disk, and what join tokens say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from zerogo.control.token import JoinToken
from zerogo.controller.onion import OnionPresence, stored_keys
from zerogo.controller.places import ONION_FILE
from zerogo.errors import EnvironmentFault
from zerogo.net.onion import NEW_KEY, OnionKeys
from zerogo.test.controller.stock import ApiCase

HOST = "a" * 56 + ".onion"


class Service:
    """Is published at once."""

    def __init__(
        self, reactor: Any, place: str, keys: OnionKeys, port: int, target: str, *, published: Callable[..., object]
    ) -> None:
        self.told = (place, keys, port, target)
        self.published = published
        self.is_running = False

    def start(self) -> None:
        self.is_running = True
        self.published(HOST, OnionKeys("ED25519-V3:xx==", self.told[1].clients))

    def stop(self) -> None:
        self.is_running = False


class PresenceTests(SynchronousTestCase):
    def setUp(self) -> None:
        directory = Path(self.mktemp()).absolute()
        directory.mkdir(mode=0o700)
        self.path = directory / ONION_FILE

    def test_the_service_keeps_its_keys(self) -> None:
        presence = OnionPresence(self.path, lambda count: b"r" * count)
        self.assertEqual((presence.addresses, stored_keys(self.path, bytes)), ((), OnionKeys(NEW_KEY, b"r" * 32)))
        made: list[Service] = []

        def make(*args: Any, **named: Any) -> Any:
            made.append(Service(*args, **named))
            return made[-1]

        presence.start(None, "/run/tor/control", 1234, make)
        self.assertEqual(made[0].told[2:], (9394, "127.0.0.1:1234"))
        self.assertEqual(presence.addresses, (f"{HOST}:9394",))
        self.assertEqual(stored_keys(self.path, bytes), OnionKeys("ED25519-V3:xx==", b"r" * 32))
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o600)
        presence.stop()
        self.assertFalse(made[0].is_running)

    def test_a_damaged_file_is_one_sentence(self) -> None:
        OnionPresence(self.path, lambda count: b"r" * count)
        self.path.write_text('{"service": "rm -rf", "clients": ""}')
        self.assertIn("damaged", str(self.assertRaises(EnvironmentFault, OnionPresence, self.path, bytes)))


class TokenTests(ApiCase):
    def token(self, *addresses: str) -> JoinToken:
        self.desk = evolve(self.desk, onion_key=b"o" * 32)
        made = self.call("POST", f"/networks/{self.network}/invites", {"addresses": list(addresses)})
        return JoinToken.parse(made.json["join_url"])

    def test_the_key_goes_with_the_service_only(self) -> None:
        self.assertIsNone(self.token("192.0.2.1:9394").onion_key)
