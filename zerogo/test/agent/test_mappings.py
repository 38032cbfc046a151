"""What the router is asked for, when, and what is made of its answers."""

from __future__ import annotations

from attrs import evolve

from zerogo.ice.candidate import CandidateKind
from zerogo.ids import SocketAddress
from zerogo.portmap.lease import Transport
from zerogo.test.agent.test_service import AgentTestCase


class MappingsTests(AgentTestCase):
    def test_the_gateway_is_asked_for_the_data_socket_and_what_it_maps_is_offered(self) -> None:
        anna, bob = self.pair()
        outer = SocketAddress("198.51.100.7", 40000)
        self.assertEqual(anna.mappings[Transport.UDP].wish.inner_of("192.0.2.11"), SocketAddress("192.0.2.11", 9993))
        anna.mappings[Transport.UDP].wish.on_change(outer)
        self.world.pass_time(0.5)
        segment = bob.agent.presence.segment
        told = segment._node._directory.peers()[0].search.signalling.remote_offer.candidates
        self.assertIn((CandidateKind.MAPPED, outer), [(each.kind, each.address) for each in told])

    def test_it_is_asked_again_when_addresses_change_and_told_at_the_end(self) -> None:
        anna = self.machine("anna", "192.0.2.11")
        anna.start(self.controller.token)
        self.assertEqual(anna.mappings[Transport.UDP].looks, [False])
        anna.change_address("192.0.2.21")
        self.assertEqual(anna.mappings[Transport.UDP].looks, [False, True])
        self.assertEqual(self.status(anna).port_mapping.protocols, {"PCP": "its owner does not allow it"})
        anna.stop()
        self.assertTrue(anna.mappings[Transport.UDP].is_stopped)

    def test_who_wants_no_mapping_asks_nobody(self) -> None:
        anna = self.machine("anna", "192.0.2.11")
        anna.config = evolve(anna.config, port_mapping=False)
        anna.start(self.controller.token)
        self.assertEqual((anna.mappings, self.status(anna).port_mapping), ({}, None))

    def test_the_open_port_is_asked_for_beside_it_and_a_refusal_is_told(self) -> None:
        bob = self.machine("bob", "192.0.2.12")
        bob.config = evolve(bob.config, listen_tcp=8443)
        bob.start(self.controller.token)
        tcp = bob.mappings[Transport.TCP]
        self.assertEqual(tcp.wish.inner_of("192.0.2.12"), SocketAddress("192.0.2.12", 8443))
        self.assertEqual(tcp.wish.nonce_key, bob.mappings[Transport.UDP].wish.nonce_key)
        self.assertNotIn(True, tcp.looks)
        bob.change_address("192.0.2.99")
        self.assertIn(True, tcp.looks)
        report = self.status(bob).tcp_mapping
        assert report is not None
        self.assertEqual(report.refusal, "its owner does not allow it")
        bob.stop()
        self.assertTrue(tcp.is_stopped)
        self.assertIsNone(tcp.wish.inner_of("192.0.2.99"))

    def test_without_an_open_port_only_the_data_socket_is_asked_for(self) -> None:
        anna = self.machine("anna", "192.0.2.11")
        anna.start(self.controller.token)
        self.assertEqual(list(anna.mappings), [Transport.UDP])
        self.assertIsNone(self.status(anna).tcp_mapping)
