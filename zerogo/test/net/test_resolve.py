"""Tests for zerogo.net.resolve."""

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.trial.unittest import SynchronousTestCase

from zerogo.ids import SocketAddress
from zerogo.net.resolve import PER_NAME_LIMIT, resolve_places


class Resolver:
    """A reactor with a resolver that knows some names, or answers later."""

    def __init__(self, **names: list[object]) -> None:
        self.names = names
        self.nameResolver = self
        self.asked: list[str] = []

    def resolveHostName(self, receiver, hostName, portNumber):  # type: ignore[no-untyped-def]
        self.asked.append(hostName)
        for address in self.names.get(hostName, ()):
            receiver.addressResolved(address)
        receiver.resolutionComplete()


class ResolveTests(SynchronousTestCase):
    def test_an_ip_address_is_not_looked_up(self) -> None:
        resolver = Resolver()
        found = self.successResultOf(resolve_places(resolver, [("192.0.2.1", 3478), ("2001:db8::1", 3478)]))
        self.assertEqual(found, [SocketAddress("192.0.2.1", 3478), SocketAddress("2001:db8::1", 3478)])
        self.assertEqual(resolver.asked, [])

    def test_a_name_gives_all_its_addresses_with_our_port(self) -> None:
        resolver = Resolver(stun=[IPv4Address("TCP", "192.0.2.1", 0), IPv6Address("TCP", "2001:db8::1", 0)])
        found = self.successResultOf(resolve_places(resolver, [("stun", 19302)]))
        self.assertEqual(found, [SocketAddress("192.0.2.1", 19302), SocketAddress("2001:db8::1", 19302)])

    def test_an_unknown_name_gives_nothing_and_hides_nothing(self) -> None:
        found = self.successResultOf(resolve_places(Resolver(), [("nowhere", 1), ("192.0.2.1", 3478)]))
        self.assertEqual(found, [SocketAddress("192.0.2.1", 3478)])

    def test_an_address_comes_once(self) -> None:
        resolver = Resolver(stun=[IPv4Address("TCP", "192.0.2.1", 0)] * 2)
        found = self.successResultOf(resolve_places(resolver, [("stun", 3478), ("192.0.2.1", 3478)]))
        self.assertEqual(found, [SocketAddress("192.0.2.1", 3478)])

    def test_a_name_with_very_many_addresses_is_cut(self) -> None:
        resolver = Resolver(stun=[IPv4Address("TCP", f"192.0.2.{index}", 0) for index in range(50)])
        self.assertEqual(len(self.successResultOf(resolve_places(resolver, [("stun", 3478)]))), PER_NAME_LIMIT)
