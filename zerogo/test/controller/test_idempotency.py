"""Requests with an Idempotency-Key."""

from twisted.internet.defer import Deferred, ensureDeferred

from zerogo.controller.idempotency import Idempotency, Kept, entry_of
from zerogo.controller.problems import Problem
from zerogo.store.errors import StoreFault
from zerogo.store.idempotency import KEEP_SECONDS, UNANSWERED_SECONDS
from zerogo.test.controller.stock import ApiCase

KEPT = Kept(201, b"{}", None)


class IdempotencyTests(ApiCase):
    def setUp(self) -> None:
        super().setUp()
        self.kept = self.desk.idempotency

    def begin(self, caller: str, key: str, request: bytes = b"x", later: float = 0.0) -> Kept | None:
        entry = entry_of(caller, key, request)
        return self.successResultOf(ensureDeferred(self.kept.begin(entry, self.unix_now + later)))

    def code(self, caller: str, key: str, request: bytes = b"x", later: float = 0.0) -> str:
        entry = entry_of(caller, key, request)
        return self.failureResultOf(ensureDeferred(self.kept.begin(entry, self.unix_now + later)), Problem).value.code

    def finish(self, caller: str, key: str) -> None:
        self.successResultOf(ensureDeferred(self.kept.finish(entry_of(caller, key, b"x"), KEPT)))

    def test_the_answer_is_given_again_to_the_same_caller_for_an_hour(self) -> None:
        self.assertIsNone(self.begin("ann", "k"))
        self.finish("ann", "k")
        self.assertEqual(self.begin("ann", "k", later=KEEP_SECONDS - 1), KEPT)
        self.assertIsNone(self.begin("bob", "k"))
        self.assertIsNone(self.begin("ann", "k", later=KEEP_SECONDS))

    def test_another_controller_gives_it_too_and_one_with_another_key_does_not(self) -> None:
        self.begin("ann", "k")
        self.finish("ann", "k")
        self.kept = Idempotency(self.desk.store, bytes(32), self.rng)
        self.assertEqual(self.begin("ann", "k"), KEPT)
        self.kept = Idempotency(self.desk.store, b"1" * 32, self.rng)
        self.assertEqual(self.code("ann", "k"), "key-reused")

    def test_another_request_with_the_key_is_refused(self) -> None:
        self.begin("ann", "k")
        self.assertEqual(self.code("ann", "k", b"y"), "key-reused")
        self.assertEqual(self.code("ann", "k"), "in-progress")
        self.successResultOf(ensureDeferred(self.kept.give_up(entry_of("ann", "k", b"x"))))
        self.assertIsNone(self.begin("ann", "k", b"y"))

    def test_a_request_of_a_controller_that_died_is_made_again(self) -> None:
        self.begin("ann", "k")
        self.assertEqual(self.code("ann", "k", later=UNANSWERED_SECONDS - 1), "in-progress")
        self.assertIsNone(self.begin("ann", "k", later=UNANSWERED_SECONDS))

    def test_bad_keys_are_refused(self) -> None:
        for key in ("", "x" * 129, "é", "a\tb"):
            self.assertEqual(self.assertRaises(Problem, entry_of, "ann", key, b"x").code, "invalid-key")

    def test_what_was_made_is_answered_where_the_answer_cannot_be_kept(self) -> None:
        self.begin("ann", "k")

        def fail(*_: object) -> None:
            raise StoreFault("the disk is full")

        self.patch(self.desk.store._database, "write", fail)
        self.finish("ann", "k")


class IdempotentRouteTests(ApiCase):
    def invites(self) -> int:
        return len(self.call("GET", f"/networks/{self.network}/invites").json["items"])

    def test_a_request_that_is_sent_again_makes_one_thing_and_shows_it_again(self) -> None:
        path = f"/networks/{self.network}/invites"
        first, again = (self.call("POST", path, {"uses": 3}, idempotency_key="k") for _ in range(2))
        self.assertEqual((first.status, first.json), (again.status, again.json))
        self.assertEqual(self.invites(), 1)
        other = self.call("POST", path, {"uses": 4}, idempotency_key="k")
        self.assertEqual((other.status, other.json["code"]), (422, "key-reused"))
        elsewhere = self.call("POST", "/networks", {"name": "x"}, idempotency_key="k")
        self.assertEqual((elsewhere.status, elsewhere.json["code"]), (422, "key-reused"))

    def test_the_database_alone_gives_no_answer_away(self) -> None:
        made = self.call("POST", f"/networks/{self.network}/invites", {"uses": 3}, idempotency_key="k").json
        rows = self.database.read(lambda c: c.exec_driver_sql("SELECT * FROM idempotency").all())
        self.assertEqual(len(rows), 1)
        self.assertNotIn(made["join_url"].rpartition("/")[2], repr(rows))
        self.assertNotIn(made["id"], repr(rows))

    def test_what_failed_is_tried_again(self) -> None:
        for _ in range(2):
            reply = self.call("POST", "/networks", {"name": "home"}, idempotency_key="k")
            self.assertEqual((reply.status, reply.json["code"]), (409, "conflict"))

    def test_the_second_of_two_at_once_is_told_so(self) -> None:
        waiting: Deferred[str] = Deferred()
        self.patch(self.desk.passwords, "hash", lambda password: waiting)
        body = {"name": "bob", "password": "correct horse"}
        url, headers = (
            "http://controller/api/v1/users",
            {
                "content-type": "application/json",
                "authorization": "Bearer zgo_owner_test",
                "idempotency-key": "k",
            },
        )
        first = self.treq.request("POST", url, json=body, headers=headers)
        self.treq.flush()
        second = self.treq.request("POST", url, json=body, headers=headers)
        self.treq.flush()
        self.assertEqual(self.successResultOf(second).code, 409)
        waiting.callback("hash")
        self.treq.flush()
        self.assertEqual(self.successResultOf(first).code, 201)
