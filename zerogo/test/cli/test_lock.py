"""`zerogo lock` and networks whose key the controller does not have, against a real controller."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from click.testing import CliRunner, Result
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from zerogo.cli import logins
from zerogo.cli.invite import invite
from zerogo.cli.lock import lock
from zerogo.cli.networks import networks
from zerogo.cli.owner_keys import NoOwnerKey, OwnerKeys, keep_owner_keys, owner_keys
from zerogo.control.token import JoinToken
from zerogo.test.controller.test_service import ControllerCase


class LockTests(ControllerCase):
    def called(self, command: Any, *arguments: str) -> Deferred[Result]:
        words = [*arguments, "--state-dir", str(self.state)]
        return deferToThread(lambda: CliRunner().invoke(command, words))

    async def setUp(self) -> None:
        await super().setUp()
        directory = Path(self.mktemp()).absolute()
        self.patch(logins, "user_directory", lambda: directory)

    async def network(self) -> Any:
        return (await self.request("GET", "/networks"))["items"][0]

    async def test_a_network_is_locked_and_invites_name_the_lock(self) -> None:
        result = await self.called(lock, "init", "--yes")
        self.assertIsNone(result.exception, result.output)
        network = await self.network()
        held = owner_keys(network["id"]).lock
        assert held is not None
        shown = await self.request("GET", f"/networks/{network['id']}/lock")
        self.assertTrue(shown["is_locked"])
        made = await self.called(invite)
        self.assertEqual(JoinToken.parse(made.output.split("'")[1]).lock, held.public)
        status = await self.called(lock, "status")
        self.assertIn("locked; its key is here", status.output)
        self.assertNotIn(held.seed.hex(), status.output)

    async def test_without_the_key_nobody_signs_or_ends(self) -> None:
        await self.called(lock, "init", "--yes")
        network = await self.network()
        keep_owner_keys(network["id"], OwnerKeys())
        for words in (("sign", "anna"), ("end", "--yes")):
            self.assertIsInstance((await self.called(lock, *words)).exception, NoOwnerKey)
        again = await self.called(lock, "init", "--yes")
        self.assertIn("only that key can end", str(again.exception))

    async def test_the_key_ends_the_lock_and_another_is_made(self) -> None:
        await self.called(lock, "init", "--yes")
        network = await self.network()
        first = owner_keys(network["id"]).lock_seed
        result = await self.called(lock, "end", "--yes")
        self.assertIsNone(result.exception, result.output)
        self.assertFalse((await self.request("GET", f"/networks/{network['id']}/lock"))["is_locked"])
        self.assertIsNone(owner_keys(network["id"]).lock_seed)
        await self.called(lock, "init", "--yes")
        self.assertTrue((await self.request("GET", f"/networks/{network['id']}/lock"))["is_locked"])
        self.assertNotEqual(owner_keys(network["id"]).lock_seed, first)

    async def test_a_network_with_a_key_of_its_own(self) -> None:
        made = await self.called(networks, "create", "secret", "--end-to-end", "--json")
        self.assertIsNone(made.exception, made.output)
        found = (await self.request("GET", "/networks"))["items"]
        network = next(one for one in found if one["name"] == "secret")
        self.assertEqual(network["psk_mode"], "end-to-end")
        result = await self.called(invite, "--network", "secret")
        token = JoinToken.parse(result.output.split("'")[1])
        self.assertEqual(token.psk, owner_keys(network["id"]).psk)
        stored = msgspec.json.encode(await self.request("GET", f"/networks/{network['id']}"))
        assert token.psk is not None
        self.assertNotIn(token.psk.hex().encode(), stored)
        keep_owner_keys(network["id"], OwnerKeys())
        refused = await self.called(invite, "--network", "secret")
        self.assertIsInstance(refused.exception, NoOwnerKey)
        self.assertEqual(len((await self.request("GET", f"/networks/{network['id']}/invites"))["items"]), 1)
