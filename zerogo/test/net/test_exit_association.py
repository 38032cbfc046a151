"""The socket of a UDP association is one of those that there is room for; datagrams are in `integration.test_exits`."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.internet.error import CannotListenError
from twisted.trial.unittest import SynchronousTestCase

from zerogo.exit.reason import Reason
from zerogo.ids import SocketAddress
from zerogo.net.exit_association import Association
from zerogo.net.exit_user import UserCrowd

GATEWAY = "192.0.2.250"


class Reactor:
    """Opens sockets, as long as `is_able`."""

    def __init__(self) -> None:
        self.is_able = True
        self.open = 0

    def listenUDP(self, port: int, protocol: object, interface: str, maxPacketSize: int) -> Any:
        if not self.is_able:
            raise CannotListenError(interface, port, OSError("no"))
        self.open += 1
        return SimpleNamespace(stopListening=self.stop, getHost=lambda: SimpleNamespace(port=5000))

    def stop(self) -> None:
        self.open -= 1


class AssociationTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor, self.crowd = Reactor(), UserCrowd(5, 3)
        self.ended: list[Any] = []

    def association(self, source: str = "192.0.2.1") -> Association:
        desk = SimpleNamespace(reactor=self.reactor, advertised="")
        user: Any = SimpleNamespace(crowd=self.crowd, source=source, desk=desk, close=lambda: None)
        driver = SimpleNamespace(own=lambda *_: None, reset=lambda *_: None)
        stream: Any = SimpleNamespace(edge=SimpleNamespace(driver=driver), number=1)
        return Association(user, stream, SimpleNamespace(closed=self.ended.append), GATEWAY)

    def test_its_socket_counts_as_a_connection_until_it_is_closed(self) -> None:
        ends = [self.association() for _ in range(3)]
        self.assertEqual([each.listen() for each in ends], [SocketAddress(GATEWAY, 5000)] * 3)
        self.assertEqual((self.crowd.connections, self.reactor.open), (3, 3))
        self.assertFalse(self.crowd.enter("192.0.2.1"))
        ends[0].close()
        ends[1].reset(Reason.OWNER, "")
        self.assertEqual((self.crowd.connections, self.reactor.open, self.ended), (1, 1, [None, Reason.OWNER]))
        ends[0].close()
        self.assertEqual((self.crowd.connections, self.crowd.enter("192.0.2.1")), (1, True))

    def test_one_that_there_is_no_room_for_has_no_socket(self) -> None:
        for number in range(5):
            self.assertIsNotNone(self.association(f"192.0.2.{number}").listen())
        refused = self.association("192.0.2.99")
        self.assertIsNone(refused.listen())
        refused.close()
        self.assertEqual((self.crowd.connections, self.reactor.open), (5, 5))

    def test_nobody_has_more_than_one_address_may_have(self) -> None:
        self.assertEqual([self.association().listen() is None for _ in range(4)], [False, False, False, True])

    def test_where_the_system_has_none_nothing_stays_counted(self) -> None:
        self.reactor.is_able = False
        refused = self.association()
        self.assertIsNone(refused.listen())
        refused.close()
        self.assertEqual(self.crowd.connections, 0)
