"""The relays are told of those who are members no more, and of nobody else."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from zerogo.control.relay_access import RelayAccess, RelaySecret
from zerogo.control.relays import Servers
from zerogo.controller import relay_word
from zerogo.controller.relay_word import RETRY_SECONDS, RelayWord
from zerogo.ids import NetworkId, NodeId
from zerogo.secret import Secret
from zerogo.store import members, networks
from zerogo.store.errors import StoreFault
from zerogo.store.values import StoredState
from zerogo.store.views import Views
from zerogo.test.controller.stock import PromptStore
from zerogo.test.store.stock import NOW, StoreCase
from zerogo.turn.credentials import TimedUsers
from zerogo.turn.revocation import Revocation

SECRET = Secret("0f1e2d3c4b5a69788796a5b4c3d2e1f0")


class NotedTeller:
    """A relay's teller that notes what it is to tell."""

    def __init__(self) -> None:
        self.told: list[Revocation] = []
        self.is_stopped = False

    def revoke(self, revocations: Iterable[Revocation]) -> None:
        self.told += revocations

    def stop(self) -> Deferred[Any]:
        self.is_stopped = True
        return succeed(None)


class RelayWordTests(StoreCase):
    def setUp(self) -> None:
        super().setUp()
        self.clock, self.teller = Clock(), NotedTeller()
        self.access = RelayAccess([RelaySecret("r", SECRET)], lambda: NOW + self.clock.seconds())
        self.word = RelayWord(self.access, [self.teller], PromptStore(self.database), self.clock)
        self.reader = Views(Servers())

    def read(self, network: NetworkId | None = None) -> None:
        self.word.view_read(self.database.read(self.reader.read, network or self.network))

    def member(self, name: str) -> NodeId:
        return self.join(name).node_id

    def set_state(self, node_id: NodeId, state: StoredState) -> None:
        self.database.write(members.change_member, self.network, node_id, {"state": state}, "t", NOW)
        self.read()

    def told(self) -> list[str]:
        return [each.user for each in self.teller.told]

    def test_removed_denied_and_blocked_ones_are_told_and_nobody_else(self) -> None:
        ann, bob, carl, _ = (self.member(name) for name in ("ann", "bob", "carl", "dora"))
        self.read()
        self.database.write(members.remove_member, self.network, ann, "t", NOW)
        self.read()
        self.set_state(bob, StoredState.DENIED)
        self.set_state(carl, StoredState.BLOCKED)
        self.read()
        self.assertEqual(self.told(), [str(ann), str(bob), str(carl)])

    def test_all_that_it_was_given_is_void_and_what_it_is_given_as_a_member_again_is_not(self) -> None:
        ann = self.member("ann")
        given = self.access.passwords(ann)
        self.set_state(ann, StoredState.BLOCKED)
        self.set_state(ann, StoredState.APPROVED)
        again = self.access.passwords(ann)
        assert given is not None and again is not None
        (revocation,) = self.teller.told
        ends = []
        for passwords in (given, again):
            (account,) = TimedUsers([SECRET]).accounts(passwords.relays[0].user, "zerogo", NOW)
            ends.append(account.expires_at or 0)
        self.assertLessEqual(ends[0], revocation.until)
        self.assertGreater(ends[1], revocation.until)

    def test_who_went_while_no_controller_ran_is_told_after_its_start(self) -> None:
        ann = self.member("ann")
        self.database.write(members.remove_member, self.network, ann, "t", NOW)
        self.read()
        self.assertEqual(self.told(), [str(ann)])

    def test_after_a_start_all_are_told_whom_the_store_remembers_though_no_map_is_read(self) -> None:
        ann, bob, carl, _ = (self.member(name) for name in ("ann", "bob", "carl", "dora"))
        for node_id in (ann, bob, carl):
            self.database.write(members.change_member, self.network, node_id, {"state": StoredState.BLOCKED}, "t", NOW)
        self.database.write(members.change_member, self.network, bob, {"state": StoredState.APPROVED}, "t", NOW)
        self.word.start()
        self.assertEqual(sorted(self.told()), sorted([str(ann), str(carl)]))
        self.clock.advance(2 * RETRY_SECONDS)
        self.assertEqual(len(self.told()), 2)

    def test_whom_the_store_remembers_is_asked_until_it_answers_and_no_more_than_a_relay_keeps(self) -> None:
        self.patch(relay_word, "DEPARTED_LIMIT", 1)
        for name in ("ann", "bob"):
            self.database.write(members.remove_member, self.network, self.member(name), "t", NOW)

        def fails(*arguments: object) -> None:
            raise StoreFault("the disk is full")

        patched = self.patch(members, "departed", fails)
        self.word.start()
        self.assertEqual(self.told(), [])
        patched.restore()
        self.clock.advance(RETRY_SECONDS)
        self.assertEqual(len(self.told()), 1)

    def test_who_is_a_member_of_another_network_still_is_served(self) -> None:
        ann, second = self.join("ann"), self.make_network("second").network
        self.register(evolve(ann, network=second, secret=self.invite(network=second)))
        self.read()
        self.read(second)
        self.database.write(members.remove_member, self.network, ann.node_id, "t", NOW)
        self.read()
        self.assertEqual(self.told(), [])
        self.database.write(networks.delete_network, second, "t", NOW)
        self.word.network_gone(second)
        self.assertEqual(self.told(), [str(ann.node_id)])

    def test_what_the_store_cannot_answer_is_asked_again(self) -> None:
        ann = self.member("ann")
        self.read()

        def fails(*arguments: object) -> None:
            raise StoreFault("the disk is full")

        patched = self.patch(members, "strangers", fails)
        self.database.write(members.remove_member, self.network, ann, "t", NOW)
        self.read()
        self.assertEqual(self.told(), [])
        patched.restore()
        self.clock.advance(RETRY_SECONDS)
        self.assertEqual(self.told(), [str(ann)])

    def test_nothing_is_told_after_the_end(self) -> None:
        ann = self.member("ann")
        self.successResultOf(self.word.stop())
        self.database.write(members.remove_member, self.network, ann, "t", NOW)
        self.read()
        self.assertEqual((self.told(), self.teller.is_stopped, self.clock.getDelayedCalls()), ([], True, []))
