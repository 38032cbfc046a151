"""Tests for zerogo.cli.up; daemons, controller and agent are in memory."""

import datetime
import tempfile
from pathlib import Path

from attrs import evolve
from click.testing import CliRunner, Result
from twisted.trial.unittest import SynchronousTestCase

from zerogo.agent.state_dir import StateDir
from zerogo.cli import up as module
from zerogo.cli.daemon import Daemon, RoleFailed
from zerogo.cli.join import AgentStart
from zerogo.cli.owner_api import OwnerApi
from zerogo.cli.privilege import NeedsRoot
from zerogo.cli.up import base_directory, up
from zerogo.control.token import JoinToken, emit_base32
from zerogo.net.addresses import Interfaces
from zerogo.net.netlink import Route
from zerogo.test.agent.test_record import TOKEN
from zerogo.test.cli.fake_agent import FakeAgent


class UpTests(SynchronousTestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.base = Path(directory.name) / "zerogo"
        self.agent = FakeAgent(is_running=False)
        self.running: list[str] = []
        self.started: list[tuple[str, list[str]]] = []
        self.stopped: list[str] = []
        self.invites: list[dict[str, object]] = []
        self.patch(AgentStart, "client", self.agent)
        self.patch(Daemon, "start", lambda daemon, arguments: self.start(daemon, arguments))
        self.patch(Daemon, "pid", lambda daemon: 1 if daemon.role in self.running else None)
        self.patch(Daemon, "stop", lambda daemon: self.stop(daemon))
        self.patch(module, "require_devices", lambda what: None)
        self.patch(OwnerApi, "call", lambda api, *request: self.call(api, *request))
        self.patch(module, "read_interfaces", self.interfaces)

    def interfaces(self) -> Interfaces:
        return Interfaces(links=[], addresses=[], default_routes=[Route(1, "203.0.113.7")])

    def start(self, daemon: Daemon, arguments: list[str]) -> None:
        self.started.append((daemon.role, arguments))
        self.running.append(daemon.role)
        if daemon.role == "agent":
            self.agent.is_running = True
            state = StateDir(daemon.directory)
            state.save_membership(evolve(state.membership(), name="anna", secret=None))

    def stop(self, daemon: Daemon) -> bool:
        self.stopped.append(daemon.role)
        return False

    def call(self, api: OwnerApi, method: str, path: str, body: object = None) -> object:
        if path == "/networks":
            return {"items": [{"id": str(TOKEN.network), "created_at": "2026-11-22T03:58:29Z"}]}
        if method == "POST":
            assert isinstance(body, dict)
            secret = emit_base32(bytes([len(self.invites)]) * 20)
            token = JoinToken(tuple(body["addresses"]), TOKEN.key_hash, TOKEN.network, secret)
            expires = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=body["expires_seconds"])
            made = {
                "id": f"invite{len(self.invites)}",
                "uses_left": body["uses"],
                "is_revoked": False,
                "expires_at": expires.isoformat().replace("+00:00", "Z"),
            }
            self.invites.append(made)
            return {**made, "join_url": token.format()}
        return {"items": self.invites}

    def run_up(self, *arguments: str) -> Result:
        return CliRunner().invoke(up, ["--state-dir", str(self.base), *arguments])

    def line(self, done: Result) -> JoinToken:
        self.assertEqual(done.exit_code, 0, done.output + repr(done.exception))
        return JoinToken.parse(done.output.partition("zerogo join '")[2].partition("'")[0])

    def test_it_starts_controller_relay_and_agent_in_that_order(self) -> None:
        self.run_up("--listen-port", "9000", "--relay-port", "9001", "--name", "anna", "--port", "0")
        roles = dict(self.started)
        self.assertEqual([role for role, _ in self.started], ["controller", "relay", "agent"])
        self.assertIn("0.0.0.0:9000", roles["controller"])
        self.assertIn("0.0.0.0:9001,0.0.0.0:9002,[::]:9001,[::]:9002", roles["relay"])
        secret = f"file:{self.base / 'relay' / 'auth-secret'}"
        self.assertIn(secret, roles["relay"])
        self.assertIn(secret, roles["controller"])
        self.assertEqual(roles["agent"][-4:], ["--name", "anna", "--port", "0"])

    def test_it_prints_the_line_for_others_with_the_best_guess_of_our_address(self) -> None:
        self.assertEqual(self.line(self.run_up()).addresses, ("203.0.113.7:9394",))

    def test_it_says_how_long_and_for_how_many_the_line_is_good(self) -> None:
        self.run_up()
        self.invites[-1].update(uses_left=97, expires_at="2100-01-02T03:04:05Z")
        self.assertIn("Good for 97 more machines until 2100-01-02;", self.run_up().output)

    def test_a_wrong_configuration_is_told_before_anything_starts(self) -> None:
        wrong = self.base.with_name("agent.yaml")
        wrong.write_text("controler: http://192.0.2.1:9394\n")
        done = self.run_up("--config", str(wrong))
        self.assertIn("did you mean 'controller'?", str(done.exception))
        self.assertEqual(self.started, [])

    def test_a_public_address_goes_into_the_line(self) -> None:
        done = self.run_up("--public-address", "mesh.example.net", "--public-address", "192.0.2.1:1234")
        self.assertEqual(self.line(done).addresses, ("mesh.example.net:9394", "192.0.2.1:1234"))

    def test_it_says_where_the_dashboard_is(self) -> None:
        output = self.run_up("--listen-port", "9000").output
        self.assertIn("http://localhost:9000", output)
        self.assertIn("zerogo users create NAME --role owner", output)

    def test_the_machines_own_invite_is_for_it_alone(self) -> None:
        done = self.run_up()
        own = StateDir(self.base / "agent").membership()
        self.assertEqual(own.controllers, ("203.0.113.7:9394", "127.0.0.1:9394"))
        self.assertEqual(self.invites[0]["uses_left"], 1)
        self.assertNotEqual(own.secret, self.line(done).secret)

    def test_a_second_time_it_starts_nothing_and_prints_the_same_line(self) -> None:
        first = self.line(self.run_up())
        begun = len(self.started)
        self.assertEqual(self.line(self.run_up()), first)
        self.assertEqual((len(self.started), len(self.invites)), (begun, 2))

    def test_a_line_that_is_used_up_or_revoked_or_expired_is_replaced(self) -> None:
        held = self.line(self.run_up())
        for change in ({"uses_left": 0}, {"is_revoked": True}, {"expires_at": "2020-01-01T00:00:00Z"}):
            self.invites[-1].update(change)
            fresh = self.line(self.run_up())
            self.assertNotEqual(fresh, held)
            held = fresh

    def test_what_does_not_run_is_started_again(self) -> None:
        self.run_up()
        self.running.remove("relay")
        self.started.clear()
        self.run_up()
        self.assertEqual([role for role, _ in self.started], ["relay"])

    def test_a_role_that_fails_is_one_sentence(self) -> None:
        def fail(daemon: Daemon, arguments: list[str]) -> None:
            raise RoleFailed("the controller cannot listen on 0.0.0.0:9394: Address already in use")

        self.patch(Daemon, "start", fail)
        self.assertIn("cannot listen", str(self.run_up().exception))

    def fail_agent(self, daemon: Daemon, arguments: list[str]) -> None:
        if daemon.role == "agent":
            raise RoleFailed("UDP port 9993 is in use")
        self.start(daemon, arguments)

    def test_an_agent_that_fails_takes_down_what_was_started_with_it(self) -> None:
        self.patch(Daemon, "start", lambda daemon, arguments: self.fail_agent(daemon, arguments))
        self.assertIn("9993 is in use", str(self.run_up().exception))
        self.assertEqual(self.stopped[-3:], ["agent", "relay", "controller"])
        self.assertIsNone(StateDir(self.base / "agent").membership())

    def test_an_agent_that_fails_leaves_what_ran_before(self) -> None:
        self.running = ["controller"]
        self.patch(Daemon, "start", lambda daemon, arguments: self.fail_agent(daemon, arguments))
        self.run_up()
        self.assertIn("relay", self.stopped)
        self.assertNotIn("controller", self.stopped)

    def test_a_user_who_is_not_root_is_told_before_anything_else(self) -> None:
        def refuse(what: str) -> None:
            raise NeedsRoot(f"{what} needs root")

        self.patch(module, "require_devices", refuse)
        self.assertIsInstance(self.run_up().exception, NeedsRoot)
        self.assertFalse(self.base.exists())


class BaseDirectoryTests(SynchronousTestCase):
    def test_option_environment_and_default(self) -> None:
        environ = {"ZEROGO_STATE_DIR": "/srv/zerogo"}
        self.assertEqual(base_directory(Path("/a"), environ), Path("/a"))
        self.assertEqual(base_directory(None, environ), Path("/srv/zerogo"))
        self.assertEqual(base_directory(None, {}), Path("/var/lib/zerogo"))
