import json
from pathlib import Path
from typing import Any

import click
from click.testing import CliRunner, Result

from zerogo.cli import controller_option, owner_api
from zerogo.cli import relays as relays_module
from zerogo.cli.invite import invite
from zerogo.cli.members import members, seen_text
from zerogo.cli.networks import course_rows, networks
from zerogo.cli.owner_api import ControllerRefused, ControllerSilent, whole_list
from zerogo.control.token import JoinToken
from zerogo.errors import ZeroGoError
from zerogo.store import subnets
from zerogo.store.values import Approval
from zerogo.test.controller.stock import OWNER_TOKEN, ApiCase


class PromptApi:
    """The CLI's client, on the API in memory."""

    def __init__(self, case: ApiCase, token: str = OWNER_TOKEN) -> None:
        self._case = case
        self._token = token

    def call(self, method: str, path: str, body: object = None, if_match: str = "") -> Any:
        headers = {"if_match": "*" if if_match == "*" else f'"{if_match}"'} if if_match else {}
        reply = self._case.call(method, path, body, token=self._token or None, **headers)
        if reply.status >= 400:
            raise ControllerRefused(reply.json["detail"], reply.json["code"])
        return reply.json

    def as_caller(self, token: str) -> "PromptApi":
        return PromptApi(self._case, token)

    def items(self, path: str, most: int | None = None) -> list[dict[str, Any]]:
        return whole_list(self.call, path, most)


