# -*- test-case-name: zerogo.test.store.test_views -*-
"""Views that are read again and again. That they are what a first look shows is held by `StoreCase.view` in all tests
of this room."""

from __future__ import annotations

from sqlalchemy import event

from zerogo.store import members
from zerogo.test.store.stock import NOW, StoreCase


class ViewsTests(StoreCase):
    def test_what_did_not_change_is_the_same_object(self) -> None:
        ann, bob = self.join("ann"), self.join("bob")
        before = self.view().network_map
        self.database.write(members.change_member, self.network, bob.node_id, {"name": "bert"}, "tester", NOW)
        after = self.view().network_map
        self.assertIs(after.member(ann.node_id), before.member(ann.node_id))
        changed = after.member(bob.node_id)
        assert changed is not None
        self.assertEqual(changed.name, "bert")

    def test_a_change_of_one_reads_one(self) -> None:
        agents = [self.join(f"m{number}") for number in range(5)]
        self.view()
        self.database.write(members.change_member, self.network, agents[1].node_id, {"name": "x"}, "tester", NOW)
        read: list[object] = []

        def executed(connection: object, cursor: object, text: str, parameters: object, *rest: object) -> None:
            if "static_public" in text:
                read.append(parameters)

        event.listen(self.database._engine, "before_cursor_execute", executed)
        self.database.read(next(iter(self.views.values())).read, self.network)
        self.assertEqual(len(read), 1)
        self.assertIn(str(agents[1].node_id), str(read[0]))
        self.assertNotIn(str(agents[0].node_id), str(read[0]))

    def test_who_left_and_came_back_is_read_again(self) -> None:
        ann = self.join("ann")
        self.view()
        self.database.write(members.block_member, self.network, ann.node_id, "tester", NOW)
        self.assertEqual(self.view().network_map.members, ())
        self.database.write(members.approve_member, self.network, ann.node_id, "tester", NOW)
        self.assertIsNotNone(self.view().network_map.member(ann.node_id))
