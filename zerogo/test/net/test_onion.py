"""Onion services without a Tor: what Tor is told, what is made of its answers, and coming back when it was away."""

from __future__ import annotations

import base64
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.endpoints import TCP4ClientEndpoint, UNIXClientEndpoint
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from zerogo.net.onion import (
    NEW_KEY,
    RETRY_SECONDS,
    OnionEndpoint,
    OnionKeys,
    OnionService,
    TorFault,
    add_command,
    client_public,
    control_endpoint,
    is_onion,
    read_answer,
)

KEYS = OnionKeys(NEW_KEY, b"k" * 32)
HOST = "a" * 56 + ".onion"


class CommandTests(SynchronousTestCase):
    def test_the_clients_key_is_shown_to_tor_by_its_public_half(self) -> None:
        public = X25519PrivateKey.from_private_bytes(b"k" * 32).public_key().public_bytes_raw()
        self.assertEqual(base64.b32decode(client_public(b"k" * 32) + "===="), public)

    def test_the_command_of_control_spec(self) -> None:
        command = add_command(KEYS, 9394, "127.0.0.1:1234")
        public = client_public(KEYS.clients)
        self.assertEqual(
            command, f"ADD_ONION NEW:ED25519-V3 Flags=V3Auth Port=9394,127.0.0.1:1234 ClientAuthV3={public}"
        )

    def test_answers(self) -> None:
        self.assertEqual(read_answer(f"ServiceID={'a' * 56}\nPrivateKey=ED25519-V3:xx=="), (HOST, "ED25519-V3:xx=="))
        self.assertEqual(read_answer(f"ServiceID={'a' * 56}\nClientAuthV3=yy"), (HOST, None))
        self.assertRaises(TorFault, read_answer, "OK")

    def test_keys_do_not_show(self) -> None:
        self.assertNotIn("kkk", repr(OnionKeys("ED25519-V3:kkkk", b"k" * 32)))

    def test_where_the_control_port_is(self) -> None:
        self.assertIsInstance(control_endpoint(Clock(), "/run/tor/control"), UNIXClientEndpoint)
        self.assertIsInstance(control_endpoint(Clock(), "127.0.0.1:9051"), TCP4ClientEndpoint)

    def test_hosts(self) -> None:
        self.assertTrue(is_onion(HOST))
        self.assertFalse(is_onion("onion.example.net"))

    def test_a_tor_is_given_the_key_in_base64(self) -> None:
        endpoint = OnionEndpoint(Clock(), HOST, 9394, socks="127.0.0.1:9050", control="/x", key=b"k" * 32)
        text = base64.b64encode(b"k" * 32).decode()
        self.assertEqual(endpoint._auth_command(), f"ONION_CLIENT_AUTH_ADD {'a' * 56} x25519:{text}")


class Control:
    """A control connection."""

    def __init__(self, answer: str) -> None:
        self.answer = answer
        self.commands: list[str] = []
        self.gone: Deferred[None] = Deferred()
        self.is_closed = False
        self.transport = self

    def queue_command(self, command: str) -> Deferred[str]:
        self.commands.append(command)
        return succeed(self.answer)

    def when_disconnected(self) -> Deferred[None]:
        return self.gone

    def loseConnection(self) -> None:
        self.is_closed = True


class ServiceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.controls: list[Control] = []
        self.is_there = True
        self.published: list[tuple[str, OnionKeys]] = []
        self.service = OnionService(
            self.clock,
            "/run/tor/control",
            KEYS,
            9394,
            "127.0.0.1:1",
            published=lambda host, keys: self.published.append((host, keys)),
            open_connection=self.open,
        )

    def open(self, reactor: Any, place: str) -> Deferred[Any]:
        if not self.is_there:
            return fail(TorFault("no Tor"))
        self.controls.append(Control(f"ServiceID={'a' * 56}\nPrivateKey=ED25519-V3:xx=="))
        return succeed(self.controls[-1])

    def test_a_new_service_tells_its_host_and_its_keys(self) -> None:
        self.service.start()
        self.assertEqual(self.published, [(HOST, OnionKeys("ED25519-V3:xx==", KEYS.clients))])

    def test_it_comes_back_with_the_same_key_when_tor_does(self) -> None:
        self.service.start()
        self.is_there = False
        self.controls[0].gone.callback(None)
        self.clock.advance(RETRY_SECONDS)
        self.is_there = True
        self.clock.advance(RETRY_SECONDS)
        self.assertEqual(len(self.controls), 2)
        self.assertIn("ADD_ONION ED25519-V3:xx== ", self.controls[1].commands[0])

    def test_a_tor_that_comes_later_is_found(self) -> None:
        self.is_there = False
        self.service.start()
        self.assertEqual(self.published, [])
        self.is_there = True
        self.clock.advance(RETRY_SECONDS)
        self.assertEqual(len(self.published), 1)

    def test_a_service_that_stopped_stays_away(self) -> None:
        self.service.start()
        self.service.stop()
        self.assertTrue(self.controls[0].is_closed)
        self.controls[0].gone.callback(None)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.is_there = False
        self.service.start()
        self.service.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_an_answer_that_is_none_is_tried_again(self) -> None:
        self.service._open = lambda reactor, place: succeed(Control("OK"))
        self.service.start()
        self.assertEqual((self.published, len(self.clock.getDelayedCalls())), ([], 1))
        self.service.stop()
