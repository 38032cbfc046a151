from argon2 import PasswordHasher
from twisted.internet import reactor
from twisted.trial.unittest import SynchronousTestCase, TestCase

from zerogo.controller import passwords
from zerogo.controller.passwords import PasswordCheck, PasswordThreads
from zerogo.store.errors import StoreBusy

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


class PasswordCheckTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.check = PasswordCheck(CHEAP)

    def test_the_right_password_is_right_and_others_are_not(self) -> None:
        stored = self.check.hash("secret words")
        self.assertTrue(stored.startswith("$argon2id$"))
        self.assertTrue(self.check.verify(stored, "secret words").is_right)
        for wrong in ("secret word", "", "SECRET WORDS"):
            self.assertFalse(self.check.verify(stored, wrong).is_right)

    def test_a_user_who_does_not_exist_is_never_right(self) -> None:
        self.assertFalse(self.check.verify(None, "").is_right)
        self.assertFalse(self.check.verify("not a hash", "x").is_right)

    def test_a_hash_of_weaker_parameters_is_made_anew(self) -> None:
        stored = self.check.hash("secret words")
        stronger = PasswordCheck(PasswordHasher(time_cost=2, memory_cost=8, parallelism=1))
        verdict = stronger.verify(stored, "secret words")
        self.assertTrue(verdict.is_right)
        self.assertIsNone(stronger.verify(verdict.new_hash, "secret words").new_hash)


class PasswordThreadsTests(TestCase):
    async def test_a_flood_is_refused_beyond_the_queue(self) -> None:
        self.patch(passwords, "WAITING_LIMIT", 1)
        threads = PasswordThreads(reactor, lambda: PasswordCheck(CHEAP))  # type: ignore[arg-type]
        threads.start()
        self.addCleanup(threads.stop)
        first = threads.hash("secret words")
        await self.assertFailure(threads.hash("secret words"), StoreBusy)
        self.assertTrue((await threads.verify(await first, "secret words")).is_right)
