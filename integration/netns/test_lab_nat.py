"""The lab's NATs, seen from outside with plain sockets: is each what RFC 4787 says of its kind?

server (two public addresses, two ports each) --- emulated internet --- router with the NAT --- host
"""

from __future__ import annotations

import contextlib
import os
import socket

from twisted.trial.unittest import SynchronousTestCase

from zerogo.lab.behaviour import observe
from zerogo.lab.laboratory import Lab
from zerogo.lab.loader import parse_scenario
from zerogo.lab.nat import BLOCK_PORTS, FIRST_PORT
from zerogo.lab.scenario import Scenario

EIM, APDM = "endpoint-independent", "address-and-port-dependent"
EIF, ADF, APDF = "endpoint-independent", "address-dependent", "address-and-port-dependent"


def behind(nat: str, more: str = "", hosts: str = "{inside: {}, beside: {}}") -> Scenario:
    """A server in the open, and hosts behind a NAT."""
    text = f"sites:\n  hub: {{hosts: {{server: {{}}}}}}\n  home: {{nat: {nat}, hosts: {hosts}{more}}}\n"
    return parse_scenario(text, name="nat", file="nat.yaml")


def ping_is_answered(lab: Lab, host: str, address: str) -> bool:
    """One ping; what was sent before it has then arrived, too."""
    return "1 received" in lab.run(host, ["ping", "-c", "1", "-W", "2", address])


class NatTests(SynchronousTestCase):
    if os.geteuid() != 0:
        skip = "network namespaces need root"

    def seen(self, scenario: Scenario, host: str = "inside") -> tuple[str, str, bool]:
        with Lab(scenario) as lab:
            found = observe(lab, host)
            return found.mapping, found.filtering, found.hairpin

    def test_open_site_translates_nothing(self) -> None:
        with Lab(behind("open")) as lab:
            found = observe(lab, "inside")
            self.assertEqual((found.mapping, found.filtering), (EIM, EIF))
            self.assertEqual({host for host, _ in found.mapped}, {lab.host("inside").addresses[0]})

    def test_full_cone_lets_everybody_in_to_each_inside_host(self) -> None:
        with Lab(behind("full-cone")) as lab:
            for host in ("inside", "beside"):
                found = observe(lab, host)
                self.assertEqual((found.mapping, found.filtering, found.hairpin), (EIM, EIF, False))
                self.assertEqual({address for address, _ in found.mapped}, {lab.site("home").wan4})

    def test_address_restricted_lets_in_who_was_spoken_to(self) -> None:
        self.assertEqual(self.seen(behind("address-restricted")), (EIM, ADF, False))

    def test_port_restricted_lets_in_answers_only_and_keeps_ports(self) -> None:
        with Lab(behind("port-restricted")) as lab:
            found = observe(lab, "inside")
            self.assertEqual((found.mapping, found.filtering, found.hairpin), (EIM, APDF, False))
            self.assertTrue(found.preserves_port)

    def test_hairpin_reaches_the_neighbour_by_the_outside_address(self) -> None:
        for nat, filtering in (("full-cone", EIF), ("address-restricted", ADF), ("port-restricted", APDF)):
            self.assertEqual(self.seen(behind(nat, ", hairpin: true")), (EIM, filtering, True))

    def test_sequential_ports_follow_each_other(self) -> None:
        with Lab(behind("symmetric-sequential")) as lab:
            found = observe(lab, "inside")
            self.assertEqual((found.mapping, found.filtering), (APDM, APDF))
            ports = [port for _, port in found.mapped]
            self.assertEqual(ports, list(range(ports[0], ports[0] + 4)))

    def test_random_ports_do_not(self) -> None:
        with Lab(behind("symmetric-random")) as lab:
            found = observe(lab, "inside")
            self.assertEqual((found.mapping, found.filtering), (APDM, APDF))
            ports = [port for _, port in found.mapped]
            self.assertGreater(max(ports) - min(ports), 100)

    def test_port_block_stays_in_its_block(self) -> None:
        with Lab(behind("symmetric-port-block")) as lab:
            blocks = set()
            for host in ("inside", "beside"):
                found = observe(lab, host)
                self.assertEqual((found.mapping, found.filtering), (APDM, APDF))
                own = {(port - FIRST_PORT) // BLOCK_PORTS for _, port in found.mapped}
                self.assertEqual(len(own), 1)
                blocks |= own
            self.assertEqual(len(blocks), 2)

    def test_blocked_udp_passes_neither_way(self) -> None:
        self.assertEqual(self.seen(behind("udp-blocked")), ("blocked", "blocked", False))

    def test_double_nat_is_as_hard_as_its_harder_half(self) -> None:
        self.assertEqual(self.seen(behind("[full-cone, full-cone]")), (EIM, EIF, False))
        self.assertEqual(self.seen(behind("[full-cone, port-restricted]")), (EIM, APDF, False))
        self.assertEqual(self.seen(behind("[port-restricted, symmetric-random]")), (APDM, APDF, False))

    def test_early_probe_from_outside_does_not_change_the_mapping(self) -> None:
        """Without the drop of new packets to the router itself, it would: the NAT would not keep the port."""
        with Lab(behind("port-restricted")) as lab, contextlib.ExitStack() as stack:
            wan, server, alice = lab.site("home").wan4, lab.host("server").addresses[0], lab.host("inside").addresses[0]
            outside = stack.enter_context(lab.socket("server", socket.AF_INET, socket.SOCK_DGRAM))
            outside.bind((server, 9000))
            outside.settimeout(2)
            outside.sendto(b"early", (wan, 40000))
            inside = stack.enter_context(lab.socket("inside", socket.AF_INET, socket.SOCK_DGRAM))
            inside.bind((alice, 40000))
            self.assertEqual(ping_is_answered(lab, "server", str(wan)), True)
            inside.sendto(b"late", (server, 9000))
            self.assertEqual(outside.recvfrom(100), (b"late", (wan, 40000)))

    def test_rebind_gives_new_mappings_other_ports(self) -> None:
        for nat, filtering in (("full-cone", EIF), ("address-restricted", ADF), ("port-restricted", APDF)):
            with Lab(behind(nat)) as lab:
                lab.rebind("home")
                found = observe(lab, "inside")
                self.assertEqual((found.mapping, found.filtering, found.preserves_port), (EIM, filtering, False))

    def test_change_of_address_moves_the_mapping(self) -> None:
        with Lab(behind("symmetric-sequential")) as lab:
            before = lab.site("home").wan4
            lab.change_address("home")
            found = observe(lab, "inside")
            self.assertEqual({host for host, _ in found.mapped}, {lab.site("home").wan4})
            self.assertNotEqual(lab.site("home").wan4, before)
