"""A gateway under a controller: what changes there acts here at once, what passes here is told there once."""

from __future__ import annotations

import json
import random
from typing import Any

from twisted.internet.defer import fail

from zerogo.control.fellow_words import ForGateways
from zerogo.control.gateway_messages import Kick
from zerogo.control.gateways import GatewayOffice
from zerogo.controller.exits import Exits
from zerogo.errors import ParseError
from zerogo.exit.account import Account
from zerogo.exit.credit import PIECE_BYTES
from zerogo.exit.grant import AccessRefused, Grant
from zerogo.exit.reason import Reason
from zerogo.gateway import controlled
from zerogo.ids import NodeId
from zerogo.store import exit_gateways, exit_usage, exit_users
from zerogo.store.errors import Conflict
from zerogo.store.exit_values import StoredPackage, StreamFilter
from zerogo.store.paging import Paging
from zerogo.test.control.pair import CONTROLLER
from zerogo.test.controller.stock import PromptStore
from zerogo.test.gateway.controlled_pair import EDGE, HASH, ControlledCase, Gateway
from zerogo.test.store.stock import NOW


class Broken:
    """A desk with a bug."""

    def check_standings(self) -> None:
        raise ZeroDivisionError


class AccountTests(ControlledCase):
    def setUp(self) -> None:
        super().setUp()
        account = Account(name="alice", password_hash=HASH)
        self.database.write(exit_users.create_user, account, None, "tester", NOW)
        self.one = self.gateway()

    def test_accounts_are_there_when_the_gateway_is_and_new_ones_come_at_once(self) -> None:
        self.assertIsNotNone(self.one.book.find("alice"))
        self.database.write(exit_users.create_user, Account(name="bob"), None, "tester", NOW)
        self.exits.accounts_changed("bob")
        self.settle()
        self.assertIsNotNone(self.one.book.find("bob"))
        self.database.write(exit_users.delete_user, "bob", "tester", NOW)
        self.exits.accounts_changed("bob")
        self.settle()
        self.assertIsNone(self.one.book.find("bob"))
        self.assertEqual(self.one.book.revision, self.database.read(exit_users.revision))

    def test_a_bug_in_one_second_ends_nothing(self) -> None:
        self.wait(1.0)
        desk = self.one.controlled._desk
        self.one.controlled._desk = Broken()  # type: ignore[assignment]
        self.wait(2.0)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)
        self.one.controlled._desk = desk
        live = self.one.open()
        self.change("alice", is_paused=True)
        self.wait(1.0)
        self.assertIsNotNone(live.killed)

    def test_each_change_acts_on_live_streams_within_a_second(self) -> None:
        for change in (
            {"is_paused": True},
            {"expires_at": NOW + 1.0},
            {"sources": ["203.0.113.0/24"]},
            {"countries": ["fr"]},
            {"edges": ["f" * 16]},
        ):
            live = self.one.open()
            self.change("alice", **change)
            self.wait(1.0)
            self.assertIsNotNone(live.killed, change)
            self.change("alice", is_paused=False, expires_at=0.0, sources=[], countries=[], edges=[])
        live = self.one.open()
        self.change("alice", upload=5000)
        self.assertEqual(self.one.desk._users["alice"].up.rate, 5000)
        self.assertIsNone(live.killed)

    def test_a_change_that_was_not_announced_comes_within_a_second(self) -> None:
        self.database.write(exit_users.change_user, "alice", {"is_paused": True}, "another controller", NOW)
        self.wait(1.5)
        account = self.one.book.find("alice")
        self.assertTrue(account is not None and account.is_paused)

    def test_who_shows_it_is_told_of_streams_usage_and_gateways_that_come_and_go(self) -> None:
        told: list[None] = []
        self.exits.shown_changed = lambda: told.append(None)
        self.wait(3.0)
        told.clear()
        self.wait(3.0)
        self.assertEqual(told, [], "nothing happened")
        live = self.one.open()
        self.wait(2.5)
        self.assertTrue(told, "a stream began")
        self.wait(3.0)
        told.clear()
        live.send(1000)
        self.wait(2.5)
        self.assertTrue(told, "something passed")
        told.clear()
        self.one.wire.cut()
        self.settle()
        self.assertTrue(told, "the gateway has gone")

    def test_what_passed_is_told_once_though_the_connection_breaks(self) -> None:
        live = self.one.open()
        live.send(1000)
        self.clock.advance(1.0)
        self.one.wire.cut()
        live.send(500)
        live.meter.closed(None)
        self.one.wire.connect()
        self.settle()
        self.wait(2.0)
        self.assertEqual(self.user().total_up, 1500)
        (line,) = self.database.read(exit_usage.list_streams, StreamFilter(user="alice"), Paging()).items
        self.assertEqual((line.up, line.edge, line.target, line.reason), (1500, EDGE.edge, "example.net:443", "closed"))

    def test_known_users_are_served_without_the_controller_for_as_long_as_was_said(self) -> None:
        self.one.controlled.tick()
        again = self.gateway("one", is_here=False)
        self.assertIsNotNone(again.book.find("alice"))
        self.clock.advance(3601.0)
        self.assertIsNone(again.book.find("alice"))
        again.wire.connect()
        self.settle()
        self.assertIsNotNone(again.book.find("alice"))

    def test_a_copy_that_was_changed_is_of_no_use(self) -> None:
        self.one.controlled.tick()
        path = self.directory / "one" / "controller-copy"
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(bytes(data))
        self.assertIsNone(self.gateway("one", is_here=False).book.find("alice"))

    def test_edges_streams_and_choices_can_be_seen_from_the_controller(self) -> None:
        live = self.one.open()
        live.send(7)
        self.assertEqual(list(self.exits.edges()), [EDGE.edge])
        asked = self.exits.ask("streams")
        explained = self.exits.ask("explain", "alice-country-fr example.net:443")
        self.settle()
        (document,) = self.successResultOf(asked).values()
        self.assertEqual([one["up"] for one in json.loads(document)["streams"]], [7])
        (document,) = self.successResultOf(explained).values()
        self.assertEqual((json.loads(document)["chosen"], json.loads(document)["excluded"]), (None, {"country": 1}))
        self.exits.kick_stream(self.one.identity.node_id, live_number(self.one))
        self.settle()
        self.assertEqual(live.killed, Reason.DENIED)

    def test_what_is_ordered_or_removed_at_another_controller_is_so_here(self) -> None:
        store = PromptStore(self.database)
        other = Exits(GatewayOffice(CONTROLLER, self.rng), store, self.clock, self.unix_time, self.rng)
        other.tell_fellows = self.exits.heard
        gateway = self.one.identity.node_id
        first = self.one.open()
        other.kick_stream(gateway, live_number(self.one))
        self.settle()
        second = self.one.open()
        other.kick_stream(NodeId(b"2" * 10), live_number(self.one))
        self.settle()
        self.assertEqual((first.killed, second.killed), (Reason.DENIED, None))
        other.kick(Kick(user="alice"))
        self.settle()
        self.assertEqual(second.killed, Reason.DENIED)
        self.assertRaises(ParseError, self.exits.heard, ForGateways(b"nonsense"))
        self.database.write(exit_gateways.delete_gateway, gateway, "another controller", NOW)
        self.wait(2.0)
        self.assertEqual(self.exits.presence(), {})
        self.one.wire.cut()
        self.one.wire.connect()
        self.settle()
        self.assertEqual(self.exits.presence(), {}, "it does not come back by the token that it joined with")

    def test_a_rate_is_divided_among_the_gateways_where_the_user_is(self) -> None:
        two = self.gateway("two")
        self.change("alice", upload=1_000_000, streams=3)
        here, there = self.one.open(), two.open()
        for _ in range(8):
            here.send(400_000)
            self.one.desk._users["alice"].up.spend(400_000, self.clock.seconds())
            there.send(1000)
            self.wait(1.0)
        ups = [gateway.desk._users["alice"].up.rate for gateway in (self.one, two)]
        self.assertLessEqual(sum(ups), 1_100_000)
        self.assertGreater(ups[0], 800_000)
        self.assertEqual(two.desk._users["alice"].elsewhere, 1)
        there.meter.closed(None)
        two.desk._users["alice"].streams -= 1
        self.wait(2.0)
        self.assertEqual(self.one.desk._users["alice"].up.rate, 1_000_000)

    def test_a_part_of_a_rate_ends_with_the_connection_that_it_was_told_on(self) -> None:
        two = self.gateway("two")
        self.change("alice", upload=1_000_000)
        self.one.open()
        two.open()
        self.wait(3.0)
        state = self.one.desk._users["alice"]
        self.assertEqual((state.up.rate < 1_000_000, state.elsewhere), (True, 1))
        self.one.wire.cut()
        two.wire.cut()
        self.assertEqual(state.elsewhere, 1)
        self.one.wire.connect()
        self.settle()
        self.wait(2.0)
        self.assertEqual((state.up.rate, state.elsewhere), (1_000_000, 0))

    def test_a_gateway_that_comes_back_has_its_part_all_the_time(self) -> None:
        two = self.gateway("two")
        self.change("alice", upload=1_000_000)
        self.one.open()
        two.open()
        self.wait(3.0)
        state = self.one.desk._users["alice"]
        self.one.wire.cut()
        self.one.wire.connect()
        for _ in range(6):
            self.clock.advance(0.5)
            self.settle()
            self.assertEqual((state.up.rate < 1_000_000, state.elsewhere), (True, 1))

    def test_users_are_told_of_in_as_many_messages_as_it_takes(self) -> None:
        self.patch(controlled, "ROWS_LIMIT", 2)
        two, names = self.gateway("two"), [f"user{number}" for number in range(5)]
        for name in names:
            self.database.write(exit_users.create_user, Account(name=name, upload=1_000_000), None, "tester", NOW)
        self.exits.accounts_changed(*names)
        self.settle()
        for name in names:
            self.one.open(name)
        two.open("user4")
        self.wait(3.0)
        self.assertEqual([self.exits.streams_of(name) for name in names], [1, 1, 1, 1, 2])
        self.assertEqual(self.exits.presence()[self.one.identity.node_id].users, 5)
        self.assertEqual(two.desk._users["user4"].elsewhere, 1)


