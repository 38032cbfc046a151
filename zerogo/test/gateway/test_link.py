"""A gateway and what its controller thinks of it."""

from __future__ import annotations

from zerogo.exit.account import Account
from zerogo.store import exit_gateways, exit_users
from zerogo.test.gateway.controlled_pair import HASH, ControlledCase
from zerogo.test.store.stock import NOW


class RemovedTests(ControlledCase):
    def test_a_removed_gateway_serves_whom_it_knows_for_as_long_as_was_said_however_often_it_is_refused(self) -> None:
        account = Account(name="alice", password_hash=HASH)
        self.database.write(exit_users.create_user, account, None, "tester", NOW)
        one = self.gateway()
        self.database.write(exit_gateways.delete_gateway, one.identity.node_id, "tester", NOW)
        self.exits.gateway_removed(one.identity.node_id)
        self.settle()
        self.assertFalse(one.controlled.link.is_here)
        for _ in range(2):
            self.assertIsNotNone(one.book.find("alice"))
            self.clock.advance(1801.0)
            one.wire.cut()
            one.wire.connect()
            self.settle()
            self.assertIn("not known here", one.controlled.link.reason)
        one.controlled.tick()
        self.assertIsNone(one.book.find("alice"))
