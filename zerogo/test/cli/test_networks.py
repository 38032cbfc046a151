import json
from pathlib import Path
from typing import Any

import click
from click.testing import CliRunner, Result

from zerogo.cli import controller_option, owner_api
from zerogo.cli.invite import invite
from zerogo.cli.members import members
from zerogo.cli.networks import networks
from zerogo.cli.owner_api import ControllerRefused, ControllerSilent
from zerogo.control.token import JoinToken
from zerogo.errors import ZeroGoError
from zerogo.store.values import Approval
from zerogo.test.controller.stock import ApiCase


class PromptApi:
    """The CLI's client, on the API in memory."""

    def __init__(self, case: ApiCase) -> None:
        self._case = case

    def call(self, method: str, path: str, body: object = None) -> Any:
        reply = self._case.call(method, path, body)
        if reply.status >= 400:
            raise ControllerRefused(reply.json["detail"])
        return reply.json


class CommandCase(ApiCase):
    """Runs commands against the whole API."""

    def setUp(self) -> None:
        super().setUp()
        for module in ("networks", "members", "invite"):
            target = __import__(f"zerogo.cli.{module}", fromlist=[module])
            self.patch(target, "controller_api", lambda state_dir: PromptApi(self))

    def invoke(self, command: click.Command, *arguments: str, answer: str | None = None) -> Result:
        return CliRunner().invoke(command, arguments, input=answer, env={"COLUMNS": "200"})

    def run_ok(self, command: click.Command, *arguments: str) -> str:
        result = self.invoke(command, *arguments)
        self.assertEqual(result.exit_code, 0, f"{result.output} {result.exception!r}")
        return result.stdout

    def refusal(self, command: click.Command, *arguments: str) -> str:
        result = self.invoke(command, *arguments)
        self.assertIsInstance(result.exception, ZeroGoError)
        return str(result.exception)


class NetworksTests(CommandCase):
    def test_networks_are_made_listed_shown_and_deleted(self) -> None:
        made = json.loads(self.run_ok(networks, "create", "lab", "--ipv4", "10.20.0.0/24", "--json"))
        self.assertEqual((made["name"], made["ipv4"]), ("lab", "10.20.0.0/24"))
        self.assertIn("10.20.0.0/24", self.run_ok(networks))
        self.assertIn(made["id"], self.run_ok(networks, "show", "lab"))
        self.assertIn("deleted lab", self.run_ok(networks, "delete", "lab", "--yes"))
        self.assertEqual([one["name"] for one in json.loads(self.run_ok(networks, "--json"))], ["home"])

    def test_deleting_asks_first(self) -> None:
        self.assertEqual(self.invoke(networks, "delete", "home", answer="n\n").exit_code, 1)
        self.assertIn("home", self.run_ok(networks))

    def test_what_the_controller_refuses_is_one_sentence(self) -> None:
        self.assertIn("already", self.refusal(networks, "create", "home"))
        self.assertIn("no network 'x'", self.refusal(networks, "show", "x"))

    def test_with_several_networks_one_must_be_named(self) -> None:
        self.make_network("lab")
        self.assertIn("--network: home, lab", self.refusal(invite))
        self.assertIn("zerogo join", self.run_ok(invite, "-n", "home"))


class InviteTests(CommandCase):
    def test_the_line_can_be_pasted_into_a_shell(self) -> None:
        line = self.run_ok(invite).strip()
        self.assertRegex(line, r"^zerogo join 'zerogo://[^']+'$")
        self.assertEqual(JoinToken.parse(line.split(" ")[2]).network, self.network)

    def test_uses_lifetime_approval_and_address_are_passed_on(self) -> None:
        options = ("--uses", "3", "--expires", "7d", "--approval", "--address", "vpn.example.org", "--json")
        made = json.loads(self.run_ok(invite, *options))
        self.assertEqual((made["uses"], made["approval"]), (3, "manual"))
        self.assertEqual(made["created_at"][:10] < made["expires_at"][:10], True)
        self.assertEqual(JoinToken.parse(made["join_url"]).addresses, ("vpn.example.org:9394",))

    def test_a_qr_code_is_drawn(self) -> None:
        self.assertIn("█", self.run_ok(invite, "--qr"))

    def test_wrong_durations_are_refused(self) -> None:
        for text in ("", "5", "h", "-1h", "0d", "1y", "9999999999h"):
            self.assertEqual(self.invoke(invite, f"--expires={text}").exit_code, 2, text)


class MembersTests(CommandCase):
    def test_a_waiting_machine_is_shown_and_approved_by_the_beginning_of_its_id(self) -> None:
        agent = self.agent(self.invite(approval=Approval.MANUAL), "ann")
        self.register(agent)
        self.assertIn("pending", self.run_ok(members))
        self.assertIn("10.9.0.1", self.run_ok(members, "approve", str(agent.node_id)[:6]))
        self.assertEqual(json.loads(self.run_ok(members, "--json"))[0]["state"], "approved")

    def test_members_are_renamed_denied_and_removed(self) -> None:
        self.join("ann")
        self.assertIn("anna", self.run_ok(members, "rename", "ann", "anna", "-n", "home"))
        self.assertIn("kept out", self.run_ok(members, "deny", "anna"))
        self.assertIn("removed", self.run_ok(members, "remove", "anna"))
        self.assertIn("no members", self.run_ok(members))

    def test_a_machine_named_like_the_beginning_of_an_id_is_not_taken_for_it(self) -> None:
        victim = self.join("laptop")
        text = str(victim.node_id)
        self.join(text[:6])
        self.assertIn("several members", self.refusal(members, "approve", text[:6]))
        self.join(text)
        self.assertIn("laptop is removed", self.run_ok(members, "remove", text))

    def test_an_unknown_member_is_one_sentence(self) -> None:
        self.assertIn("no member 'bob'", self.refusal(members, "deny", "bob"))


class ControllerChoiceTests(ApiCase):
    def test_no_controller_is_one_sentence(self) -> None:
        api = controller_option.controller_api(Path(self.mktemp()))
        self.assertIn("no controller runs here", str(self.assertRaises(ControllerSilent, api.call, "GET", "/me")))

    def test_the_directory_given_to_up_is_found_too(self) -> None:
        base = Path(self.mktemp())
        (base / "controller").mkdir(parents=True)
        (base / "controller" / owner_api.OWNER_FILE).write_text('{"url": "http://127.0.0.1:1", "token": "x"}')
        api = controller_option.controller_api(base)
        self.assertIn("does not answer", str(self.assertRaises(ControllerSilent, api.call, "GET", "/me")))