def live_number(gateway: Gateway) -> int:
    return gateway.desk.live[0].record.number


class QuotaTests(ControlledCase):
    size = 3_000_000

    def setUp(self) -> None:
        super().setUp()
        package = StoredPackage(name="gold", size=self.size, seconds=0.0)
        self.database.write(exit_users.create_package, package, "tester", NOW)
        self.database.write(exit_users.create_user, Account(name="alice"), "gold", "tester", NOW)
        self.gateways = [self.gateway("one"), self.gateway("two")]

    def test_at_two_gateways_a_package_is_exceeded_by_a_piece_each_at_most_and_the_count_is_exact(self) -> None:
        for seed in range(2):
            self.change("alice", used=0)
            rng = random.Random(seed)
            before = self.user().total_up
            live = [gateway.open() for gateway in self.gateways for _ in range(3)]
            for _ in range(5000):
                rng.choice(live).send(rng.randint(1, PIECE_BYTES))
                for wire in self.wires:
                    if rng.random() < 0.2:
                        wire.deliver()
                if rng.random() < 0.02:
                    self.clock.advance(1.0)
                if all(end.killed is not None for end in live):
                    break
            self.settle()
            self.wait(8.0)
            passed = sum(end.passed for end in live)
            self.assertEqual({end.killed for end in live}, {Reason.QUOTA})
            self.assertLessEqual(passed, self.size + len(self.gateways) * PIECE_BYTES)
            self.assertGreaterEqual(passed, self.size)
            self.assertEqual(self.user().total_up - before, passed)
            self.assertEqual(self.user().used, passed)
            for gateway in self.gateways:
                self.assertRaises(AccessRefused, gateway.meter.check, "alice")

    def test_all_of_a_package_passes_though_pieces_go_beyond_leases_and_connections_break(self) -> None:
        for seed in range(4):
            self.change("alice", used=0)
            rng, live = random.Random(seed), self.gateways[0].open()
            for _ in range(2000):
                live.send(rng.randint(1, PIECE_BYTES))
                wire = self.gateways[0].wire
                while rng.random() < 0.7 and wire.deliver():
                    pass
                if rng.random() < 0.3:
                    self.clock.advance(1.0)
                if rng.random() < 0.02:
                    wire.cut()
                    wire.connect()
                if live.killed is not None:
                    break
            self.assertEqual(live.killed, Reason.QUOTA)
            self.assertTrue(self.size <= live.passed <= self.size + PIECE_BYTES, live.passed)
            self.settle()
            self.wait(8.0)
            self.assertEqual((self.user().used, self.user().leased), (live.passed, 0))

    def test_a_batch_that_was_not_stored_is_sent_again_on_the_same_connection(self) -> None:
        live = self.gateways[0].open()
        self.settle()
        refused = fail(Conflict("the disk is full"))
        self.patch(self.exits._store, "write", lambda *work: refused)
        live.send(1000)
        self.wait(2.0)
        del self.exits._store.write
        self.assertEqual(self.user().used, 0)
        self.wait(6.0)
        self.assertEqual(self.user().used, 1000)

    def test_while_batches_are_not_stored_no_credit_is_leased_on_top_of_what_they_say(self) -> None:
        write, store = self.exits._store.write, self.exits._store

        def refuse(unit: Any, *work: Any) -> Any:
            return fail(Conflict("the disk is full")) if unit is exit_usage.store_usage else write(unit, *work)

        live = self.gateways[0].open()
        self.settle()
        self.patch(store, "write", refuse)
        for _ in range(20):
            for _ in range(7):
                live.send(100_000)
            self.wait(1.0)
        self.assertLess(live.passed, self.size)
        self.assertIsNone(live.killed)
        self.patch(store, "write", write)
        for _ in range(60):
            live.send(100_000)
            self.wait(1.0)
        self.assertEqual(live.killed, Reason.QUOTA)
        self.assertTrue(self.size <= live.passed <= self.size + PIECE_BYTES, live.passed)
        self.assertEqual(self.user().used, live.passed)

    def test_a_larger_package_lets_the_user_in_again_at_once_and_a_smaller_one_cuts_off(self) -> None:
        live = self.gateways[0].open()
        self.settle()
        self.assertFalse(live.is_held)
        _, users = self.database.write(exit_users.change_package, "gold", {"size": 0}, "tester", NOW)
        self.exits.accounts_changed(*users)
        self.settle()
        self.assertEqual(live.killed, Reason.QUOTA)
        self.assertRaises(AccessRefused, self.gateways[0].meter.check, "alice")
        self.database.write(exit_users.change_package, "gold", {"size": 10_000}, "tester", NOW)
        self.exits.accounts_changed("alice")
        self.settle()
        self.gateways[0].meter.check("alice")
        again = self.gateways[0].open()
        self.settle()
        again.send(10)
        self.assertEqual(again.passed, 10)

    def test_without_the_controller_a_user_has_what_was_leased_and_is_held_then(self) -> None:
        gateway = self.gateways[0]
        live = gateway.open()
        self.settle()
        gateway.wire.cut()
        while not live.is_held:
            live.send(PIECE_BYTES)
        self.assertLessEqual(live.passed, self.size // 4 + PIECE_BYTES)
        gateway.wire.connect()
        self.settle()
        self.wait(6.0)
        self.assertFalse(live.is_held)
        self.assertEqual(self.user().used, live.passed)

    def test_a_lease_that_nobody_uses_goes_back(self) -> None:
        live = self.gateways[0].open()
        self.settle()
        self.assertGreater(self.user().leased, 0)
        live.meter.closed(None)
        self.wait(70.0)
        self.assertEqual(self.user().leased, 0)
        self.assertEqual(Grant(user="alice").user, "alice")
