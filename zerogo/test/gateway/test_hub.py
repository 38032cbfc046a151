"""Edges are taken in, come back to their tunnel, are told from each other, and are sent away."""

from __future__ import annotations

import random

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from zerogo.exit.choose import Demand, Policy
from zerogo.exit.frames import Command
from zerogo.exit.grant import Grant
from zerogo.exit.greeting import Join, Refusal, Welcome
from zerogo.exit.target import Target
from zerogo.exit.tunnel import GRACE_SECONDS, PING
from zerogo.gateway.hub import Hub
from zerogo.gateway.tokens import TokenEdges
from zerogo.ids import NodeId
from zerogo.net.exit_tunnel import TunnelDriver
from zerogo.test.net.exit_link import Carrier, Stream

SECRET = bytes(20)
ADA, BEA = NodeId(b"a" * 10), NodeId(b"b" * 10)
DEMAND = Demand(command=Command.CONNECT, target=Target("example.net", 443))


class HubTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.hub = Hub(TokenEdges(SECRET, [str(BEA)]), Policy.RANDOM, self.clock, random.Random(5).randbytes)

    def join(self, edge: NodeId = ADA, **keys: object) -> tuple[object, TunnelDriver | None]:
        join = Join(secret=SECRET, **keys)  # type: ignore[arg-type]
        return self.successResultOf(self.hub.join(edge, join, "192.0.2.9"))

    def come(self) -> tuple[Welcome, TunnelDriver, Carrier]:
        welcome, driver = self.join()
        assert isinstance(welcome, Welcome) and driver is not None
        carrier = Carrier()
        driver.attach(carrier, 0)
        return welcome, driver, carrier

    def chosen(self) -> str | None:
        tunnel = self.hub.edge_for(Grant(user="u"), DEMAND)
        return None if tunnel is None else tunnel.state.profile.edge

    def test_an_edge_is_taken_and_told_where_it_is_seen(self) -> None:
        welcome, _, _ = self.come()
        self.assertEqual((welcome.seen, welcome.is_resumed, self.chosen()), ("192.0.2.9", False, str(ADA)))

    def test_a_wrong_secret_is_refused_for_good_and_a_denied_edge_may_ask_again(self) -> None:
        for edge, secret, final in ((ADA, b"x" * 20, True), (ADA, None, True), (BEA, SECRET, False)):
            answer, driver = self.successResultOf(self.hub.join(edge, Join(secret=secret), "192.0.2.9"))
            assert isinstance(answer, Refusal)
            self.assertEqual((answer.is_final, answer.retry_seconds), (final, 0.0 if final else 60.0))
            self.assertIsNone(driver)

    def test_an_edge_without_its_carrier_takes_no_streams_and_finds_its_tunnel_again(self) -> None:
        welcome, driver, carrier = self.come()
        self.hub.carrier_lost(driver, carrier)
        self.assertIsNone(self.chosen())
        again, same = self.join(tunnel=welcome.tunnel)
        assert isinstance(again, Welcome)
        self.assertTrue(again.is_resumed)
        self.assertIs(same, driver)
        self.assertEqual(self.chosen(), str(ADA))

    def test_a_connection_that_takes_over_ends_the_one_before_it(self) -> None:
        welcome, driver, carrier = self.come()
        _, same = self.join(tunnel=welcome.tunnel)
        self.assertIs(same, driver)
        self.assertIn("took over", carrier.dropped)
        self.hub.carrier_lost(driver, carrier)
        self.assertEqual(self.chosen(), str(ADA))

    def test_a_tunnel_is_of_its_edge_alone_and_positions_must_fit(self) -> None:
        welcome, driver, _ = self.come()
        other, _ = self.successResultOf(
            self.hub.join(NodeId(b"c" * 10), Join(secret=SECRET, tunnel=welcome.tunnel), "")
        )
        assert isinstance(other, Welcome)
        self.assertFalse(other.is_resumed)
        again, fresh = self.join(tunnel=welcome.tunnel, received=99)
        assert isinstance(again, Welcome)
        self.assertFalse(again.is_resumed)
        self.assertIsNot(fresh, driver)

    def test_an_edge_that_does_not_come_back_is_forgotten_with_its_streams(self) -> None:
        _, driver, carrier = self.come()
        stream = Stream()
        driver.open(Command.CONNECT, DEMAND.target, stream)
        self.hub.carrier_lost(driver, carrier)
        self.clock.advance(GRACE_SECONDS + 1)
        self.assertEqual((len(self.hub.pool), len(stream.happened), list(self.hub.tunnels)), (0, 1, []))

    def test_an_edge_that_does_not_answer_is_left_alone_until_it_does(self) -> None:
        _, driver, _ = self.come()
        driver.open(Command.CONNECT, DEMAND.target, Stream())
        self.clock.pump([0.1] * 22)
        self.assertEqual(self.hub.explain(DEMAND).excluded, {"silent": 1})
        driver.receive(PING + bytes(8))
        self.assertEqual(self.hub.explain(DEMAND).excluded, {})

    def test_a_kick_ends_it_and_a_drain_takes_no_more(self) -> None:
        _, _, carrier = self.come()
        self.assertTrue(self.hub.kick(str(ADA), "because"))
        self.assertFalse(self.hub.kick(str(ADA), "because"))
        self.assertEqual((carrier.dropped, self.chosen()), ("because", None))
        self.hub.drain()
        answer, _ = self.join()
        assert isinstance(answer, Refusal)
        self.assertFalse(answer.is_final)
        self.assertGreater(answer.retry_seconds, 0)
