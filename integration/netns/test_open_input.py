"""Two members behind routers of Linux that masquerade and drop nothing that comes in for themselves: a member that was
looked for before it came is reached directly when it comes. A check that reached its router before it had sent one
itself would have cost it the port that its peer knows.
"""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from integration.netns.seen import until
from zerogo.lab.laboratory import Lab
from zerogo.lab.loader import parse_scenario
from zerogo.lab.namespaces import load_rules
from zerogo.lab.result import PeerView
from zerogo.lab.roles import Mesh
from zerogo.lab.scenario import Role
from zerogo.mesh.reasons import NO_SIGNAL

LIMIT_SECONDS = 30.0
DIRECT_SECONDS = 150.0
"""A few as a rule. Where a busy machine has one end miss the common moment, the next one comes after a quiet time."""
SCENARIO = """
defaults: {link: {delay: 20ms}}
sites:
  hub: {nat: open, hosts: {server: {role: [controller, relay]}}}
  home: {nat: port-restricted, hosts: {alice: {role: agent}}}
  office: {nat: port-restricted, hosts: {bob: {role: agent}}}
"""


class OpenInputTests(SynchronousTestCase):
    if os.geteuid() != 0:
        skip = "network namespaces need root"

    def test_who_was_looked_for_before_it_came_is_reached_directly(self) -> None:
        with Lab(parse_scenario(SCENARIO, name="input", file="input.yaml")) as lab:
            for site in ("home", "office"):
                load_rules(lab.site(site).namespace, "flush chain ip lab inward\n")
            mesh = Mesh(lab)
            self.addCleanup(mesh.close)
            for role in (Role.CONTROLLER, Role.RELAY):
                mesh.start("server", role)
            mesh.join("bob", mesh.owner_api().invite())
            self.assertIsNotNone(until(lambda: bool(mesh.address("bob")), LIMIT_SECONDS))
            mesh.stop("bob", Role.AGENT)
            mesh.join("alice", mesh.owner_api().invite())
            self.assertIsNotNone(until(lambda: self.bob(mesh).reason == NO_SIGNAL, LIMIT_SECONDS), self.bob(mesh))
            mesh.start("bob", Role.AGENT)
            self.assertIsNotNone(until(lambda: self.bob(mesh).path == "direct", DIRECT_SECONDS), self.bob(mesh))

    def bob(self, mesh: Mesh) -> PeerView:
        """As alice sees him."""
        mesh.check()
        known = mesh.peers("alice") if mesh.address("alice") else {}
        return known.get("bob", PeerView(name="bob"))
