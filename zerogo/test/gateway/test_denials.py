"""Addresses that are denied: found however they are written, for as long as was said, live streams included."""

from __future__ import annotations

import ipaddress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from zerogo.control.gateway_messages import DeniedRange
from zerogo.exit.account import Account
from zerogo.exit.greeting import Join, Refusal
from zerogo.exit.reason import Reason
from zerogo.gateway.denials import Denials
from zerogo.ids import NodeId
from zerogo.net.exit_user import UserCrowd, UserFactory
from zerogo.store import exit_denials, exit_users
from zerogo.test.gateway.controlled_pair import EDGE, HASH, ControlledCase
from zerogo.test.net.exit_link import Transport
from zerogo.test.store.stock import NOW


class DenialsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.now = 1000.0
        self.denials = Denials([ipaddress.ip_network("192.0.2.0/24")], lambda: self.now)

    def test_ranges_of_both_families_hold_and_an_ipv4_address_in_an_ipv6_one_is_itself(self) -> None:
        self.denials.set([DeniedRange("2001:db8::/64"), DeniedRange("198.51.100.7/32")])
        for host in ("192.0.2.255", "::ffff:192.0.2.1", "2001:db8::1", "198.51.100.7"):
            self.assertTrue(self.denials.holds(host), host)
        for host in ("192.0.3.0", "198.51.100.8", "2001:db8:0:1::1", "", "nonsense"):
            self.assertFalse(self.denials.holds(host), host)

    def test_a_range_ends_at_its_time_and_what_is_no_range_is_passed_over(self) -> None:
        self.denials.set([DeniedRange("203.0.113.0/24", 1010.0), DeniedRange("nonsense")])
        self.assertTrue(self.denials.holds("203.0.113.9"))
        self.now = 1010.0
        self.assertFalse(self.denials.holds("203.0.113.9"))
        self.denials.set(())
        self.assertTrue(self.denials.holds("192.0.2.1"))

    @given(st.lists(st.ip_addresses().flatmap(lambda a: st.tuples(st.just(a), st.integers(0, a.max_prefixlen)))))
    @settings(deadline=None, max_examples=100)
    def test_it_is_in_one_of_the_ranges_or_it_is_not(self, chosen: list[tuple[Any, int]]) -> None:
        networks = [ipaddress.ip_network((address, length), strict=False) for address, length in chosen]
        denials = Denials(networks, lambda: 0.0)
        for host in ("192.0.2.1", "10.0.0.1", "2606:4700::1", *(str(network[0]) for network in networks)):
            address = ipaddress.ip_address(host)
            if address.version == 4:
                self.assertEqual(denials.holds(host), any(address in network for network in networks))


class DeniedFromTheControllerTests(ControlledCase):
    def setUp(self) -> None:
        super().setUp()
        account = Account(name="alice", password_hash=HASH)
        self.database.write(exit_users.create_user, account, None, "tester", NOW)
        self.one = self.gateway()

    def deny(self, network: str, lifetime: float | None = None) -> str:
        """As the API does."""
        made = self.database.write(
            exit_denials.create_denial,
            ipaddress.ip_network(network),
            "test",
            lifetime,
            "tester",
            self.rng,
            self.unix_time(),
        )
        self.exits.settings_changed()
        self.settle()
        return made.denial_id

    def test_streams_from_there_end_at_once_and_others_go_on(self) -> None:
        live = self.one.open()
        self.deny("198.18.0.0/15")
        self.assertIsNone(live.killed)
        self.deny("192.0.2.0/24")
        self.assertIs(live.killed, Reason.DENIED)

    def test_edges_from_there_are_refused_until_it_is_over(self) -> None:
        self.deny("198.51.100.0/24", 60.0)
        joined = self.one.hub.join(NodeId(b"x" * 10), Join(), EDGE.address)
        answer, _ = self.successResultOf(joined)
        self.assertIsInstance(answer, Refusal)
        self.assertFalse(answer.is_final)
        self.wait(61.0)
        self.assertFalse(self.one.denials.holds(EDGE.address))

    def test_another_controllers_denial_comes_within_a_second(self) -> None:
        live = self.one.open()
        self.database.write(
            exit_denials.create_denial, ipaddress.ip_network("192.0.2.0/24"), "", None, "other", self.rng, NOW
        )
        self.wait(1.5)
        self.assertIs(live.killed, Reason.DENIED)

    def test_a_connection_from_there_is_broken_off_before_it_says_anything_and_while_it_idles(self) -> None:
        factory = UserFactory(self.one.desk, {}, frozenset(), UserCrowd(10, 10))
        first, second = Connection(self.clock), Connection(self.clock)
        for connection in (first, second):
            protocol: Any = factory.buildProtocol(IPv4Address("TCP", "192.168.1.1", 5000))
            if connection is second:
                self.deny("192.168.1.1/32")
            protocol.makeConnection(connection)
        self.assertTrue(second.is_aborted)
        self.assertFalse(first.is_aborted)
        factory.close_denied()
        self.assertTrue(first.is_aborted)


class Connection(Transport):
    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock

    def setTcpNoDelay(self, is_on: bool) -> None:
        """As wanted."""
