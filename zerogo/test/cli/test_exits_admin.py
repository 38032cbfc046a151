import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from click.testing import CliRunner

from zerogo.cli import exits_denials, exits_places, exits_reports, exits_users
from zerogo.cli.exit_settings import SettingRefused, parse_duration, parse_settings, parse_size
from zerogo.cli.exits import exits
from zerogo.cli.tables import size_text
from zerogo.control.gateway_messages import ClosedStream, EdgeHere, Enter, Usage, UsageRow
from zerogo.gateway.cache import read_token
from zerogo.ids import NodeId
from zerogo.store import exit_gateways, exit_usage
from zerogo.store.exit_values import KeyKind
from zerogo.test.cli.test_networks import CommandCase
from zerogo.test.controller.stock import PASSWORD
from zerogo.test.store.stock import NOW

GATEWAY = NodeId(b"1" * 10)
EDGE = "e" * 16
CLOSED = ClosedStream("alice", "192.0.2.1", EDGE, "198.51.100.1", "x:443", "connect", NOW, 1.0, 5, 6, "closed")


class ExitsAdminTests(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        for module in (exits_users, exits_places, exits_reports, exits_denials):
            self.patch(module, "controller_api", self.controller_api)
        _, secret = self.database.write(exit_gateways.create_key, KeyKind.GATEWAY, 60.0, "t", self.rng, NOW)
        said = Enter(signing=bytes(32), boot=bytes(8), name="fra", addresses=["192.0.2.1:9396"], secret=secret)
        self.database.write(exit_gateways.enter, GATEWAY, bytes(32), said, NOW)

    def make(self, *settings: str) -> None:
        result = self.invoke(exits, "users", "create", "alice", *settings, answer=PASSWORD + "\n")
        self.assertEqual(result.exit_code, 0, f"{result.output} {result.exception!r}")

    def test_users_and_packages_are_made_listed_changed_and_removed(self) -> None:
        self.assertIn("gold is 1.02 kB", self.run_ok(exits, "packages", "create", "gold", "1024", "--every", "30d"))
        self.make("package=gold", "down=2M", "countries=de,fr")
        listed = self.run_ok(exits, "users")
        self.assertIn("1.02 kB", listed)
        self.run_ok(exits, "users", "set", "alice", "paused=yes", "used=1024")
        self.assertIn("paused", self.run_ok(exits, "users"))
        self.assertIn("de, fr", self.run_ok(exits, "users", "show", "alice"))
        self.run_ok(exits, "users", "set", "alice", "paused=no")
        self.assertIn("used up", self.run_ok(exits, "users"))
        self.assertIn("30 days", self.run_ok(exits, "packages"))
        self.run_ok(exits, "packages", "set", "gold", "5k")
        self.assertEqual(json.loads(self.run_ok(exits, "users", "show", "alice", "--json"))["package_bytes"], 5000)
        self.run_ok(exits, "users", "delete", "alice")
        self.run_ok(exits, "packages", "delete", "gold")
        self.assertIn("no user 'alice'", self.refusal(exits, "users", "show", "alice"))

    def test_gateways_and_edges_are_told_by_name_or_id(self) -> None:
        self.database.write(exit_gateways.note_edges, [EdgeHere(EDGE, "kiel", country="de")], NOW)
        self.assertIn("fra", self.run_ok(exits, "gateways"))
        self.run_ok(exits, "gateways", "drain", "fra")
        self.assertTrue(json.loads(self.run_ok(exits, "gateways", "--json"))[0]["is_draining"])
        self.assertIn("kiel is kept out", self.run_ok(exits, "edges", "deny", "kiel"))
        self.assertIn("denied", self.run_ok(exits, "edges"))
        self.run_ok(exits, "edges", "allow", EDGE)
        self.run_ok(exits, "edges", "kick", "kiel")
        self.run_ok(exits, "edges", "delete", "kiel")
        self.assertIn("called 'kiel'", self.refusal(exits, "edges", "deny", "kiel"))
        self.assertTrue(self.run_ok(exits, "edges", "token").startswith("zerogo-edge://192.0.2.1:9396/"))
        self.assertEqual(len(json.loads(self.run_ok(exits, "keys", "--json"))), 2)
        self.run_ok(exits, "keys", "revoke", json.loads(self.run_ok(exits, "keys", "--json"))[0]["id"])
        self.run_ok(exits, "gateways", "delete", "fra")
        self.assertIn("no gateway", self.run_ok(exits, "gateways"))

    def test_a_token_without_an_address_is_not_made(self) -> None:
        object.__setattr__(self.desk, "own_addresses", tuple)
        self.assertIn("--address", self.refusal(exits, "gateways", "token"))

    def test_addresses_are_kept_out_and_let_in_again(self) -> None:
        for arguments in (("192.0.2.0/24", "--reason", "scans", "--for", "7d"), ("2001:db8::1",)):
            result = self.invoke(exits, "denials", "add", *arguments)
            self.assertEqual(result.exit_code, 0, result.output)
        listed = self.invoke(exits, "denials").output
        for word in ("192.0.2.0/24", "scans", "2001:db8::1/128", "deleted"):
            self.assertIn(word, listed)
        self.assertIn("may come", self.invoke(exits, "denials", "remove", "2001:db8::1").output)
        self.assertIn("may come", self.invoke(exits, "denials", "remove", "192.0.2.0/24").output)
        self.assertEqual(len(json.loads(self.invoke(exits, "denials", "--json").output)), 0)
        for wrong in (("add", "nowhere"), ("remove", "192.0.2.0/24")):
            self.assertNotEqual(self.invoke(exits, "denials", *wrong).exit_code, 0, wrong)

    def test_who_left_from_an_address_at_a_moment_is_found(self) -> None:
        usage = Usage(1, [UsageRow("alice", EDGE, "de", 5, 6, 1)], [CLOSED])
        self.database.write(exit_usage.store_usage, GATEWAY, bytes(8), usage, NOW)
        moment = datetime.fromtimestamp(NOW - 0.5, UTC).isoformat()
        found = self.invoke(exits, "streams", "--exit", "198.51.100.1", "--at", moment)
        self.assertIn("alice", found.output)
        self.assertNotIn("alice", self.invoke(exits, "streams", "--exit", "198.51.100.2").output)
        self.assertNotEqual(self.invoke(exits, "streams", "--at", "noon").exit_code, 0)
        self.assertNotEqual(self.invoke(exits, "streams", "--user", "alice", "--at", moment).exit_code, 0)

    def test_what_passed_is_shown(self) -> None:
        usage = Usage(1, [UsageRow("alice", EDGE, "de", 5_000, 6, 1)], [CLOSED])
        self.database.write(exit_usage.store_usage, GATEWAY, bytes(8), usage, NOW)
        self.assertIn("5 kB", self.run_ok(exits, "stats"))
        self.assertIn("nothing", self.run_ok(exits, "stats", "user", "bob"))
        self.assertIn("x:443", self.run_ok(exits, "streams", "--user", "alice"))
        self.assertIn("no stream is open", self.run_ok(exits, "streams", "--live"))
        self.assertIn("no gateway is here", self.run_ok(exits, "explain", "alice-country-de"))
        self.make()
        self.assertIn("alice end", self.run_ok(exits, "kick", "alice"))
        self.assertIn("not here", self.refusal(exits, "end-stream", str(GATEWAY), "7"))

    def test_a_gateway_is_made_to_join(self) -> None:
        token = self.run_ok(exits, "gateways", "token", "--address", "controller.example").strip()
        with tempfile.TemporaryDirectory() as directory:
            state = Path(directory) / "gateway"
            done = CliRunner().invoke(exits, ["join", token, "--state-dir", str(state)])
            self.assertEqual(done.exit_code, 0, done.output)
            found = read_token(state)
        assert found is not None
        self.assertEqual(found.addresses, ("controller.example:9394",))

    def test_settings_are_read_or_refused_with_a_sentence(self) -> None:
        self.assertEqual(
            [parse_size(text) for text in ("7", "20k", "1.5G", "unlimited")], [7, 20_000, 1_500_000_000, 0]
        )
        for bad in ("7i", "7GiB", "1 0k", "-1", "10e3", "k", ""):
            self.assertRaises(SettingRefused, parse_size, bad)
        for told in ("7 B", "999 B", "1.02 kB", "1 MB", "100 GB", "1.5 TB"):
            self.assertEqual(size_text(parse_size(told.replace(" ", ""))), told)
        self.assertEqual([parse_duration(text) for text in ("90s", "30d", "once")], [90.0, 2_592_000.0, 0.0])
        for bad in ("fast=yes", "down", "down=quick", "streams=-1", "paused=maybe", "expires=soon"):
            self.assertRaises(SettingRefused, parse_settings, [bad])
        self.assertEqual(parse_settings(["expires=1970-01-01"]), {"expires_at": 86_400.0})
