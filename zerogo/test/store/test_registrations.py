# -*- test-case-name: zerogo.test.store.test_registrations -*-
"""Many registrations in one unit of work."""

from __future__ import annotations

from attrs import evolve

from zerogo.control.coordinator_events import Admission
from zerogo.control.messages import RefusalCode
from zerogo.ids import NetworkId
from zerogo.store import audit, join_keys, members
from zerogo.store.errors import JoinRefused
from zerogo.store.paging import Paging
from zerogo.store.registrations import Held, Outcome, recognise_all, register_all
from zerogo.store.values import Approval
from zerogo.test.store.stock import NOW, StoreCase


def kind(outcome: Outcome | None) -> str:
    return outcome.reason.value if isinstance(outcome, JoinRefused) else type(outcome).__name__


class RegistrationsTests(StoreCase):
    def test_each_stands_for_itself(self) -> None:
        secret, manual = self.invite(uses=2), self.invite(approval=Approval.MANUAL)
        some = [
            self.agent(secret),
            self.agent(bytes(20)),
            self.agent(secret),
            self.agent(manual),
            self.agent(secret),
            evolve(self.agent(secret), network=NetworkId(bytes(5))),
        ]
        found = self.database.write(register_all, some, NOW)
        unknown, used = RefusalCode.TOKEN_UNKNOWN.value, RefusalCode.TOKEN_USED.value
        wanted = ["Admission", unknown, "Admission", "Held", used, RefusalCode.NETWORK_UNKNOWN.value]
        self.assertEqual([kind(one) for one in found], wanted)
        self.assertEqual(len({one.addresses for one in found if isinstance(one, Admission)}), 2)
        self.assertEqual(len(self.database.read(members.list_members, self.network)), 3)
        self.assertIsNone(self.database.read(audit.check_chain).broken_at)

    def test_who_is_refused_late_leaves_nothing_behind(self) -> None:
        """The network has addresses for six, and a use of the token is taken before they are looked for."""
        secret = self.invite(uses=8)
        some = [self.agent(secret, f"m{number}") for number in range(8)]
        found = self.database.write(register_all, some, NOW)
        full = RefusalCode.NETWORK_FULL.value
        self.assertEqual([kind(one) for one in found], ["Admission"] * 6 + [full] * 2)
        self.assertEqual(len(self.database.read(members.list_members, self.network)), 6)
        (key,) = self.database.read(join_keys.page_join_keys, self.network, Paging()).items
        self.assertEqual(key.uses_left, 2)

    def test_one_node_twice_is_one_member(self) -> None:
        agent = self.agent(self.invite())
        first, second = self.database.write(register_all, [agent, agent], NOW)
        self.assertEqual(first, second)
        self.assertEqual(len(self.database.read(members.list_members, self.network)), 1)

    def test_a_look_tells_who_is_known(self) -> None:
        known = self.join()
        other = self.make_network("other", approval=Approval.MANUAL)
        waiting = evolve(self.agent(self.invite(network=other.network)), network=other.network)
        self.assertIsInstance(self.register(waiting), Held)
        new = self.agent(self.invite())
        some = [new, evolve(waiting, secret=None), known, self.agent(), evolve(known, network=NetworkId(bytes(5)))]
        found = self.database.read(recognise_all, some, NOW)
        wanted = ["NoneType", "Held", "Admission", "not-a-member", "network-unknown"]
        self.assertEqual([kind(one) for one in found], wanted)
        self.assertEqual(found[2], self.register(known))
