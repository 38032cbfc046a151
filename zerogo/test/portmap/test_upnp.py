"""The client of UPnP IGD, where gateways are difficult."""

from __future__ import annotations

import random

from twisted.trial.unittest import SynchronousTestCase

from zerogo.ids import SocketAddress
from zerogo.portmap.lease import MappingProtocol, Site, Transport
from zerogo.portmap.mapper import MappingFound, PortMapper
from zerogo.portmap.upnp import LEASE_SECONDS
from zerogo.test.portmap.gateways import GATEWAY, INNER, GatewayInMemory, Wire


def wire(**switches: object) -> Wire:
    """UPnP alone."""
    made = Wire(
        GatewayInMemory(**switches),  # type: ignore[arg-type]
        PortMapper(random.Random(1).randbytes, (MappingProtocol.UPNP,)),
    )
    made.begin()
    return made


class IgdClientTests(SynchronousTestCase):
    """Ports that are taken, leases without end, answers that do not come."""

    def found(self, made: Wire) -> list[int]:
        return [event.outer.port for event in made.events() if isinstance(event, MappingFound)]

    def test_taken_port_is_followed_by_others(self) -> None:
        made = wire(upnp_errors=[718, 718])
        made.run(1.0)
        (port,) = self.found(made)
        self.assertGreaterEqual(port, 49152)
        self.assertEqual(made.gateway.mappings, {port: 9993})
        made.run(700)
        self.assertEqual(made.gateway.mappings, {port: 9993})

    def test_there_are_not_many_tries(self) -> None:
        made = wire(upnp_errors=[718] * 50)
        made.run(60.0)
        self.assertEqual(self.found(made), [])
        self.assertLess(len(made.calls), 10)

    def test_low_port_that_is_not_allowed_is_followed_by_a_high_one_and_a_high_one_by_none(self) -> None:
        for port, count in ((443, 1), (9993, 0)):
            made = wire(upnp_errors=[606])
            made.begin(Site(GATEWAY, SocketAddress(INNER.host, port), Transport.TCP))
            made.run(1.0)
            self.assertEqual(len([found for found in self.found(made) if found >= 49152]), count)
            self.assertEqual(list(made.gateway.tcp_mappings.values()), [port] * count)

    def test_mapping_without_an_end_is_taken_and_removed(self) -> None:
        made = wire(upnp_errors=[725])
        made.run(1.0)
        self.assertEqual(self.found(made), [9993])
        self.assertEqual(made.gateway.leases, [0])
        made.close()
        made.run(0.1)
        self.assertEqual(made.gateway.mappings, {})

    def test_lease_is_short(self) -> None:
        made = wire()
        made.run(1.0)
        self.assertEqual(made.gateway.leases, [LEASE_SECONDS])

    def test_server_that_does_not_answer_is_given_up(self) -> None:
        made = wire()
        made.is_cut = True
        made.run(0.01)
        made.run(10.0)
        self.assertEqual(self.found(made), [])
        self.assertIn("answer", made.mapper.status(made.now).protocols[MappingProtocol.UPNP].reason)

    def test_late_answer_is_nobodys(self) -> None:
        made = wire()
        made.run(1.0)
        for call in made.calls:
            made.mapper.receive_http(call.number, None, made.now)
        made.mapper.receive_http(99, None, made.now)
        self.assertEqual(self.found(made), [9993])
        self.assertIsNotNone(made.mapper.status(made.now).outer)
