"""Port mapping against gateways of all kinds, in virtual time."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.ids import SocketAddress
from zerogo.portmap import natpmp, pcp, ssdp
from zerogo.portmap.lease import MappingProtocol, Site, Transport
from zerogo.portmap.mapper import (
    CHOICE_SECONDS,
    RETRY_SECONDS,
    Closed,
    MappingFound,
    MappingLost,
    PortMapper,
    Standing,
)
from zerogo.test.portmap.gateways import GATEWAY, INNER, OUTER, SITE, GatewayInMemory, Wire

FOUND = SocketAddress(OUTER, INNER.port)


def wire(**switches: object) -> Wire:
    """A mapper that has just begun, and a gateway."""
    made = Wire(GatewayInMemory(**switches))  # type: ignore[arg-type]
    made.begin()
    return made


class ChoiceTests(SynchronousTestCase):
    """Which protocol maps."""

    def test_pcp_is_taken_as_soon_as_it_answers(self) -> None:
        made = wire()
        made.run(0.02)
        self.assertEqual(made.events(), [MappingFound(MappingProtocol.PCP, FOUND)])
        self.assertEqual(made.gateway.mappings, {9993: 9993})

    def test_natpmp_is_taken_at_once_where_the_gateway_says_that_it_has_no_pcp(self) -> None:
        made = wire(speaks_pcp=False)
        made.run(0.02)
        self.assertEqual(made.events(), [MappingFound(MappingProtocol.NAT_PMP, FOUND)])

    def test_upnp_is_taken_when_the_others_had_their_time(self) -> None:
        made = wire(speaks_pcp=False, speaks_natpmp=False)
        made.run(CHOICE_SECONDS - 0.01)
        self.assertEqual(made.events(), [])
        made.run(0.03)
        self.assertEqual(made.events(), [MappingFound(MappingProtocol.UPNP, FOUND)])

    def test_all_that_a_gateway_speaks_is_known_afterwards(self) -> None:
        for switches in ((True, True, True), (False, True, False), (True, False, True), (False, False, False)):
            made = wire(speaks_pcp=switches[0], speaks_natpmp=switches[1], speaks_upnp=switches[2])
            made.run(3.0)
            standing = made.mapper.status(made.now).protocols
            found = tuple(standing[each].standing is Standing.PRESENT for each in MappingProtocol)
            self.assertEqual(found, switches)
            self.assertTrue(made.mapper.is_settled)

    def test_one_that_declines_is_followed_by_the_next(self) -> None:
        made = wire(pcp_result=2)
        made.run(1.0)
        self.assertEqual(made.events(), [MappingFound(MappingProtocol.NAT_PMP, FOUND)])
        made = wire(pcp_result=2, natpmp_result=2)
        made.run(1.0)
        self.assertEqual(made.events(), [MappingFound(MappingProtocol.UPNP, FOUND)])
        self.assertIn("owner", made.mapper.status(made.now).protocols[MappingProtocol.PCP].reason)

    def test_address_of_no_use_is_none(self) -> None:
        for outer in ("0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "169.254.1.1"):
            made = wire(outer=outer)
            made.run(5.0)
            self.assertEqual(made.events(), [], outer)
            self.assertIsNone(made.mapper.status(made.now).outer)

    def test_without_any_all_is_tried_again_later(self) -> None:
        made = wire(speaks_pcp=False, speaks_natpmp=False, speaks_upnp=False)
        made.run(RETRY_SECONDS * 0.8)
        sent = len(made.sent)
        made.gateway.speaks_pcp = True
        made.run(RETRY_SECONDS * 0.4)
        self.assertLess(sent, 24)
        self.assertEqual(made.events(), [MappingFound(MappingProtocol.PCP, FOUND)])

    def test_network_event_tries_again_at_once(self) -> None:
        made = wire(speaks_pcp=False, speaks_natpmp=False, speaks_upnp=False)
        made.run(5.0)
        made.gateway.speaks_natpmp = True
        made.begin()
        made.run(0.3)
        self.assertEqual(made.events(), [MappingFound(MappingProtocol.NAT_PMP, FOUND)])


class LeaseTests(SynchronousTestCase):
    """How a mapping is kept, and lost."""

    def test_mapping_is_renewed_at_half_of_its_lease(self) -> None:
        for switches in ({}, {"speaks_pcp": False}):
            made = wire(lifetime=1000, **switches)
            made.run(1.0)
            made.events()
            before = [each for each in made.sent if _is_map(each.payload)]
            made.run(470)
            self.assertEqual([each for each in made.sent if _is_map(each.payload)], before)
            made.run(60)
            self.assertEqual(len([each for each in made.sent if _is_map(each.payload)]), len(before) + 1)
            made.run(5000)
            self.assertEqual(made.events(), [])

    def test_silent_gateway_is_asked_again_until_the_lease_ends(self) -> None:
        made = wire(lifetime=1000)
        made.run(1.0)
        made.events()
        made.is_cut = True
        made.run(990)
        self.assertEqual(made.events(), [])
        made.run(20)
        self.assertEqual(len(made.events()), 1)
        self.assertIsNone(made.mapper.status(made.now).outer)

    def test_gateway_that_comes_back_in_time_costs_nothing(self) -> None:
        made = wire(lifetime=1000)
        made.run(1.0)
        made.events()
        made.is_cut = True
        made.run(700)
        made.is_cut = False
        made.run(3000)
        self.assertEqual(made.events(), [])

    def test_gateway_that_began_anew_is_asked_again(self) -> None:
        for switches in ({}, {"speaks_pcp": False}):
            made = wire(**switches)
            made.run(1.0)
            made.gateway.reboot(made.now)
            made.run(70.0)
            self.assertEqual(made.gateway.mappings, {9993: 9993})

    def test_announcement_is_believed_of_the_gateway_only(self) -> None:
        made = wire()
        made.run(10.0)
        made.gateway.reboot(made.now)
        announcement = bytes((2, 0x80, 0, 0)) + bytes(4) + bytes(4) + bytes(12)
        made.hear(announcement, host="192.168.7.66")
        made.run(5.0)
        self.assertEqual(made.gateway.mappings, {})
        made.hear(announcement)
        made.run(1.5)
        self.assertEqual(made.gateway.mappings, {9993: 9993})

    def test_flood_of_announcements_makes_few_requests(self) -> None:
        made = wire()
        made.run(10.0)
        sent = len(made.sent)
        for number in range(500):
            made.hear(bytes((2, 0x80, 0, 0)) + bytes(4) + (number % 2 * 9000).to_bytes(4, "big") + bytes(12))
            made.run(0.1)
        self.assertLess(len(made.sent) - sent, 20)

    def test_new_outer_address_is_told(self) -> None:
        made = wire(speaks_pcp=False)
        made.run(1.0)
        made.events()
        made.gateway.outer = "203.0.113.2"
        made.run(70.0)
        self.assertEqual(
            made.events(), [MappingFound(MappingProtocol.NAT_PMP, SocketAddress("203.0.113.2", INNER.port))]
        )

    def test_another_network_voids_the_mapping(self) -> None:
        made = wire()
        made.run(1.0)
        made.events()
        made.begin(None)
        self.assertEqual([type(each) for each in made.events()], [MappingLost])
        self.assertIsNone(made.mapper.next_timer())
        made.begin(Site(GATEWAY, SocketAddress("192.168.7.9", 9993)))
        made.run(0.1)
        self.assertEqual([type(each) for each in made.events()], [MappingFound])

    def test_upnp_is_renewed_too(self) -> None:
        made = wire(speaks_pcp=False, speaks_natpmp=False)
        made.run(1.0)
        made.gateway.reboot(made.now)
        made.run(700)
        self.assertEqual(made.gateway.mappings, {9993: 9993})


class CloseTests(SynchronousTestCase):
    """What is left behind: nothing."""

    def test_each_protocol_removes_its_mapping(self) -> None:
        for switches in ({}, {"speaks_pcp": False}, {"speaks_pcp": False, "speaks_natpmp": False}):
            made = wire(**switches)
            made.run(1.0)
            self.assertEqual(len(made.gateway.mappings), 1)
            made.events()
            made.close()
            made.run(0.1)
            self.assertEqual((made.gateway.mappings, made.events()), ({}, [Closed()]))
            self.assertIsNone(made.mapper.next_timer())

    def test_silent_gateway_is_not_waited_for_long(self) -> None:
        made = wire()
        made.run(1.0)
        made.is_cut = True
        made.events()
        made.close()
        made.run(1.1)
        self.assertEqual(made.events(), [Closed()])

    def test_without_a_mapping_it_is_over_at_once(self) -> None:
        for site in (None, SITE):
            made = Wire(GatewayInMemory(speaks_pcp=False, speaks_natpmp=False, speaks_upnp=False))
            made.begin(site)
            made.close()
            made.close()
            self.assertEqual(made.events(), [Closed()])
            made.begin()
            self.assertEqual(made.events(), [])


class _Confused(GatewayInMemory):
    """Maps TCP, and says that it has mapped UDP."""

    def answer(self, data: bytes, port: int, now: float) -> bytes | None:
        said = bytearray(super().answer(data, port, now) or b"")
        if said[:2] == bytes((natpmp.VERSION, 0x82)):
            said[1] = 0x81
        elif said[:2] == bytes((pcp.VERSION, 0x81)):
            said[36] = 17
        return bytes(said)


class TcpTests(SynchronousTestCase):
    """A TCP port is mapped as a UDP port is, and has nothing to do with one of the same number."""

    place = Site(GATEWAY, SocketAddress(INNER.host, 8443), Transport.TCP)

    def test_each_protocol_maps_keeps_and_removes_it(self) -> None:
        for switches in ({}, {"speaks_pcp": False}, {"speaks_pcp": False, "speaks_natpmp": False}):
            made = Wire(GatewayInMemory(**switches))
            made.gateway.mappings[8443] = 9
            made.begin(self.place)
            made.run(1.0)
            self.assertEqual(made.gateway.tcp_mappings, {8443: 8443})
            (found,) = made.events()
            assert isinstance(found, MappingFound)
            self.assertEqual(found.outer, SocketAddress(OUTER, 8443))
            made.gateway.tcp_mappings.clear()
            made.run(4000)
            self.assertEqual(made.gateway.tcp_mappings, {8443: 8443})
            made.close()
            made.run(0.1)
            self.assertEqual((made.gateway.tcp_mappings, made.gateway.mappings), ({}, {8443: 9}))

    def test_answer_about_udp_is_none(self) -> None:
        for protocol in (MappingProtocol.PCP, MappingProtocol.NAT_PMP):
            made = Wire(_Confused(), PortMapper(bytes, (protocol,)))
            made.begin(self.place)
            made.run(5.0)
            self.assertEqual((len(made.gateway.tcp_mappings), made.events()), (1, []))

    def test_nonce_of_one_is_not_that_of_the_other(self) -> None:
        made = [Wire(GatewayInMemory(), PortMapper(bytes, nonce_key=bytes(32))) for _ in range(2)]
        for each, transport in zip(made, Transport, strict=True):
            each.begin(Site(GATEWAY, INNER, transport))
            each.run(1.0)
        nonces = [next(sent.payload[24:36] for sent in each.sent if _is_map(sent.payload)) for each in made]
        self.assertNotEqual(*nonces)


class LowPortTests(SynchronousTestCase):
    """Gateways that choose the outer port are spared what most of them refuse."""

    def test_low_port_is_asked_for_by_upnp_alone(self) -> None:
        for transport in Transport:
            made = Wire(GatewayInMemory())
            made.begin(Site(GATEWAY, SocketAddress(INNER.host, 443), transport))
            made.run(5.0)
            self.assertEqual(made.events(), [MappingFound(MappingProtocol.UPNP, SocketAddress(OUTER, 443))])
            self.assertEqual([sent for sent in made.sent if sent.payload[:1] != b"M"], [])
            self.assertTrue(made.mapper.is_settled)

    def test_without_upnp_it_is_not_asked_for(self) -> None:
        made = Wire(GatewayInMemory(), PortMapper(bytes, (MappingProtocol.PCP, MappingProtocol.NAT_PMP)))
        made.begin(Site(GATEWAY, SocketAddress(INNER.host, 1023)))
        made.run(5.0)
        self.assertEqual((made.events(), made.sent, made.mapper.is_settled), ([], [], True))


class HostileTests(SynchronousTestCase):
    """A gateway, or whoever speaks in its name, may say anything."""

    def test_only_the_gateway_is_ever_talked_to(self) -> None:
        for location, control in (
            ("http://10.0.0.1/rootDesc.xml", "/ctl"),
            (f"http://{GATEWAY}:5000/rootDesc.xml", "http://10.0.0.1/ctl"),
        ):
            made = wire(speaks_pcp=False, speaks_natpmp=False, location=location, control=control)
            made.run(5.0)
            self.assertEqual({each.server.host for each in made.calls} - {GATEWAY}, set())
            self.assertEqual({str(each.destination) for each in made.sent if _host(each) != GATEWAY}, {str(ssdp.GROUP)})
            self.assertEqual(made.events(), [])

    def test_answer_to_another_nonce_is_none(self) -> None:
        made = Wire(GatewayInMemory())
        made.is_cut = True
        made.begin()
        made.hear(bytes((2, 0x80, 0, 0)) + bytes(20))
        request = next(each.payload for each in made.sent if each.payload[:2] == b"\2\1")
        forged = bytes((2, 0x81, 0, 0)) + bytes(20) + bytes(12) + request[36:]
        made.hear(forged)
        self.assertEqual(made.events(), [])

    @settings(deadline=None, max_examples=100)
    @given(st.lists(st.tuples(st.binary(max_size=64), st.sampled_from([natpmp.PORT, ssdp.PORT, 5])), max_size=20))
    def test_nothing_that_comes_in_raises_or_makes_much_traffic(self, datagrams: list[tuple[bytes, int]]) -> None:
        heads = [bytes((2, 0x81)), bytes((2, 0x80)), bytes((0, 0x80)), bytes((0, 0x81)), b"HTTP/1.1 200 OK\r\n"]
        made = Wire(GatewayInMemory(speaks_pcp=False, speaks_natpmp=False, speaks_upnp=False))
        made.begin()
        for number, (data, port) in enumerate(datagrams):
            made.hear(heads[number % len(heads)] + data, port)
            made.hear(data, port)
        made.run(5.0)
        self.assertLess(len(made.sent), 40)


class NonceTests(SynchronousTestCase):
    """By its nonce a mapping is ours, also after a crash."""

    def nonce(self, key: bytes | None, seed: int, site: Site = SITE) -> bytes:
        made = Wire(GatewayInMemory(), PortMapper(random.Random(seed).randbytes, nonce_key=key))
        made.begin(site)
        made.run(1.0)
        return next(each.payload[24:36] for each in made.sent if each.payload[:2] == bytes((pcp.VERSION, 1)))

    def test_one_key_makes_one_nonce_for_a_place(self) -> None:
        key = bytes(range(32))
        self.assertEqual(self.nonce(key, 1), self.nonce(key, 2))
        self.assertNotEqual(self.nonce(key, 1), self.nonce(bytes(32), 1))
        self.assertNotEqual(self.nonce(key, 1), self.nonce(key, 1, Site(GATEWAY, SocketAddress("192.168.7.3", 9993))))

    def test_without_a_key_it_is_drawn(self) -> None:
        self.assertNotEqual(self.nonce(None, 1), self.nonce(None, 2))


class SettingTests(SynchronousTestCase):
    """Only what is wanted is tried."""

    def test_protocols_can_be_left_out(self) -> None:
        made = Wire(GatewayInMemory(), PortMapper(random.Random(1).randbytes, (MappingProtocol.NAT_PMP,)))
        made.begin()
        made.run(1.0)
        self.assertEqual(made.events(), [MappingFound(MappingProtocol.NAT_PMP, FOUND)])
        self.assertEqual(made.calls, [])


def _is_map(payload: bytes) -> bool:
    return payload[:2] in (bytes((pcp.VERSION, 1)), bytes((natpmp.VERSION, 1)))


def _host(transmit: object) -> str:
    destination = transmit.destination  # type: ignore[attr-defined]
    assert isinstance(destination, SocketAddress)
    return destination.host
