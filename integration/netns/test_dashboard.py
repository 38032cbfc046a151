"""The dashboard in a real browser, before a real controller and real agents behind NATs.

`web/e2e/run.mjs` has the browser and the story; it runs on the controller's machine, since that is where a browser may
log in without TLS. What only this side can do, it asks for, one JSON document a line: to start an agent with a join
line, to cut or heal a way, to kill an agent, to ping. Each fact of the story is told as it was found, and checked here.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from twisted.trial.unittest import SynchronousTestCase

from zerogo.controller.places import BOOTSTRAP_FILE
from zerogo.lab.laboratory import Lab
from zerogo.lab.loader import parse_scenario
from zerogo.lab.roles import CONTROLLER_PORT, Mesh
from zerogo.lab.scenario import Role

ROOT = Path(__file__).resolve().parents[2]
STORY = ROOT / "web" / "e2e" / "run.mjs"
SCREENSHOTS = ROOT / "build" / "screenshots"
CHROMIUM = shutil.which("chromium") or ""
NODE = shutil.which("node") or ""
TWO_SITES = """
defaults: {link: {delay: 5ms}}
sites:
  cloud:
    nat: open
    hosts:
      server: {role: [controller, relay]}
  berlin: {nat: port-restricted, hosts: [alice]}
  paris: {nat: full-cone, hosts: [bob]}
"""
PING_SECONDS = 60
"""In which pings begin or end after a change: tenths of a second, but the machine may have a lot else to do."""
STORY_SECONDS = 540
"""On a machine that tests other things meanwhile; alone, it takes less than a fifth."""


class Errands:
    """What the story asks for."""

    def __init__(self, lab: Lab, mesh: Mesh) -> None:
        self._lab = lab
        self._mesh = mesh

    def run(self, order: Mapping[str, Any]) -> object:
        """Do it; what is answered."""
        match order["do"]:
            case "join":
                self._mesh.join(order["host"], order["url"])
            case "cut":
                self._lab.cut(order["one"], order["other"])
            case "heal":
                self._lab.heal(order["one"], order["other"])
            case "kill":
                self._mesh.kill(order["host"], Role.AGENT)
            case "start":
                self._mesh.start(order["host"], Role.AGENT)
            case "ping":
                return {"seconds": self._ping_until(order["from"], order["to"], order["answered"])}
            case "stop-controller":
                self._mesh.stop("server", Role.CONTROLLER)
            case "start-controller":
                self._mesh.start("server", Role.CONTROLLER)
            case unknown:
                raise AssertionError(f"nobody does {unknown!r} here")
        return {}

    def _ping_until(self, source: str, target: str, is_answered: bool) -> float | None:
        """Seconds until the first of three pings in a row with this outcome; None: they do not come."""
        begun = first = time.monotonic()
        row = 0
        while (sent_at := time.monotonic()) < begun + PING_SECONDS:
            if self._pings(source, target) != is_answered:
                row = 0
                continue
            row += 1
            first = sent_at if row == 1 else first
            if row == 3:
                return first - begun
        return None

    def _pings(self, source: str, target: str) -> bool:
        argv = ["ping", "-n", "-c", "1", "-W", "0.5", str(self._mesh.address(target))]
        return self._lab.popen(source, argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).wait() == 0


class DashboardTests(SynchronousTestCase):
    if os.geteuid() != 0:
        skip = "network namespaces need root"
    elif not CHROMIUM or not NODE or not (STORY.parent.parent / "node_modules").is_dir():
        skip = "needs chromium, node and web/node_modules (make web)"

    def test_the_story(self) -> None:
        settings = {"local-browsers": True, "web-static": str(ROOT / "web-static")}
        with Lab(parse_scenario(TWO_SITES, name="dashboard", file="dashboard.yaml")) as lab:
            mesh = Mesh(lab, settings)
            self.addCleanup(mesh.close)
            for role in (Role.CONTROLLER, Role.RELAY):
                mesh.start("server", role)
            facts = self._tell(lab, Errands(lab, mesh))
            mesh.close()
        wrong = [fact for fact in facts if not fact["holds"]]
        self.assertEqual(wrong, [])
        self.assertGreater(len(facts), 20)

    def _tell(self, lab: Lab, errands: Errands) -> list[dict[str, Any]]:
        secret = (lab.directory / "server" / "controller" / "state" / BOOTSTRAP_FILE).read_text(encoding="ascii")
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        environment = {
            **os.environ,
            "HOME": str(lab.directory),
            "CHROMIUM": CHROMIUM,
            "ZEROGO_URL": f"http://localhost:{CONTROLLER_PORT}/",
            "ZEROGO_SECRET": secret.strip(),
            "ZEROGO_SCREENSHOTS": str(SCREENSHOTS),
        }
        argv = ["timeout", "--kill-after=5", str(STORY_SECONDS), NODE, str(STORY)]
        story = lab.popen("server", argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        assert story.stdin is not None and story.stdout is not None
        with story, story.stdin, story.stdout:
            facts = _converse(story.stdout, story.stdin, errands)
            status = story.wait()
        self.assertEqual(status, 0, facts[-3:])
        return facts


def _converse(told: IO[bytes], answers: IO[bytes], errands: Errands) -> list[dict[str, Any]]:
    facts: list[dict[str, Any]] = []
    for line in told:
        message = json.loads(line)
        if "do" in message:
            answers.write(json.dumps(errands.run(message)).encode() + b"\n")
            answers.flush()
        else:
            facts.append(message)
            print(f"{'ok  ' if message['holds'] else 'FAIL'} {message['fact']} {message.get('note', '')}")
    return facts
