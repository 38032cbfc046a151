from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.dataplane.interface import PathPlan, PeerPath
from zerogo.dataplane.messages import decode, encode
from zerogo.dataplane.place import CHANNEL, CHANNEL_HEADER_BYTES, ROUTE, SIDE, is_route
from zerogo.dataplane.places import endpoint_of, place_of, ways_of
from zerogo.ids import ChannelAddress, NodeId, RouteAddress, SideAddress, SocketAddress
from zerogo.turn.message import CHANNEL_HEADER_BYTES as RFC_CHANNEL_HEADER_BYTES

HERE = SocketAddress.of("192.0.2.1", 9993)
FAR = SocketAddress.of("2001:db8::1", 3478)
NODES = (NodeId(b"a" * 10), NodeId(b"b" * 10))


class PlaceTests(SynchronousTestCase):
    def test_each_endpoint_survives_a_message(self) -> None:
        for endpoint, place in (
            (HERE, ("192.0.2.1", 9993)),
            (SideAddress(5, FAR), (SIDE, 5, "2001:db8::1", 3478)),
            (ChannelAddress(FAR, 0x4001), (CHANNEL, 0x4001, "2001:db8::1", 3478)),
            (RouteAddress(NODES), (ROUTE, b"a" * 10, b"b" * 10)),
        ):
            self.assertEqual(place, place_of(endpoint))
            self.assertEqual(endpoint, endpoint_of(decode(encode(place))))
            self.assertEqual(isinstance(endpoint, RouteAddress), is_route(place))

    def test_a_plan_is_its_ways(self) -> None:
        here, far = PeerPath(HERE, 1400), PeerPath(FAR, 1300)
        plan = PathPlan(here, far, (PeerPath(RouteAddress(NODES), 1200),), here, far)
        near = place_of(HERE), 1400
        expected = (near, (place_of(FAR), 1300), ((place_of(RouteAddress(NODES)), 1200),), near, (place_of(FAR), 1300))
        self.assertEqual(expected, ways_of(plan))
        self.assertEqual((None, (near, None, (), None, None)), (ways_of(None), ways_of(PathPlan.by(HERE, 1400))))

    def test_the_channel_header_is_that_of_the_relay(self) -> None:
        self.assertEqual(RFC_CHANNEL_HEADER_BYTES, CHANNEL_HEADER_BYTES)
