"""Second factors: the vectors of RFC 6238, steps that are good once, and recovery codes."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.store import audit, second_factors, users
from zerogo.store.errors import Conflict, Forbidden, NotFound
from zerogo.store.paging import Paging
from zerogo.store.second_factors import RECOVERY_CODES, STEP_SECONDS, Verdict, code_at
from zerogo.store.users import Actor
from zerogo.store.values import Role
from zerogo.test.store.stock import NOW, StoreCase

OWNER = Actor("", "owner")


class VectorTests(SynchronousTestCase):
    def test_the_vectors_of_rfc_6238_appendix_b(self) -> None:
        secret = b"12345678901234567890"
        for unix_time, digits in {
            59: "94287082",
            1111111109: "07081804",
            1111111111: "14050471",
            1234567890: "89005924",
            2000000000: "69279037",
            20000000000: "65353130",
        }.items():
            self.assertEqual(code_at(secret, unix_time // STEP_SECONDS), digits[-6:])


class FactorTests(StoreCase):
    def setUp(self) -> None:
        super().setUp()
        made = self.database.write(users.create_user, "ann", "hash", Role.ADMIN, OWNER, self.rng, NOW)
        self.user = made.user_id
        self.secret = self.database.write(second_factors.begin, self.user, self.rng, NOW)

    def code(self, at: float = NOW) -> str:
        return code_at(self.secret, int(at // STEP_SECONDS))

    def check(self, code: str, at: float = NOW) -> Verdict:
        return self.database.write(second_factors.check, self.user, code, at)

    def confirm(self) -> list[str]:
        return self.database.write(second_factors.confirm, self.user, self.code(), self.rng, NOW)

    def test_it_counts_when_a_code_was_shown(self) -> None:
        self.assertIs(self.check(""), Verdict.UNNEEDED)
        wrong = "000000" if self.code() != "000000" else "000001"
        self.assertRaises(Conflict, self.database.write, second_factors.confirm, self.user, wrong, self.rng, NOW)
        self.assertEqual(len(set(self.confirm())), RECOVERY_CODES)
        self.assertTrue(self.database.read(second_factors.find_factor, self.user).is_on)
        self.assertIs(self.check(""), Verdict.WRONG)
        self.assertRaises(Conflict, self.database.write, second_factors.begin, self.user, self.rng, NOW)

    def test_a_step_is_good_once_and_steps_go_forward(self) -> None:
        self.confirm()
        self.assertIs(self.check(self.code()), Verdict.WRONG)
        later = NOW + STEP_SECONDS
        self.assertIs(self.check(self.code(later), later), Verdict.RIGHT)
        self.assertIs(self.check(self.code(later), later), Verdict.WRONG)
        self.assertIs(self.check(self.code(NOW), later), Verdict.WRONG)

    def test_clocks_may_be_off_by_one_step_and_no_more(self) -> None:
        self.confirm()
        at = NOW + 10 * STEP_SECONDS
        for steps, verdict in ((-2, Verdict.WRONG), (2, Verdict.WRONG), (-1, Verdict.RIGHT), (1, Verdict.RIGHT)):
            self.assertIs(self.check(self.code(at + steps * STEP_SECONDS), at), verdict, steps)

    def test_recovery_codes_are_good_once_in_any_spelling(self) -> None:
        codes = self.confirm()
        spelled = f"{codes[0][:8].upper()} {codes[0][8:12]}-{codes[0][12:]}"
        self.assertIs(self.check(spelled), Verdict.RIGHT)
        self.assertIs(self.check(codes[0]), Verdict.WRONG)
        left = self.database.read(second_factors.find_factor, self.user).recovery_codes_left
        self.assertEqual(left, RECOVERY_CODES - 1)
        actions = [line.action for line in self.database.read(audit.list_lines, Paging()).items]
        self.assertIn("factor.recovery", actions)
        self.assertIn("factor.wrong", actions)

    def test_odd_codes_are_wrong(self) -> None:
        self.confirm()
        for code in ("", "1", "١٢٣٤٥٦", "½½½½½½", "x" * 40, "\x00" * 6):
            self.assertIs(self.check(code), Verdict.WRONG)

    def test_it_is_removed_by_oneself_and_by_who_may(self) -> None:
        self.confirm()
        self.database.write(second_factors.remove_own, self.user, NOW)
        self.assertIs(self.check(""), Verdict.UNNEEDED)
        other = self.database.write(users.create_user, "bob", "hash", Role.ADMIN, OWNER, self.rng, NOW)
        actor = Actor(other.user_id, "user:bob")
        self.assertRaises(Forbidden, self.database.write, second_factors.remove_for, self.user, actor, NOW)
        self.assertRaises(NotFound, self.database.write, second_factors.remove_for, "nobody", OWNER, NOW)
        self.database.write(second_factors.remove_for, self.user, OWNER, NOW)

    def test_it_goes_with_the_user(self) -> None:
        self.confirm()
        self.database.write(users.create_user, "bob", "hash", Role.OWNER, OWNER, self.rng, NOW)
        self.database.write(users.delete_user, self.user, OWNER, NOW)
        self.assertEqual(self.database.read(second_factors.find_factor, self.user).recovery_codes_left, 0)
