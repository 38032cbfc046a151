"""A controller that is an onion service, on a private Tor network: who has the join token reaches it, and nobody else.

this process: agents --SOCKS--> client's Tor --> five relays on loopback --> server's Tor --> controller, a process
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from attrs import evolve
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from integration.control_agents import Agent, ControllerProcess, sleep
from integration.tor_network import TorNetwork, is_installed
from zerogo.control.token import JoinToken
from zerogo.net.dial import TorPlaces
from zerogo.net.onion import is_onion

PUBLISH_SECONDS = 60
JOIN_SECONDS = 60
REFUSED_SECONDS = 10


class OnionTests(TestCase):
    if not is_installed():
        skip = "needs tor"
    timeout = 400

    async def setUp(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="zerogo-onion-"))
        self.addCleanup(shutil.rmtree, self.directory)
        self.tor = TorNetwork(self.directory / "tor")
        self.addCleanup(self.tor.close)
        await deferToThread(self.tor.start)
        home = self.directory / "controller"
        home.mkdir()
        self.controller = ControllerProcess(home, f"onion: {self.tor.control('server')}")
        self.addCleanup(self.controller.kill)
        self.controller.start()
        await self.controller.wait_until_up()

    async def onion_token(self) -> JoinToken:
        """One whose only address is the service, as soon as Tor has published it."""
        network = (await self.controller.request("GET", "/networks"))["items"][0]["id"]
        for _ in range(PUBLISH_SECONDS):
            made = await self.controller.request("POST", f"/networks/{network}/invites", {"uses": 1})
            token = JoinToken.parse(made["join_url"])
            onions = tuple(one for one in token.addresses if is_onion(one.rpartition(":")[0]))
            if onions:
                return evolve(token, addresses=onions)
            await sleep(1)
        raise AssertionError("the service was not published")

    async def joins(self, token: JoinToken, seconds: float) -> bool:
        """Whether a machine with that token becomes a member."""
        places = TorPlaces(socks=f"127.0.0.1:{self.tor.socks_port}", control=self.tor.control("client"))
        agent = Agent(token, tor=places)
        agent.client.start()
        for _ in range(int(seconds * 5)):
            if agent.is_decided:
                break
            await sleep(0.2)
        is_member = bool(agent.welcomes)
        await agent.client.stop()
        return is_member

    async def test_who_has_the_token_reaches_it_and_nobody_else(self) -> None:
        token = await self.onion_token()
        self.assertIsNotNone(token.onion_key)
        self.assertFalse(await self.joins(evolve(token, onion_key=None), REFUSED_SECONDS))
        self.assertTrue(await self.joins(token, JOIN_SECONDS))
        self.controller.kill()
        self.controller.start()
        await self.controller.wait_until_up()
        again = await self.onion_token()
        self.assertEqual((again.addresses, again.onion_key), (token.addresses, token.onion_key))
        self.assertTrue(await self.joins(again, JOIN_SECONDS))
