"""Two controllers of one database, with a gateway each: what holds for a user holds at both."""

from __future__ import annotations

import json

from zerogo.control import gateways
from zerogo.control.far_gateways import KEPT_SECONDS
from zerogo.control.fellow_words import GatewaysAsked, GatewayTold, Word, emit_word, parse_word
from zerogo.control.gateway_messages import Kick
from zerogo.control.gateways import GatewayOffice
from zerogo.controller.exits import Exits
from zerogo.controller.gateway_fellows import GatewayWord
from zerogo.exit.account import Account
from zerogo.exit.reason import Reason
from zerogo.store import exit_gateways, exit_users
from zerogo.test.control.pair import CONTROLLER
from zerogo.test.controller.stock import PromptStore
from zerogo.test.gateway.controlled_pair import HASH, ControlledCase
from zerogo.test.store.stock import NOW


class TwoControllersTests(ControlledCase):
    def setUp(self) -> None:
        super().setUp()
        self.left, self.are_words_lost = self.exits, False
        self.words: list[Word] = []
        self.database.write(exit_users.create_user, Account(name="alice", password_hash=HASH), None, "tester", NOW)
        self.one = self.gateway()
        office = GatewayOffice(CONTROLLER, self.rng)
        self.right = Exits(office, PromptStore(self.database), self.clock, self.unix_time, self.rng)
        self.right.attach(self.send, lambda number, reason, is_abrupt: None)
        self.addCleanup(self.right.stop)
        self.left.tell_fellows = lambda word: self.carry(word, self.right)
        self.right.tell_fellows = lambda word: self.carry(word, self.left)
        self.exits = self.right
        self.two = self.gateway("two")
        self.wait(1.5)

    def carry(self, word: Word, to: Exits) -> None:
        parsed = parse_word(emit_word(word))
        self.words.append(parsed)
        assert isinstance(parsed, GatewayWord)
        if not self.are_words_lost:
            to.heard(parsed)

    def spend(self, seconds: int) -> tuple[int, int]:
        """Alice uploads at both, as fast as she may here and slowly there; the rates that she ends with."""
        for _ in range(seconds):
            for gateway, count in ((self.one, 400_000), (self.two, 1000)):
                for live in gateway.desk.live:
                    gateway.desk._counts[live.record.number].sent(count)
            self.one.desk._users["alice"].up.spend(400_000, self.clock.seconds())
            self.wait(1.0)
        here, there = (gateway.desk._users["alice"].up.rate for gateway in (self.one, self.two))
        return here, there

    def test_both_show_all_gateways_and_the_streams_at_all_of_them(self) -> None:
        for gateway in (self.one, self.one, self.two):
            gateway.open()
        self.wait(3.0)
        for exits in (self.left, self.right):
            self.assertEqual(len(exits.presence()), 2)
            self.assertEqual(exits.streams_of("alice"), 3)
        self.two.wire.cut()
        self.assertEqual([len(exits.presence()) for exits in (self.left, self.right)], [1, 1])

    def test_a_rate_is_divided_and_streams_are_counted_over_both(self) -> None:
        self.change("alice", upload=1_000_000, streams=3)
        self.one.open()
        self.two.open()
        here, there = self.spend(6)
        self.assertLessEqual(here + there, 1_100_000)
        self.assertGreater(here, 800_000)
        self.one.open()
        self.wait(3.0)
        self.assertEqual(self.two.desk._users["alice"].elsewhere, 2)

    def test_without_words_rates_stay_divided_for_a_minute(self) -> None:
        self.change("alice", upload=1_000_000)
        self.one.open()
        self.two.open()
        self.spend(4)
        self.are_words_lost = True
        self.assertLessEqual(sum(self.spend(10)), 1_100_000)
        self.wait(KEPT_SECONDS)
        self.assertEqual(self.spend(2), (1_000_000, 1_000_000), "each knows of its own gateway alone")
        self.are_words_lost = False
        self.spend(6)
        self.assertLessEqual(sum(self.spend(2)), 1_100_000)

    def test_however_many_users_there_are_the_others_hear_of_all_or_of_those_before(self) -> None:
        self.patch(gateways, "ROWS_LIMIT", 2)
        names = [f"user{number}" for number in range(5)]
        for name in names:
            self.database.write(exit_users.create_user, Account(name=name), None, "tester", NOW)
        self.left.accounts_changed(*names)
        self.settle()
        for name in names:
            self.one.open(name)
        self.wait(3.0)
        self.assertEqual([self.right.streams_of(name) for name in names], [1] * 5)
        told = {"gateway_raw": self.one.identity.node_id.raw}
        for word in (GatewayTold(**told, is_more=True), GatewayTold(**told, part=2), GatewayTold(**told, part=1)):
            self.right.heard(word)
        self.assertEqual([self.right.streams_of(name) for name in names], [1] * 5)
        self.right.heard(GatewayTold(**told))
        self.assertEqual([self.right.streams_of(name) for name in names], [0] * 5)

    def test_a_gateway_that_moves_is_counted_once(self) -> None:
        self.one.open()
        self.wait(2.0)
        self.left.connection_closed(self.one.wire.number)
        self.one.wire._exits = self.right
        self.one.wire.link.disconnected("its controller died")
        self.one.wire.connect()
        self.settle()
        self.wait(2.0)
        self.assertEqual([exits.streams_of("alice") for exits in (self.left, self.right)], [1, 1])
        self.assertEqual(self.left._office.present, ())
        self.right.heard(GatewayTold(self.one.identity.node_id.raw, streams=7))
        self.assertEqual(self.right.presence()[self.one.identity.node_id].streams, 1, "an old word")

    def test_changes_kicks_and_denials_act_at_the_gateway_of_the_other_at_once(self) -> None:
        began = self.clock.seconds()
        live = self.one.open()
        self.right.kick(Kick(user="alice"))
        self.settle()
        self.assertEqual(live.killed, Reason.DENIED)
        live = self.one.open()
        self.change("alice", is_paused=True)
        self.assertEqual(live.killed, Reason.DENIED)
        self.change("alice", is_paused=False)
        self.database.write(exit_gateways.change_gateway, self.one.identity.node_id, True, "tester", NOW, None)
        self.right.settings_changed()
        self.settle()
        self.assertIn(True, [place.is_draining for place in self.one.controlled._settings.places])
        self.assertEqual(self.clock.seconds(), began)

    def test_a_question_is_answered_by_all_and_who_is_silent_is_left_out(self) -> None:
        self.one.open()
        asked = self.right.ask("streams")
        self.settle()
        found = {gateway: json.loads(document)["total"] for gateway, document in self.successResultOf(asked).items()}
        self.assertEqual(found, {self.one.identity.node_id: 1, self.two.identity.node_id: 0})
        self.are_words_lost = True
        asked = self.right.ask("streams")
        self.wait(3.5)
        self.assertEqual(list(self.successResultOf(asked)), [self.two.identity.node_id])
        self.assertEqual(len([word for word in self.words if isinstance(word, GatewaysAsked)]), 2)

    def test_one_that_is_silent_does_not_keep_back_what_others_at_its_controller_say(self) -> None:
        three = self.gateway("three")
        self.wait(1.5)
        three.wire.is_up = False
        asked = self.left.ask("streams")
        self.wait(3.5)
        answered = {self.one.identity.node_id, self.two.identity.node_id}
        self.assertEqual(set(self.successResultOf(asked)), answered)
