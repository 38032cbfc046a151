"""What namespaces and addresses a scenario becomes."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from zerogo.lab.loader import load_scenario, parse_scenario, shipped_scenarios
from zerogo.lab.scenario import Scenario
from zerogo.lab.topology import Plan, addressed, plan, plan_host


def scenario(text: str) -> Scenario:
    return parse_scenario(text, name="s", file="s.yaml")


def planned(text: str) -> Plan:
    return plan(scenario(text), "zl0000")


class PlanTests(SynchronousTestCase):
    def test_no_address_is_given_twice_in_any_shipped_scenario(self) -> None:
        for name in shipped_scenarios():
            whole = plan(load_scenario(name), "zl0000")
            taken = [address for host in whole.hosts for address in host.addresses]
            taken += [address for site in whole.sites for address in (site.wan4, site.wan6) if address]
            self.assertEqual(len(taken), len(dict.fromkeys(taken)), name)

    def test_open_hosts_are_routed_and_hidden_ones_are_not(self) -> None:
        open_site, home = planned("sites: {hub: {hosts: {a: {}}}, home: {nat: full-cone, hosts: {b: {}}}}").sites
        self.assertEqual(open_site.routes, (bytes([5, 10, 1, 1]), bytes([5, 20, 1])))
        self.assertEqual(home.routes, (bytes([5, 10, 2, 1]),))

    def test_double_nat_hangs_the_inner_router_into_the_outer_network(self) -> None:
        outer, inner = planned("sites: {home: {nat: [port-restricted, full-cone], hosts: {a: {}}}}").sites
        self.assertEqual((outer.wan4, str(outer.lan4)), ("5.10.1.1", "100.64.1.0/24"))
        self.assertEqual((inner.wan4, str(inner.lan4)), ("100.64.1.200", "192.168.2.0/24"))

    def test_sites_behind_one_carrier_have_addresses_of_their_own(self) -> None:
        text = "sites: {a: {nat: full-cone, behind: c}, b: {nat: full-cone, behind: c}, c: {nat: symmetric-port-block}}"
        sites = {site.site.name: site for site in planned(text).sites}
        self.assertEqual((sites["a"].wan4, sites["b"].wan4), ("100.64.3.200", "100.64.3.201"))

    def test_families_are_as_asked_for(self) -> None:
        for family, versions in (("ipv4", [4]), ("ipv6", [6]), ("both", [4, 6])):
            (host,) = planned(f"family: {family}\nsites: {{hub: {{hosts: {{a: {{}}}}}}}}").hosts
            found = [each.version for each in (host.ipv4, host.ipv6) if each is not None]
            self.assertEqual(found, versions)

    def test_change_of_address_changes_the_outside(self) -> None:
        whole = scenario("family: both\nsites: {home: {nat: full-cone, hosts: {a: {}}}}")
        (before,) = plan(whole, "zl0000").sites
        after = addressed(evolve(before, generation=1), whole, {})
        self.assertNotEqual((before.wan4, before.wan6, before.lan6), (after.wan4, after.wan6, after.lan6))
        self.assertEqual(before.lan4, after.lan4)

    def test_host_changes_address_within_its_network(self) -> None:
        whole = planned("sites: {home: {nat: full-cone, hosts: {a: {}}}}")
        (host,), (site,) = whole.hosts, whole.sites
        after = plan_host(host.host, site, host.slot, host.number, "zl0000", 1)
        assert host.ipv4 is not None and after.ipv4 is not None
        self.assertNotEqual(host.ipv4.ip, after.ipv4.ip)
        self.assertEqual(host.ipv4.network, after.ipv4.network)
