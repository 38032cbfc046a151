"""Tests for zerogo.agent.devices; those that need a TAP run as root only."""

import os
import socket

from attrs import evolve
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from zerogo.agent.devices import OpenedDevices, Place
from zerogo.config.agent import AgentConfig
from zerogo.dataplane.interface import Offloads
from zerogo.dataplane.tap import OpenedTap
from zerogo.errors import EnvironmentFault
from zerogo.ids import MacAddress, NodeId, SocketAddress

PLACE = Place(
    node_id=NodeId(bytes(10)),
    mac1_key=bytes(32),
    mac=MacAddress(b"\x02\x11\x22\x33\x44\x55"),
    mtu=1400,
    addresses=("10.222.0.2/24",),
)


class LocalAddressTests(SynchronousTestCase):
    def devices(self, ports: dict[int, int]) -> OpenedDevices:
        return OpenedDevices("zt0", None, [], Offloads(), ports)

    def test_an_address_has_the_port_of_its_family(self) -> None:
        devices = self.devices({socket.AF_INET: 9993, socket.AF_INET6: 9994})
        found = devices.local_addresses(["192.0.2.1", "2001:db8::1"])
        self.assertEqual(found, [SocketAddress("192.0.2.1", 9993), SocketAddress("2001:db8::1", 9994)])
        self.assertEqual(devices.ports(), [9993, 9994])

    def test_a_family_without_a_socket_is_left_out(self) -> None:
        self.assertEqual(self.devices({socket.AF_INET: 9993}).local_addresses(["2001:db8::1"]), [])

    def test_closing_closes_what_was_not_given_away(self) -> None:
        tap, other = os.pipe()
        self.addCleanup(os.close, other)
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        devices = OpenedDevices("zt0", OpenedTap(tap, "zt0"), [sock], Offloads(), {})
        devices.close()
        devices.close()
        self.assertRaises(OSError, os.fstat, tap)
        self.assertEqual(sock.fileno(), -1)


class KernelTests(SynchronousTestCase):
    def setUp(self) -> None:
        if os.geteuid() != 0 or not os.access("/dev/net/tun", os.R_OK | os.W_OK):
            raise SkipTest("needs root and /dev/net/tun")
        self.config = evolve(AgentConfig(), tap_device=f"zgt{os.getpid() % 100000}", port=0)

    def test_the_interface_is_there_with_its_addresses_until_its_descriptor_is_closed(self) -> None:
        devices = OpenedDevices.open(self.config)
        settings = devices.settle(PLACE)
        self.assertIn(devices.name, [name for _, name in socket.if_nameindex()])
        self.assertEqual((settings.addresses, settings.mtu), (["10.222.0.2"], 1400))
        devices.close()
        for descriptor in (settings.tap_fd, *settings.udp_fds):
            os.close(descriptor)
        self.assertNotIn(devices.name, [name for _, name in socket.if_nameindex()])

    def test_a_port_in_use_leaves_no_interface_behind(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("0.0.0.0", 0))
            config = evolve(self.config, port=taken.getsockname()[1])
            self.assertRaises(EnvironmentFault, OpenedDevices.open, config)
        self.assertNotIn(config.tap_device, [name for _, name in socket.if_nameindex()])
