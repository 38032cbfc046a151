"""Scenario files: what they mean, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.lab.errors import ScenarioError
from zerogo.lab.loader import load_scenario, parse_scenario, shipped_scenarios
from zerogo.lab.scenario import Family, Link, NatKind, Role, Scenario

BASE = """
sites:
  hub: {nat: open, hosts: {server: {role: [controller, relay]}}}
  berlin: {nat: port-restricted, hosts: [alice, alex]}
"""


def parse(text: str) -> Scenario:
    return parse_scenario(text, name="s", file="s.yaml")


class MeaningTests(SynchronousTestCase):
    def test_shipped_scenarios_load_and_have_titles_and_checks(self) -> None:
        names = shipped_scenarios()
        self.assertIn("demo", names)
        for name in names:
            scenario = load_scenario(name)
            self.assertTrue(scenario.title and scenario.checks, name)

    def test_files_are_loaded_by_path(self) -> None:
        path = Path(self.mktemp())
        path.write_text(BASE)
        self.assertEqual(load_scenario(str(path)).with_role(Role.AGENT), ("alice", "alex"))

    def test_list_of_hosts_are_agents(self) -> None:
        scenario = parse(BASE)
        self.assertEqual(scenario.with_role(Role.AGENT), ("alice", "alex"))
        self.assertEqual(scenario.with_role(Role.RELAY), ("server",))
        self.assertEqual(scenario.pairs(), (("alice", "alex"),))

    def test_no_role_is_a_plain_host(self) -> None:
        scenario = parse("sites: {hub: {hosts: {a: {role: none}, b: {}}}}")
        self.assertFalse(scenario.has_mesh)
        self.assertEqual(scenario.pairs(), (("a", "b"),))

    def test_defaults_reach_sites_that_say_nothing(self) -> None:
        scenario = parse("defaults: {nat: full-cone, link: {delay: 20ms, mtu: 1400}}\nsites: {a: {}, b: {nat: open}}")
        self.assertEqual([site.nat for site in scenario.sites], [NatKind.FULL_CONE, NatKind.OPEN])
        self.assertEqual(scenario.sites[0].up, Link(delay=0.02, mtu=1400))

    def test_links_are_refined_from_default_to_direction(self) -> None:
        text = "defaults: {link: {delay: 20ms}, up: {rate: 1mbit}}\nsites: {a: {link: {loss: 1%}, down: {delay: 5ms}}}"
        (site,) = parse(text).sites
        self.assertEqual((site.up, site.down), (Link(delay=0.02, loss=0.01, rate=1e6), Link(delay=0.005, loss=0.01)))

    def test_double_nat_becomes_a_carriers_site_in_front(self) -> None:
        carrier, home = parse("sites: {home: {nat: [port-restricted, full-cone], link: {delay: 1ms}}}").sites
        self.assertEqual((carrier.name, carrier.nat, carrier.up.delay), ("home-carrier", NatKind.FULL_CONE, 0.001))
        self.assertEqual((home.behind, home.nat, home.up.delay), ("home-carrier", NatKind.PORT_RESTRICTED, 0.0))

    def test_open_sites_have_no_ipv6_firewall_and_others_have(self) -> None:
        sites = parse(BASE).sites
        self.assertEqual([site.ipv6_firewall for site in sites], [False, True])

    def test_settings_of_the_run(self) -> None:
        scenario = parse(
            BASE + "family: both\nseed: 7\nsettle: 500ms\nconnect-limit: 1min\nrepeat: 3\nlog-level: debug"
        )
        self.assertEqual((scenario.family, scenario.seed, scenario.settle), (Family.BOTH, 7, 0.5))
        self.assertEqual((scenario.connect_limit, scenario.repeat, scenario.log_level), (60.0, 3, "debug"))

    def test_agents_settings_are_passed_on(self) -> None:
        scenario = parse("sites: {h: {hosts: {c: {role: controller}, a: {role: agent, settings: {mtu: 1300}}}}}")
        self.assertEqual(next(host.settings for host in scenario.hosts() if host.name == "a"), {"mtu": 1300})

    def test_paths_lie_between_sites(self) -> None:
        (path,) = parse(BASE + "paths: [{between: [hub, berlin], link: {delay: 30ms}}]").paths
        self.assertEqual((path.between, path.link.delay), (("hub", "berlin"), 0.03))


class ErrorTests(SynchronousTestCase):
    def assert_refused(self, text: str, *words: str) -> None:
        error = str(self.assertRaises(ScenarioError, parse, text))
        self.assertTrue(error.startswith("s.yaml"), error)
        for word in words:
            self.assertIn(word, error)

    def test_wrong_keys_and_values(self) -> None:
        self.assert_refused("sties: {}", "s.yaml:1", "'sties'", "'sites'")
        self.assert_refused("title: x", "`sites`")
        self.assert_refused("sites: {a: {nat: port-restriced}}", "sites.a.nat", "'port-restricted'")
        self.assert_refused("sites: {a: {link: {dely: 1}}}", "sites.a.link.dely", "'delay'")
        self.assert_refused("sites: {a: {link: {delay: 1ms, jitter: 2ms}}}", "jitter")
        self.assert_refused("sites: {a: {lan: 10.0.0.0/8}}", "/24")
        self.assert_refused("sites: {a: {lan: home}}", "no IPv4 network")
        self.assert_refused("sites: {}", "1 to")
        self.assert_refused(BASE + "log-level: loud", "log-level")

    def test_names_are_used_once(self) -> None:
        self.assert_refused("sites: {a: {hosts: {b: {}}}, b: {}}", "'b' is used twice")

    def test_nats_that_cannot_be(self) -> None:
        self.assert_refused("sites: {a: {nat: symmetric-random, hairpin: true}}", "endpoint-independent")
        self.assert_refused("sites: {a: {nat: [open, full-cone]}}", "double NAT")
        self.assert_refused("sites: {a: {nat: [full-cone]}}", "double NAT")

    def test_ways_out_end_at_the_internet(self) -> None:
        self.assert_refused("sites: {a: {nat: full-cone, behind: b}}", "'b', which is no site")
        self.assert_refused("sites: {a: {nat: full-cone, behind: b}, b: {nat: full-cone, behind: a}}", "no way out")
        self.assert_refused("sites: {a: {nat: open, behind: b}, b: {}}", "must have a NAT")

    def test_roles_that_cannot_work(self) -> None:
        self.assert_refused("sites: {a: {hosts: [x]}}", "role: controller")
        self.assert_refused("sites: {a: {hosts: {x: {role: controller}, y: {role: controller}}}}", "a mesh has one")
        self.assert_refused("sites: {a: {nat: full-cone, hosts: {x: {role: controller}}}}", "open site")
        self.assert_refused("sites: {a: {hosts: {x: {role: king}}}}", "'king'")

    def test_paths_between_what_is_no_site(self) -> None:
        self.assert_refused(BASE + "paths: [{between: [hub, hub], link: {}}]", "two of the sites")
        self.assert_refused(BASE + "paths: [{between: [hub, berlin]}]", "needs")

    def test_missing_file_names_the_shipped_ones(self) -> None:
        self.assertIn("demo", str(self.assertRaises(ScenarioError, load_scenario, "nosuch")))

    @given(
        st.recursive(
            st.one_of(
                st.none(), st.booleans(), st.integers(), st.text(max_size=12), st.sampled_from(["full-cone", "5ms"])
            ),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(
                        ["sites", "hosts", "nat", "link", "role", "actions", "checks", "check", "do", "at", "a"]
                    ),
                    inner,
                    max_size=4,
                )
            ),
            max_leaves=20,
        )
    )
    @settings(max_examples=200, deadline=None)
    def test_any_document_is_a_scenario_or_a_scenario_error(self, document: object) -> None:
        try:
            parse(yaml.safe_dump({"sites": document} if isinstance(document, list) else document))
        except ScenarioError as error:
            self.assertTrue(str(error).startswith("s.yaml"))
