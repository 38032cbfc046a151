from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from zerogo.controller.idempotency import ENTRIES_LIMIT, KEEP_SECONDS, Idempotency, Kept
from zerogo.controller.problems import Problem
from zerogo.test.controller.stock import ApiCase

KEPT = Kept(201, b"{}", None)


class IdempotencyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.table = Idempotency()

    def code(self, caller: str, key: str, request: bytes = b"x", now: float = 0.0) -> str:
        return self.assertRaises(Problem, self.table.begin, caller, key, request, now).code

    def test_the_answer_is_given_again_to_the_same_caller_for_an_hour(self) -> None:
        self.assertIsNone(self.table.begin("ann", "k", b"x", 0.0))
        self.table.finish("ann", "k", KEPT)
        self.assertEqual(self.table.begin("ann", "k", b"x", KEEP_SECONDS - 1), KEPT)
        self.assertIsNone(self.table.begin("bob", "k", b"x", 0.0))
        self.assertIsNone(self.table.begin("ann", "k", b"x", KEEP_SECONDS))

    def test_another_request_with_the_key_is_refused(self) -> None:
        self.table.begin("ann", "k", b"x", 0.0)
        self.assertEqual(self.code("ann", "k", b"y"), "key-reused")
        self.assertEqual(self.code("ann", "k", b"x"), "in-progress")
        self.table.give_up("ann", "k")
        self.assertIsNone(self.table.begin("ann", "k", b"y", 0.0))

    def test_bad_keys_are_refused(self) -> None:
        for key in ("", "x" * 129, "é", "a\tb"):
            self.assertEqual(self.code("ann", key), "invalid-key")

    def test_memory_is_bounded(self) -> None:
        for number in range(ENTRIES_LIMIT + 10):
            self.table.begin("ann", str(number), b"x", 0.0)
        self.assertEqual(len(self.table._entries), ENTRIES_LIMIT)


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
