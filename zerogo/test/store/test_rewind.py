from zerogo.store import audit, networks, users
from zerogo.store.rewind import REVISIONS_LEAST, REVISIONS_PER_SECOND, go_on
from zerogo.test.store.stock import NOW, StoreCase


class RewindTests(StoreCase):
    def go_on(self, lost: dict[str, int], days: float = 0.0) -> int:
        return self.database.write(go_on, lost, NOW - days * 86_400, NOW)[str(self.network)]

    def test_every_revision_is_above_all_that_the_lost_controller_can_have_told(self) -> None:
        own = self.revision()
        self.assertEqual(self.go_on({}), own + REVISIONS_LEAST)
        self.assertEqual(self.revision(), own + REVISIONS_LEAST)

    def test_what_is_known_of_the_lost_one_counts(self) -> None:
        self.assertEqual(self.go_on({str(self.network): 10**8}), 10**8 + REVISIONS_LEAST)

    def test_so_does_the_time_since_the_copy(self) -> None:
        self.assertEqual(self.go_on({}, days=7), self.revision())
        self.assertGreater(self.revision(), 7 * 86_400 * REVISIONS_PER_SECOND)

    def test_agents_are_told_the_whole_map_not_a_delta_from_what_they_hold(self) -> None:
        self.join("ann")
        raised = self.go_on({})
        view = self.view()
        self.assertEqual((view.network_map.revision, view.complete_since), (raised, raised))

    def test_sessions_end_and_the_audit_log_says_why(self) -> None:
        user = self.database.write(users.create_first_user, "ann", "x", self.rng, NOW)
        self.go_on({})
        found = self.database.read(users.find_user, user.user_id)
        assert found is not None
        self.assertEqual(found.valid_after, NOW)
        verdict = self.database.read(audit.check_chain)
        self.assertIsNone(verdict.broken_at)

    def test_a_clock_that_was_set_back_does_no_harm(self) -> None:
        own = self.revision()
        self.assertEqual(self.go_on({}, days=-400), own + REVISIONS_LEAST)
        self.assertEqual(len(self.database.read(networks.list_networks)), 1)
