"""Names of members as the C library looks them up, in the lab, with a real agent's server."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from integration.netns.seen import until
from zerogo.lab.laboratory import Lab
from zerogo.lab.loader import parse_scenario
from zerogo.lab.roles import Mesh

TEXT = """
sites:
  cloud: {nat: open, hosts: {server: {role: [controller, relay]}}}
  lima: {nat: open, hosts: [alice]}
  oslo: {nat: open, hosts: [bob]}
"""


class NamesTests(SynchronousTestCase):
    if os.geteuid() != 0:
        skip = "network namespaces need root"

    def test_a_member_is_found_by_its_name_and_an_address_by_its_member(self) -> None:
        with Lab(parse_scenario(TEXT, name="names", file="names.yaml")) as lab:
            mesh = Mesh(lab)
            resolv_conf = Path(self.mktemp()).absolute()
            try:
                mesh.start_all()
                self.assertIsNotNone(until(lambda: bool(mesh.address("alice") and mesh.address("bob")), 20))
                alice, bob = str(mesh.address("alice")), str(mesh.address("bob"))
                resolv_conf.write_text(f"nameserver {alice}\noptions timeout:1 attempts:1\n")

                def asked(*question: str) -> str:
                    script = 'mount --bind "$0" /etc/resolv.conf && exec getent "$@"'
                    argv = ["unshare", "--mount", "sh", "-c", script, str(resolv_conf), *question]
                    done = lab.popen("alice", argv, stdout=subprocess.PIPE, text=True)
                    return str(done.communicate()[0])

                origin = "home.zg"
                self.assertIsNotNone(until(lambda: asked("ahostsv4", f"alice.{origin}").startswith(alice), 15))
                self.assertTrue(asked("ahostsv4", f"bob.{origin}").startswith(bob))
                self.assertIn(f"bob.{origin}", asked("hosts", bob))
                self.assertEqual(asked("ahosts", f"nobody.{origin}"), "")
            finally:
                mesh.close()
