"""This node's own addresses."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.ice.candidate import CandidateKind
from zerogo.ids import SocketAddress
from zerogo.mesh.candidates import HOSTS_LIMIT, REFLEXIVE_LIMIT, LocalCandidates
from zerogo.mesh.signal import CANDIDATES_LIMIT, NatMapping

HOST = SocketAddress.of("192.168.1.2", 9993)
MAPPED = SocketAddress.of("192.0.2.1", 40000)
SERVERS = [SocketAddress.of(f"198.51.100.{number}", 3478) for number in range(1, 20)]


class LocalCandidatesTests(SynchronousTestCase):
    """Hosts and what servers see."""

    def local(self) -> LocalCandidates:
        """One host address."""
        local = LocalCandidates()
        local.set_hosts([HOST])
        return local

    def test_setting_the_same_addresses_is_no_news(self) -> None:
        local = self.local()
        self.assertFalse(local.set_hosts([HOST, HOST]))
        self.assertTrue(local.set_hosts([MAPPED]))

    def test_new_addresses_void_what_servers_saw(self) -> None:
        local = self.local()
        local.reflexive_found(SERVERS[0], MAPPED)
        local.set_hosts([SocketAddress.of("10.0.0.1", 9993)])
        self.assertEqual([each.kind for each in local.candidates()], [CandidateKind.HOST])

    def test_two_servers_that_see_the_same_make_one_candidate(self) -> None:
        local = self.local()
        self.assertTrue(local.reflexive_found(SERVERS[0], MAPPED))
        self.assertFalse(local.reflexive_found(SERVERS[0], MAPPED))
        local.reflexive_found(SERVERS[1], MAPPED)
        kinds = [(each.kind, each.address) for each in local.candidates()]
        self.assertEqual(kinds, [(CandidateKind.HOST, HOST), (CandidateKind.SRFLX, MAPPED)])

    def test_without_a_host_of_the_family_nothing_is_offered(self) -> None:
        local = self.local()
        local.reflexive_found(SERVERS[0], SocketAddress.of("2001:db8::7", 1))
        self.assertEqual(len(local.candidates()), 1)

    def test_what_the_gateway_maps_comes_before_what_servers_see(self) -> None:
        local = self.local()
        local.reflexive_found(SERVERS[0], MAPPED)
        outer = SocketAddress.of("192.0.2.1", 9993)
        self.assertTrue(local.set_port_mapped(outer))
        self.assertFalse(local.set_port_mapped(outer))
        kinds = (CandidateKind.HOST, CandidateKind.MAPPED, CandidateKind.SRFLX)
        self.assertEqual(tuple(each.kind for each in local.candidates()), kinds)
        priorities = [each.priority for each in local.candidates()]
        self.assertEqual(priorities, sorted(priorities, reverse=True))
        local.set_port_mapped(MAPPED)
        self.assertEqual([each.kind for each in local.candidates()], [CandidateKind.HOST, CandidateKind.MAPPED])
        local.set_port_mapped(None)
        self.assertEqual([each.kind for each in local.candidates()], [CandidateKind.HOST, CandidateKind.SRFLX])

    def test_the_mapping_is_told_from_what_servers_see(self) -> None:
        local = self.local()
        self.assertIs(local.nat.mapping, NatMapping.UNKNOWN)
        local.reflexive_found(SERVERS[0], MAPPED)
        self.assertIs(local.nat.mapping, NatMapping.UNKNOWN)
        self.assertTrue(local.mapping_observed(is_ipv6=False, is_endpoint_independent=True))
        self.assertFalse(local.mapping_observed(is_ipv6=False, is_endpoint_independent=True))
        self.assertIs(local.nat.mapping, NatMapping.STABLE)
        local.mapping_observed(is_ipv6=False, is_endpoint_independent=False)
        self.assertIs(local.nat.mapping, NatMapping.PER_DESTINATION)

    def test_a_public_host_has_no_nat(self) -> None:
        local = self.local()
        local.reflexive_found(SERVERS[0], HOST)
        self.assertIs(local.nat.mapping, NatMapping.NONE)

    def test_everything_is_bounded(self) -> None:
        local = LocalCandidates()
        local.set_hosts([SocketAddress("10.0.0.1", port) for port in range(1, 100)])
        for number, server in enumerate(SERVERS):
            local.reflexive_found(server, SocketAddress("192.0.2.1", 1000 + number))
        self.assertLessEqual(len(local.candidates()), min(CANDIDATES_LIMIT, HOSTS_LIMIT + REFLEXIVE_LIMIT))

    def test_servers_that_are_not_asked_any_more_are_forgotten(self) -> None:
        local = self.local()
        local.reflexive_found(SERVERS[0], MAPPED)
        local.forget_servers(SERVERS[1:])
        self.assertEqual(len(local.candidates()), 1)
