import base64
import hashlib
import hmac
import json
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.defer import ensureDeferred
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource
from twisted.web.server import Site

from zerogo.controller.webhook_sender import ASK_SECONDS, LOOK_SECONDS, headers_of, make_post, secret_text
from zerogo.ids import NodeId
from zerogo.store import webhooks
from zerogo.store.webhooks import RETRY_SECONDS, Delivery
from zerogo.test.controller.stock import ApiCase
from zerogo.test.store.stock import NOW

reactor: Any = installed
NODE = NodeId(bytes(10))
DELIVERY = Delivery(
    delivery_id="msg", webhook_id="w", url="http://127.0.0.1/", secret=b"s" * 32, body='{"type":"x"}', attempts=0
)


class WebhookSenderTests(ApiCase):
    def setUp(self) -> None:
        super().setUp()
        self.sender = self.desk.webhooks
        self.desk.links.events.observers.append(self.sender.note)
        self.sender.start()
        self.addCleanup(self.sender.stop)

    def make(self, *kinds: str) -> str:
        body = {"url": "https://example.net/hook", "kinds": list(kinds)}
        made = self.call("POST", "/webhooks", body).json
        self.clock.advance(LOOK_SECONDS)
        return str(made["id"])

    def look(self, seconds: float = LOOK_SECONDS) -> None:
        self.unix_now += seconds
        self.clock.advance(seconds)

    def outcome(self) -> str:
        return str(self.call("GET", "/webhooks").json["items"][0]["last_outcome"])

    def test_an_event_is_told_with_its_signature(self) -> None:
        self.make("member.online")
        self.desk.links.events.member_online(self.network, NODE)
        self.desk.links.events.member_offline(self.network, NODE)
        self.look()
        ((delivery, headers),) = self.posted
        told = json.loads(delivery.body)
        self.assertEqual((told["type"], told["data"]["nodes"]), ("member.online", [str(NODE)]))
        self.assertEqual((headers["webhook-id"], headers["webhook-timestamp"]), (delivery.delivery_id, "1800000002"))
        self.assertEqual(self.outcome(), "ok")

    def test_what_people_decide_is_told(self) -> None:
        self.make("member.*")
        member = self.join("ann")
        self.call("DELETE", f"/networks/{self.network}/members/{member.node_id}")
        self.look()
        self.assertIn("member.remove", [json.loads(delivery.body)["type"] for delivery, _ in self.posted])

    def test_a_failure_is_tried_again_under_the_same_id(self) -> None:
        self.make("member.online")
        self.post_answer = 503
        self.desk.links.events.member_online(self.network, NODE)
        self.look()
        self.assertEqual(self.outcome(), "the receiver answered 503")
        self.post_answer = OSError("no route")
        self.look(RETRY_SECONDS + LOOK_SECONDS)
        self.assertIn("no route", self.outcome())
        self.post_answer = 204
        self.look(3 * RETRY_SECONDS)
        self.assertEqual(self.outcome(), "ok")
        self.assertEqual(len({delivery.delivery_id for delivery, _ in self.posted}), 1)
        self.assertEqual(len(self.posted), 3)

    def test_410_ends_it(self) -> None:
        self.make("member.online")
        self.post_answer = 410
        self.desk.links.events.member_online(self.network, NODE)
        self.look()
        self.assertFalse(self.call("GET", "/webhooks").json["items"][0]["is_enabled"])

    def test_while_there_is_none_the_store_is_hardly_asked(self) -> None:
        asked: list[object] = []
        store: Any = self.desk.store
        read, self.sender._store = store.read, store
        self.patch(store, "read", lambda unit, *rest: asked.append(unit) or read(unit, *rest))
        self.clock.pump([LOOK_SECONDS] * int(ASK_SECONDS))
        self.assertLessEqual(len(asked), 3)
        self.assertEqual(set(asked), {webhooks.has_webhooks})


class SignatureTests(TestCase):
    def test_the_signature_is_that_of_the_specification(self) -> None:
        headers = headers_of(DELIVERY, NOW)
        expected = hmac.new(b"s" * 32, b'msg.1800000000.{"type":"x"}', hashlib.sha256).digest()
        self.assertEqual(headers["webhook-signature"], "v1," + base64.b64encode(expected).decode())
        self.assertEqual(secret_text(b"s" * 32), "whsec_" + base64.b64encode(b"s" * 32).decode())
        self.assertNotIn(repr(b"s" * 32), repr(DELIVERY))


class PostTests(TestCase):
    """Over loopback, to a server that is not ours to trust."""

    async def test_it_posts_and_reads_the_status_only(self) -> None:
        got: list[tuple[bytes, Any]] = []

        class Receiver(Resource):
            isLeaf = True

            def render_POST(self, request: Any) -> bytes:
                got.append((request.content.read(), request.getHeader("webhook-id")))
                request.setResponseCode(302)
                request.setHeader(b"location", b"http://127.0.0.1:1/")
                return b"x" * 1_000_000

        port = reactor.listenTCP(0, Site(Receiver()), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        url = f"http://127.0.0.1:{port.getHost().port}/hook"
        delivery = Delivery(delivery_id="msg", webhook_id="w", url=url, secret=b"s", body='{"type":"x"}', attempts=0)
        status = await ensureDeferred(make_post(reactor)(delivery, headers_of(delivery, NOW)))
        self.assertEqual((status, got), (302, [(b'{"type":"x"}', "msg")]))
