import msgspec
from twisted.trial.unittest import SynchronousTestCase

from zerogo.exit.account import Account
from zerogo.exit.choose import Demand, misfit
from zerogo.exit.edges import EdgeProfile, EdgeState
from zerogo.exit.frames import Command
from zerogo.exit.grant import AccessRefused
from zerogo.exit.reason import Reason
from zerogo.exit.target import Target

EDGE = EdgeProfile(edge="e" * 16, country="de", region="eu", tags=frozenset({"home"}))


class AccountTests(SynchronousTestCase):
    def test_a_paused_account_and_one_whose_time_is_over_are_told_apart(self) -> None:
        paused, over = Account(name="a", is_paused=True), Account(name="a", expires_at=10.0)
        self.assertEqual(self.assertRaises(AccessRefused, paused.check_standing, 0.0).reason, Reason.DENIED)
        self.assertEqual(self.assertRaises(AccessRefused, over.check_standing, 10.0).reason, Reason.QUOTA)
        over.check_standing(9.9)

    def test_sources_hold_for_ipv4_however_it_is_written(self) -> None:
        account = Account(name="a", sources=["192.0.2.0/24"])
        found = [account.may_come_from(host) for host in ("192.0.2.9", "::ffff:192.0.2.9", "198.51.100.1")]
        self.assertEqual(found, [True, True, False])
        self.assertTrue(Account(name="a").may_come_from("198.51.100.1"))

    def test_names_that_clients_could_not_send_are_refused(self) -> None:
        for name in ("", "a-b", "a b", "x" * 65, "ü"):
            document = msgspec.json.encode({"name": name})
            self.assertRaises(msgspec.ValidationError, msgspec.json.decode, document, type=Account)

    def test_edges_beyond_the_allowed_ones_do_not_fit(self) -> None:
        for lists, reason in (
            ({"regions": ("us",)}, "not-allowed"),
            ({"countries": ("fr", "de")}, None),
            ({"edges": ("f" * 16,)}, "not-allowed"),
            ({"zones": ("office",)}, "not-allowed"),
        ):
            demand = Demand(command=Command.CONNECT, target=Target("x", 443), **lists)  # type: ignore[arg-type]
            self.assertEqual(misfit(EdgeState(EDGE), demand), reason, lists)
