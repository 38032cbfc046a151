import json

from zerogo.errors import ParseError
from zerogo.store import audit, webhooks
from zerogo.store.errors import Conflict, NotFound
from zerogo.store.paging import Paging
from zerogo.store.webhooks import (
    ATTEMPTS,
    GONE,
    LEASE_SECONDS,
    RETRY_MOST,
    RETRY_SECONDS,
    WAITING_LIMIT,
    WEBHOOKS_LIMIT,
    Delivery,
    Happening,
    StoredWebhook,
    check_kinds,
    check_url,
    retry_after,
)
from zerogo.test.store.stock import NOW, StoreCase

URL = "https://example.net/hook?k=hidden"


class WebhooksTests(StoreCase):
    def make(self, *kinds: str) -> StoredWebhook:
        return self.database.write(webhooks.create_webhook, URL, kinds or ("*",), "ann", self.rng, NOW)

    def tell(self, *kinds: str) -> None:
        happenings = [Happening(kind, NOW, {"n": number}) for number, kind in enumerate(kinds)]
        self.database.write(webhooks.tell, happenings, self.rng, NOW)

    def claim(self, now: float = NOW) -> list[Delivery]:
        return self.database.write(webhooks.claim, now)

    def found(self, webhook: StoredWebhook) -> StoredWebhook:
        return self.database.read(webhooks.find_webhook, webhook.webhook_id)

    def types(self, deliveries: list[Delivery]) -> list[str]:
        return sorted(json.loads(each.body)["type"] for each in deliveries)

    def test_a_webhook_is_told_what_it_wants(self) -> None:
        self.make("member.*", "link.path")
        self.tell("member.online", "link.path", "network.create", "members.x")
        self.assertEqual(self.types(self.claim()), ["link.path", "member.online"])

    def test_nobody_is_told_what_was_before(self) -> None:
        self.make()
        self.tell()
        self.assertEqual(self.types(self.claim()), ["webhook.create"])

    def test_what_people_decide_is_told_once(self) -> None:
        self.make("tester.*")
        for number in range(3):
            self.database.write(lambda c, n=number: audit.record(c, "ann", "tester.did", NOW, subject=str(n)))
        self.tell()
        self.tell()
        told = self.claim()
        self.assertEqual(sorted(json.loads(each.body)["data"]["subject"] for each in told), ["0", "1", "2"])
        self.assertEqual(told[0].url, URL)

    def test_one_that_is_claimed_is_not_claimed_again_until_its_time_is_over(self) -> None:
        self.make("a")
        self.tell("a")
        (first,) = self.claim()
        self.assertEqual(self.claim(NOW + LEASE_SECONDS - 1), [])
        (again,) = self.claim(NOW + LEASE_SECONDS)
        self.assertEqual(again.delivery_id, first.delivery_id)

    def test_a_success_ends_it_and_a_failure_is_tried_later(self) -> None:
        webhook = self.make("a")
        self.tell("a")
        (delivery,) = self.claim()
        self.database.write(webhooks.settle, delivery, "the receiver answered 500", NOW)
        self.assertEqual(
            (self.found(webhook).last_outcome, self.found(webhook).waiting), ("the receiver answered 500", 1)
        )
        self.assertEqual(self.claim(NOW + RETRY_SECONDS - 0.1), [])
        (again,) = self.claim(NOW + RETRY_SECONDS)
        self.assertEqual(again.attempts, 1)
        self.database.write(webhooks.settle, again, "ok", NOW + 9)
        self.assertEqual((self.found(webhook).last_outcome, self.found(webhook).waiting), ("ok", 0))

    def test_pauses_grow_and_have_a_bound_and_so_have_tries(self) -> None:
        self.assertEqual([retry_after(number) for number in (0, 1, 2)], [5.0, 10.0, 20.0])
        self.assertEqual(retry_after(100), RETRY_MOST)
        webhook, now = self.make("a"), NOW
        self.tell("a")
        for _ in range(ATTEMPTS):
            (delivery,) = self.claim(now)
            self.database.write(webhooks.settle, delivery, "no", now)
            now += RETRY_MOST
        self.assertEqual(self.claim(now), [])
        self.assertEqual((self.found(webhook).dropped, self.found(webhook).is_enabled), (1, True))

    def test_a_receiver_that_is_gone_is_told_nothing_any_more(self) -> None:
        webhook = self.make("a")
        self.tell("a")
        self.database.write(webhooks.settle, self.claim()[0], GONE, NOW)
        self.assertFalse(self.found(webhook).is_enabled)
        self.tell("a")
        self.assertEqual(self.claim(), [])

    def test_what_waits_has_a_bound_and_the_oldest_goes(self) -> None:
        webhook = self.make("a")
        self.patch(webhooks, "WAITING_LIMIT", 3)
        self.assertGreater(WAITING_LIMIT, 3)
        self.tell(*"aaaaa")
        self.assertEqual((self.found(webhook).waiting, self.found(webhook).dropped), (3, 2))

    def test_one_that_is_off_waits_and_one_that_is_deleted_takes_its_own_along(self) -> None:
        webhook = self.make("a")
        self.tell("a")
        self.database.write(webhooks.change_webhook, webhook.webhook_id, {"is_enabled": False}, "ann", NOW)
        self.assertEqual(self.claim(), [])
        self.database.write(webhooks.delete_webhook, webhook.webhook_id, "ann", NOW)
        self.assertRaises(NotFound, self.found, webhook)
        self.assertEqual(self.claim(NOW + 1e6), [])

    def test_the_log_does_not_show_the_whole_address(self) -> None:
        self.make()
        lines = self.database.read(audit.list_lines, Paging()).items
        self.assertIn("https://example.net", lines[0].detail)
        self.assertNotIn("hidden", repr(lines))

    def test_there_are_not_too_many(self) -> None:
        for _ in range(WEBHOOKS_LIMIT):
            self.make()
        self.assertRaises(Conflict, self.make)
        piece = self.database.read(webhooks.list_webhooks, Paging(3))
        self.assertEqual((len(piece.items), piece.next), (3, (piece.items[-1].webhook_id,)))

    def test_what_is_no_address_or_kind_is_refused(self) -> None:
        for url in (
            "",
            "x",
            "ftp://a",
            "http://",
            "http://u:p@a/",
            "http://a/#f",
            "http://a:0/",
            "http://a:x/",
            "http://a/\n",
            "http://a/é",
            "http://[",
            "http://169.254.169.254/latest",
            "http://[fe80::1]/",
            "http://a/" + "x" * 2000,
        ):
            self.assertRaises(ParseError, check_url, url)
        for good in ("http://10.0.0.7:8080/x", "https://[2001:db8::1]/"):
            self.assertEqual(check_url(good), good)
        for kinds in ((), ("",), ("A",), ("a b",), ("*.a",), ("a.",), ("x" * 41,), tuple(f"a{n}" for n in range(33))):
            self.assertRaises(ParseError, check_kinds, kinds)
        self.assertEqual(check_kinds(["a.b-c", "a.*", "*", "*"]), ("a.b-c", "a.*", "*"))
