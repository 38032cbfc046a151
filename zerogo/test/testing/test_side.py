"""Side sockets of a simulated host."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.ids import SideAddress, SocketAddress
from zerogo.testing.clock import VirtualClock
from zerogo.testing.internet import Internet
from zerogo.testing.side import SimulatedSideSockets


class SideTests(SynchronousTestCase):
    """Two hosts without a NAT."""

    def setUp(self) -> None:
        self.clock = VirtualClock()
        self.internet = Internet(self.clock)
        self.host = self.internet.add_host("ann", self.internet.add_site("one"))
        self.other = self.internet.add_host("bob", self.internet.add_site("two"))
        self.seen: list[SocketAddress] = []
        self.other.sockets[5] = lambda data, source: self.seen.append(source)
        self.heard: list[tuple[str, SideAddress]] = []
        self.sides = SimulatedSideSockets(self.internet, self.host, lambda data, source: self.hear("driver", source))

    def hear(self, who: str, source: SideAddress) -> None:
        """A datagram came in."""
        self.heard.append((who, source))

    def test_each_socket_is_seen_at_a_port_of_its_own_and_heard_by_its_number(self) -> None:
        numbers = self.sides.open(3)
        for number in numbers:
            self.sides.send(SideAddress(number, self.other.address(5)), b"out")
        self.clock.run_for(1.0)
        self.assertEqual(len({*self.seen}), 3)
        self.internet.send(self.other, 5, self.seen[1], b"in")
        self.clock.run_for(1.0)
        self.assertEqual(self.heard, [("driver", SideAddress(numbers[1], self.other.address(5)))])

    def test_what_is_given_away_is_heard_by_the_plane_until_it_is_closed(self) -> None:
        (number,) = self.sides.open(1)
        self.sides.give_away(number, lambda data, source: self.hear("plane", source))
        self.assertFalse(self.sides.has(number))
        self.sides.send_by_plane(number, self.other.address(5), b"out")
        self.clock.run_for(1.0)
        self.internet.send(self.other, 5, self.seen[0], b"in")
        self.clock.run_for(1.0)
        self.assertEqual([who for who, _ in self.heard], ["plane"])
        self.sides.close(number)
        self.internet.send(self.other, 5, self.seen[0], b"in")
        self.clock.run_for(1.0)
        self.assertEqual((len(self.heard), self.sides.count), (1, 0))

    def test_no_more_are_open_than_the_limit(self) -> None:
        self.sides.limit = 2
        self.assertEqual(len(self.sides.open(5)), 2)
        self.assertEqual(self.sides.open(1), [])
