"""Tests for zerogo.net.addresses."""

from collections.abc import Sequence

from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from zerogo.errors import EnvironmentFault
from zerogo.net import netlink
from zerogo.net.addresses import (
    ADDRESSES_LIMIT,
    DEBOUNCE_SECONDS,
    AddressWatch,
    Interfaces,
    choose_addresses,
    main_address,
    read_interfaces,
)
from zerogo.net.netlink import InterfaceAddress, Link, Route

UP = netlink.LINK_UP | netlink.LINK_RUNNING


def interfaces(*rows: tuple[str, str, str], default: str = "", flags: int = 0, scope: int = 0) -> Interfaces:
    """Interfaces of (name, kind, address); the default route goes through the one named `default`."""
    links = [Link(index, name, UP, kind) for index, (name, kind, _) in enumerate(rows)]
    addresses = [InterfaceAddress(index, row[2], 24, scope, flags) for index, row in enumerate(rows)]
    routes = [Route(link.index, addresses[link.index].host) for link in links if link.name == default]
    return Interfaces(links=links, addresses=addresses, default_routes=routes)


class ChooseTests(SynchronousTestCase):
    def test_the_interface_of_the_default_route_comes_first(self) -> None:
        found = interfaces(("eth0", "", "10.0.0.1"), ("wlan0", "", "192.168.1.7"), default="wlan0")
        self.assertEqual(choose_addresses(found), ["192.168.1.7", "10.0.0.1"])

    def test_hardware_comes_before_virtual_links(self) -> None:
        found = interfaces(("veth1", "veth", "10.9.0.1"), ("br-lan", "bridge", "192.168.1.1"), ("eth0", "", "10.0.0.1"))
        self.assertEqual(choose_addresses(found), ["10.0.0.1", "10.9.0.1", "192.168.1.1"])

    def test_bridges_of_container_hosts_and_other_tunnels_are_not_offered(self) -> None:
        found = interfaces(
            ("docker0", "bridge", "172.17.0.1"),
            ("br-0123456789ab", "bridge", "172.18.0.1"),
            ("tun0", "tun", "10.8.0.2"),
            ("wg0", "wireguard", "10.7.0.2"),
            ("eth0", "", "192.0.2.5"),
        )
        self.assertEqual(choose_addresses(found), ["192.0.2.5"])

    def test_a_tunnel_with_the_default_route_is_offered(self) -> None:
        found = interfaces(("tun0", "tun", "10.8.0.2"), ("eth0", "", "192.0.2.5"), default="tun0")
        self.assertEqual(choose_addresses(found), ["10.8.0.2", "192.0.2.5"])

    def test_a_tunnel_is_offered_where_there_is_nothing_else(self) -> None:
        self.assertEqual(choose_addresses(interfaces(("tun0", "tun", "10.8.0.2"))), ["10.8.0.2"])

    def test_our_own_tap_is_never_offered(self) -> None:
        found = interfaces(("zt0", "tun", "10.144.0.2"), default="zt0")
        self.assertEqual(choose_addresses(found, ["zt0"]), [])

    def test_what_the_configuration_ignores_is_never_offered(self) -> None:
        found = interfaces(("lan3", "", "10.0.0.1"), ("eth0", "", "10.0.0.2"), default="lan3")
        self.assertEqual(choose_addresses(found, ["lan*"]), ["10.0.0.2"])

    def test_tentative_failed_deprecated_and_link_local_addresses_are_not_offered(self) -> None:
        for flags in (netlink.ADDRESS_TENTATIVE, netlink.ADDRESS_DAD_FAILED, netlink.ADDRESS_DEPRECATED):
            self.assertEqual(choose_addresses(interfaces(("eth0", "", "2001:db8::1"), flags=flags)), [])
        self.assertEqual(choose_addresses(interfaces(("eth0", "", "fe80::1"), scope=253)), [])

    def test_links_that_are_down_or_loopback_are_not_offered(self) -> None:
        for flags in (0, netlink.LINK_UP, UP | netlink.LINK_LOOPBACK):
            found = Interfaces(
                links=[Link(1, "eth0", flags)],
                addresses=[InterfaceAddress(1, "192.0.2.5", 24, 0, 0)],
                default_routes=[],
            )
            self.assertEqual(choose_addresses(found), [])

    def test_the_number_of_addresses_is_bounded(self) -> None:
        found = interfaces(*[(f"eth{index}", "", f"10.0.0.{index}") for index in range(100)])
        self.assertEqual(len(choose_addresses(found)), ADDRESSES_LIMIT)

    def test_the_main_address_is_the_source_of_the_default_route(self) -> None:
        found = interfaces(("eth0", "", "10.0.0.1"), ("wlan0", "", "192.168.1.7"), default="wlan0")
        self.assertEqual(main_address(found), "192.168.1.7")
        self.assertEqual(main_address(interfaces(("eth0", "", "10.0.0.1"))), "10.0.0.1")
        self.assertIsNone(main_address(interfaces()))

    def test_the_kernel_of_this_machine_can_be_asked(self) -> None:
        self.assertIn("lo", [link.name for link in read_interfaces().links])


class WatchTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.now = interfaces(("eth0", "", "10.0.0.1"))
        self.reads = 0
        self.told: list[Sequence[str]] = []
        self.watch = AddressWatch(self.reactor, self.reactor, self.told.append, read=self.read)
        self.watch.start()
        self.addCleanup(self.watch.stop)

    def read(self) -> Interfaces:
        self.reads += 1
        if self.now is None:
            raise EnvironmentFault("no kernel today")
        return self.now

    def test_the_addresses_are_told_at_start(self) -> None:
        self.assertEqual(self.told, [["10.0.0.1"]])
        self.assertEqual(self.reactor.getReaders(), [self.watch])

    def test_a_flurry_of_notifications_is_read_once(self) -> None:
        self.now = interfaces(("eth0", "", "10.0.0.2"))
        for _ in range(12):
            self.watch.notified()
        self.reactor.advance(DEBOUNCE_SECONDS)
        self.assertEqual((self.reads, self.told), (2, [["10.0.0.1"], ["10.0.0.2"]]))

    def test_what_did_not_change_is_not_told(self) -> None:
        self.watch.notified()
        self.reactor.advance(1)
        self.assertEqual((self.reads, self.told), (2, [["10.0.0.1"]]))

    def test_a_failed_reading_keeps_what_is_known(self) -> None:
        self.now = None  # type: ignore[assignment]
        self.watch.notified()
        self.reactor.advance(1)
        self.assertEqual(self.told, [["10.0.0.1"]])

    def test_an_empty_socket_is_no_error(self) -> None:
        self.watch.doRead()
        self.reactor.advance(1)
        self.assertEqual(self.reads, 2)

    def test_stop_lets_go_of_the_socket_and_the_timer(self) -> None:
        self.watch.notified()
        self.watch.stop()
        self.assertEqual((self.reactor.getReaders(), self.reactor.getDelayedCalls()), ([], []))
        self.assertEqual(self.watch.fileno(), -1)
