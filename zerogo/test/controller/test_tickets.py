from twisted.trial.unittest import SynchronousTestCase

from zerogo.controller.caller import Caller
from zerogo.controller.tickets import TICKET_SECONDS, TICKETS_LIMIT, TICKETS_PER_CALLER, Tickets
from zerogo.store.values import Role
from zerogo.test.control.pair import seeded

ANN = Caller("u1", "ann", Role.OWNER)


class TicketsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.rng = seeded(self.id())
        self.tickets = Tickets()

    def test_it_is_good_once(self) -> None:
        ticket = self.tickets.issue(ANN, self.rng, 0.0)
        self.assertEqual(self.tickets.redeem(ticket, 1.0), ANN)
        self.assertIsNone(self.tickets.redeem(ticket, 1.0))

    def test_it_is_good_for_half_a_minute(self) -> None:
        in_time, too_late = (self.tickets.issue(ANN, self.rng, 0.0) for _ in range(2))
        self.assertEqual(self.tickets.redeem(in_time, TICKET_SECONDS - 0.1), ANN)
        self.assertIsNone(self.tickets.redeem(too_late, TICKET_SECONDS))

    def test_what_is_no_ticket_opens_nothing(self) -> None:
        for text in ("", "x", "é", "\udcff", "a" * 100_000):
            self.assertIsNone(self.tickets.redeem(text, 0.0))

    def test_one_callers_tickets_push_out_only_their_own(self) -> None:
        other = self.tickets.issue(Caller("u2", "bob", Role.USER), self.rng, 0.0)
        first, *_, last = (self.tickets.issue(ANN, self.rng, 0.0) for _ in range(TICKETS_PER_CALLER + 1))
        self.assertIsNone(self.tickets.redeem(first, 0.0))
        self.assertEqual(self.tickets.redeem(last, 0.0), ANN)
        self.assertIsNotNone(self.tickets.redeem(other, 0.0))

    def test_all_tickets_have_a_bound_and_those_that_ended_make_room(self) -> None:
        first = self.tickets.issue(ANN, self.rng, 0.0)
        for number in range(TICKETS_LIMIT):  # none has ended
            self.tickets.issue(Caller(f"x{number}", "x", Role.USER), self.rng, 0.0)
        self.assertIsNone(self.tickets.redeem(first, 0.0))
        late = self.tickets.issue(ANN, self.rng, TICKET_SECONDS)
        self.assertEqual(len(self.tickets._tickets), 1)
        self.assertEqual(self.tickets.redeem(late, TICKET_SECONDS), ANN)
