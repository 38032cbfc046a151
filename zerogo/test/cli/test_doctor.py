"""`zerogo doctor`: what it looks at, and what it prints."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import msgspec
from attrs import evolve
from click.testing import CliRunner, Result
from twisted.trial.unittest import SynchronousTestCase

from zerogo.agent.record import Membership
from zerogo.agent.reports import NamesReport
from zerogo.agent.state_dir import StateDir
from zerogo.cli import doctor as module
from zerogo.cli.doctor import doctor, facts_of, look_at_agent, look_at_machine, unresolved
from zerogo.cli.up import LINE_FILE
from zerogo.config.agent import AgentConfig
from zerogo.config.errors import PrivateFileError
from zerogo.config.private_file import make_private_directory
from zerogo.net.netcheck import Plan
from zerogo.reach.diagnosis import AgentFacts, MachineFacts
from zerogo.reach.network import Greeting
from zerogo.test.agent.test_record import TOKEN
from zerogo.test.cli.fake_agent import STATUS
from zerogo.test.reach.test_diagnosis import AGENT, MACHINE
from zerogo.test.reach.test_network import FACTS, GENUINE


class LookTests(SynchronousTestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        base = Path(directory.name)
        self.config = evolve(AgentConfig(), state_dir=base / "agent", socket=base / "agent.sock")

    def test_names_that_the_resolver_does_not_know(self) -> None:
        def resolve(host: str) -> object:
            if host == "gone.example":
                raise OSError("no such name")
            return host

        hosts = ["192.0.2.1", "2001:db8::1", "here.example", "gone.example", "gone.example"]
        self.assertEqual(unresolved(hosts, resolve), ("gone.example",))
        self.assertEqual(unresolved([], resolve), ())

    def test_the_machine_is_looked_at_where_its_state_is(self) -> None:
        found = look_at_machine(self.config, Plan())
        self.assertGreater(found.disk_free or 0, 0)
        self.assertEqual((found.state_complaint, found.unresolved), ("", ()))

    def test_a_state_directory_that_others_may_read_is_what_the_agent_would_refuse(self) -> None:
        state = StateDir(self.config.state_dir)
        state.prepare()
        self.config.state_dir.chmod(0o755)
        refused = self.assertRaises(PrivateFileError, state.prepare)
        self.assertEqual(look_at_machine(self.config, Plan()).state_complaint, f"{refused}.")
        self.config.state_dir.chmod(0o700)
        base = self.config.state_dir.parent
        base.chmod(0o755)
        self.assertEqual(look_at_machine(self.config, Plan()).state_complaint, "", "it is no business of the agent's")
        (base / LINE_FILE).touch()
        refused = self.assertRaises(PrivateFileError, make_private_directory, base)
        self.assertEqual(look_at_machine(self.config, Plan()).state_complaint, f"{refused}.")

    def test_an_agent_that_does_not_run(self) -> None:
        self.assertFalse(look_at_agent(self.config).is_joined)
        StateDir(self.config.state_dir).prepare()
        StateDir(self.config.state_dir).save_membership(Membership.of_token(TOKEN))
        found = look_at_agent(self.config)
        self.assertTrue(found.is_joined and "no agent runs here" in found.silence)

    def test_what_an_agent_says(self) -> None:
        names = NamesReport("home.zg", [], "UDP port 53 of 10.1.0.2 cannot be had")
        status = msgspec.structs.replace(STATUS, state="member", complaint="", names=names)
        found = facts_of(status)
        self.assertEqual((found.state, found.complaints), ("member", (names.complaint,)))
        self.assertEqual((found.members, found.connected), (STATUS.members, STATUS.connected))


class DoctorTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.machine: MachineFacts = MACHINE
        self.agent: AgentFacts = AGENT
        self.facts = FACTS
        self.patch(module, "make_plan", lambda config, servers: Plan())
        self.patch(module, "look_at_machine", lambda config, plan: self.machine)
        self.patch(module, "look_at_agent", lambda config: self.agent)
        self.patch(module, "find_out", lambda plan: self.facts)

    def run_doctor(self, *arguments: str) -> Result:
        return CliRunner().invoke(doctor, [*arguments, "--state-dir", self.mktemp()], standalone_mode=False)

    def test_a_machine_in_order(self) -> None:
        result = self.run_doctor()
        self.assertEqual(result.return_value, 0)
        self.assertIn("Nothing is wrong here.", result.output)

    def test_the_fault_is_said_last_and_in_the_status(self) -> None:
        self.facts = evolve(FACTS, controllers=(evolve(GENUINE, greeting=Greeting.SILENT, skew=None),))
        result = self.run_doctor()
        self.assertEqual(result.return_value, 1)
        self.assertIn("controller: Nobody answers at", " ".join(result.output.split()))

    def test_text_in_brackets_is_no_markup(self) -> None:
        self.agent = evolve(AGENT, complaints=("[red]odd[/red]",))
        self.assertIn("[red]odd[/red]", self.run_doctor().output)

    def test_json(self) -> None:
        report = json.loads(self.run_doctor("--json").output)
        self.assertEqual(report["verdict"], "Nothing is wrong here.")
        self.assertEqual({row["standing"] for row in report["findings"]}, {"fine"})