class CommandCase(ApiCase):
    """Runs commands against the whole API."""

    def setUp(self) -> None:
        super().setUp()
        self.state_dirs: list[Path | None] = []
        for module in ("networks", "members", "invite", "keys", "users", "api_tokens", "audit", "policy"):
            target = __import__(f"zerogo.cli.{module}", fromlist=[module])
            self.patch(target, "controller_api", self.controller_api)

    def controller_api(self, state_dir: Path | None) -> PromptApi:
        self.state_dirs.append(state_dir)
        return PromptApi(self)

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

    def test_the_state_directory_may_stand_before_or_after_the_command(self) -> None:
        self.run_ok(networks, "--state-dir", "/d", "create", "one")
        self.run_ok(networks, "create", "two", "--state-dir", "/d")
        self.run_ok(networks, "--state-dir", "/other", "show", "two", "--state-dir", "/d")
        self.run_ok(networks, "delete", "two", "--yes", "--state-dir", "/d")
        self.join("ann")
        self.run_ok(members, "rename", "ann", "anna", "-n", "home", "--state-dir", "/d")
        self.run_ok(members, "--state-dir", "/d", "remove", "anna", "-n", "home")
        self.assertEqual(set(self.state_dirs), {Path("/d")})
        self.run_ok(networks, "show", "one")
        self.assertIsNone(self.state_dirs[-1])

    def test_a_member_is_given_another_address(self) -> None:
        self.join("ann")
        self.assertEqual("ann has 10.9.0.5 fd00:9::1\n", self.run_ok(members, "address", "ann", "10.9.0.5"))
        self.assertIn("none of the addresses", self.refusal(members, "address", "ann", "10.8.0.5"))

    def test_settings_of_a_network_are_changed(self) -> None:
        shown = self.run_ok(networks, "change", "home", "--name", "house", "--mtu", "1380", "--approval", "manual")
        for line in ("name         house", "mtu          1380", "approval     manual", "flow-log     False"):
            self.assertIn(line, shown)
        self.assertEqual(2, self.invoke(networks, "change", "house").exit_code)

    def test_the_course_of_a_network_is_listed_the_newest_row_first(self) -> None:
        self.assertIn("no member reports a link", self.run_ok(networks, "course", "home"))
        columns: dict[str, list[Any]] = {"time": [0, 10, 20], "online": [3, 2, 1], "links": [2, 1, 0]}
        columns |= {"direct": [1, 1, 0], "rtt_ms": [7.25, 5.0, None], "bytes_per_second": [2048.0, 0.0, 0.0]}
        rows = course_rows(columns, 2)
        self.assertEqual([row[1:] for row in rows], [("1", "0", "0", "-", "0 B/s"), ("2", "1", "1", "5.0 ms", "0 B/s")])

    def test_relays_are_listed(self) -> None:
        self.patch(relays_module, "controller_api", self.controller_api)
        self.assertRegex(self.run_ok(relays_module.relays), r"here +relay.example +3478 +- +-")
        self.assertEqual(json.loads(self.run_ok(relays_module.relays, "--json"))[0]["udp"], 3478)


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
    def test_a_member_is_shown_and_made_a_bridge(self) -> None:
        self.join("ann")
        shown = self.run_ok(members, "show", "ann")
        self.assertRegex(shown, r"is-bridge +no\n")
        self.assertRegex(shown, r"addresses +10.9.0.1, fd00:9::1\n")
        self.assertEqual("ann is a bridge\n", self.run_ok(members, "bridge", "ann", "on"))
        self.assertTrue(json.loads(self.run_ok(members, "show", "ann", "--json"))["is_bridge"])
        self.assertEqual("ann is no bridge\n", self.run_ok(members, "bridge", "ann", "off"))

    def test_a_waiting_machine_is_shown_and_approved_by_the_beginning_of_its_id(self) -> None:
        agent = self.agent(self.invite(approval=Approval.MANUAL), "ann")
        self.register(agent)
        self.assertIn("pending", self.run_ok(members))
        self.assertIn("10.9.0.1", self.run_ok(members, "approve", str(agent.node_id)[:6]))
        self.assertEqual(json.loads(self.run_ok(members, "--json"))[0]["state"], "approved")

    def test_networks_behind_members_are_listed_approved_and_refused(self) -> None:
        self.join("ann")
        self.assertIn("no member announces", self.run_ok(members, "routes"))
        said = self.run_ok(members, "approve-route", "ann", "192.168.7.0/24")
        self.assertIn("ann does not announce it yet", said)
        self.assertIn("routes announce 192.168.7.0/24`", said)
        found = json.loads(self.run_ok(members, "routes", "--json"))
        self.assertEqual(
            found, [{"member": "ann", "subnet": "192.168.7.0/24", "is_announced": False, "is_approved": True}]
        )
        self.assertIn("does not offer itself as an exit yet", self.run_ok(members, "approve-exit", "ann"))
        self.assertIn("::/0", self.run_ok(members, "routes"))
        self.assertIn("not reached", self.run_ok(members, "refuse-route", "ann", "192.168.7.0/24"))

    def test_what_is_announced_is_reached_once_it_is_approved(self) -> None:
        ann = self.join("ann")
        self.database.write(subnets.announce, self.network, ann.node_id, ["192.168.7.0/24", "0.0.0.0/0"])
        said = self.run_ok(members, "approve-route", "ann", "192.168.7.0/24")
        self.assertEqual("192.168.7.0/24 is reached through ann\n", said)
        self.assertIn("ann is an exit", self.run_ok(members, "approve-exit", "ann"))

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

    def test_a_member_is_one_line_with_its_whole_id_however_narrow_the_terminal_is(self) -> None:
        ann = str(self.join("ann").node_id)
        for width in (None, 200, 80, 30):
            self.patch(controller_option, "terminal_width", lambda width=width: width)
            head, line = self.run_ok(members).splitlines()
            self.assertIn(f"ann   {ann}  approved", line)
            self.assertEqual("FROM" in head, width != 80 and width != 30)
            self.assertEqual(head.rstrip().endswith("LAST SEEN") and line.rstrip().endswith(" ago"), width != 30)

    def test_last_seen_is_an_age_for_people_and_a_time_for_programs(self) -> None:
        self.assertEqual(seen_text("2026-01-01T00:00:00Z", 1_767_225_612.0), "12 s ago")
        self.assertEqual(seen_text("2026-01-01T00:00:00Z", 1_767_225_600.0 - 5.0), "0 s ago")
        self.join("ann")
        self.assertRegex(json.loads(self.run_ok(members, "--json"))[0]["last_seen_at"], r"^\d{4}-\d\d-\d\dT[\d:]+Z$")

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
