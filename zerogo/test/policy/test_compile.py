"""The rules of pairs, and the classes of members."""

from __future__ import annotations

import ipaddress

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.policy.compile import CLOSED, class_of, compile_policy, pair_filter, way
from zerogo.policy.document import Policy
from zerogo.policy.filter import PeerFilter
from zerogo.policy.judge import Traffic, decide
from zerogo.policy.reader import parse_policy
from zerogo.policy.subject import Kind, Subject
from zerogo.switch.gate import Gate
from zerogo.test.switch.scenarios import ethernet, ipv4, ports

ANNA = Subject(name="anna", addresses=("10.1.0.1",))
WEB = Subject(name="web-1", tags=("web",), addresses=("10.1.0.2",))
WEB_2 = Subject(name="web-2", tags=("web",), addresses=("10.1.0.3",))
DB = Subject(name="db", addresses=("10.1.0.4", "fd00::4"))
ROUTER = Subject(name="router", tags=("web",), addresses=("10.1.0.5",), networks=("192.168.7.0/24",))
MEMBERS = (ANNA, WEB, WEB_2, DB, ROUTER)
SELECTORS = ("'*'", "anna", "tag:web", "db", "router", "group:g")
rules = st.fixed_dictionaries(
    {
        "from": st.sampled_from(SELECTORS),
        "to": st.sampled_from((*SELECTORS, "192.168.7.0/25", "192.168.0.0/16")),
        "protocol": st.sampled_from(["any", "ip", "tcp", "udp", "ethernet", "[tcp, udp]"]),
        "action": st.sampled_from(["allow", "deny"]),
    }
)


def plain(policy: Policy, source: Subject, target: Subject) -> list[tuple[object, ...]]:
    return [(rule.protocol, rule.ports, rule.destinations, rule.allows) for rule in way(policy, source, target).plain]


class WayTests(SynchronousTestCase):
    def test_a_pair_that_no_rule_is_about_has_the_default(self) -> None:
        self.assertEqual([], plain(parse_policy(""), ANNA, DB))
        self.assertTrue(way(parse_policy("default: allow"), ANNA, DB).is_open)
        self.assertIsNone(pair_filter(parse_policy("default: allow"), ANNA, DB))
        self.assertEqual(CLOSED, pair_filter(parse_policy(""), ANNA, DB))

    def test_protocols_and_ports_make_a_rule_each(self) -> None:
        policy = parse_policy("rules: [{from: anna, to: db, protocol: [tcp, udp], ports: [22, 80-90]}]")
        each = [(protocol, low, ()) for protocol in (6, 17) for low in ((22, 22), (80, 90))]
        self.assertEqual([(*rule, True) for rule in each], plain(policy, ANNA, DB))
        self.assertEqual([], plain(policy, DB, ANNA))
        both = pair_filter(policy, ANNA, DB)
        assert both is not None
        self.assertEqual((4, 0), (len(both.outbound), len(both.inbound)))
        self.assertEqual(both.swapped, pair_filter(policy, DB, ANNA))

    def test_what_comes_after_everything_is_left_out(self) -> None:
        rules = "{from: anna, to: db, ports: 22, action: deny}, {from: '*', to: db}, {from: anna, to: db, ports: 1}"
        text = f"rules: [{rules}]"
        self.assertEqual([(None, (22, 22), (), False), (None, None, (), True)], plain(parse_policy(text), ANNA, DB))

    def test_other_frames_than_ip_have_a_switch_of_their_own(self) -> None:
        all_ip = ("0.0.0.0/0", "::/0")
        for text, expected in (
            ("ethernet: allow", [(None, None, all_ip, False), (None, None, (), True)]),
            ("default: allow\nethernet: deny", [(None, None, all_ip, True)]),
            ("rules: [{from: '*', to: '*', protocol: ip}]", [(None, None, all_ip, True)]),
            (
                "rules: [{from: anna, to: db, protocol: ethernet}]",
                [(None, None, all_ip, False), (None, None, (), True)],
            ),
        ):
            self.assertEqual(expected, plain(parse_policy(text), ANNA, DB))

    def test_a_member_is_not_what_is_behind_it(self) -> None:
        policy = parse_policy("rules: [{from: anna, to: tag:web, protocol: tcp}]")
        ((protocol, _, destinations, _),) = plain(policy, ANNA, ROUTER)
        self.assertEqual(6, protocol)
        self.assertIn("10.1.0.5", destinations)
        self.assertNotIn("192.168.7.0/24", destinations)
        self.assertEqual([(6, None, (), True)], plain(policy, ANNA, WEB))
        denied = parse_policy("rules: [{from: anna, to: router, action: deny}, {from: '*', to: '*'}]")
        self.assertEqual([], plain(denied, ANNA, ROUTER))

    def test_a_network_is_at_the_members_that_lead_there(self) -> None:
        policy = parse_policy("hosts: {office: 192.168.7.0/25}\nrules: [{from: anna, to: host:office, ports: 443}]")
        self.assertEqual([(None, (443, 443), ("192.168.7.0/25",), True)], plain(policy, ANNA, ROUTER))
        self.assertEqual([], plain(policy, ANNA, DB))

    def test_names_are_compared_as_people_read_them(self) -> None:
        policy = parse_policy("rules: [{from: ANNA, to: Db}]")
        self.assertTrue(way(policy, ANNA, DB).is_open)

    @settings(deadline=None, max_examples=60)
    @given(st.lists(rules, max_size=6), st.sampled_from(["allow", "deny"]), st.sampled_from(["allow", "deny"]))
    def test_planes_do_what_the_policy_says(
        self, lines: list[dict[str, str]], default: str, other_default: str
    ) -> None:
        """Held against a reader of rules that does nothing else, and carried out by the filter of a plane."""
        written = ["{" + ", ".join(f"{key}: {value}" for key, value in line.items()) + "}" for line in lines]
        text = (
            f"default: {default}\nethernet: {other_default}\ngroups: {{g: [anna, db]}}\nrules: [{', '.join(written)}]"
        )
        policy = parse_policy(text)
        gate = Gate()
        for source in (ANNA, WEB):
            for target in (DB, ROUTER):
                gate.set_filter(1, pair_filter(policy, source, target))
                for address in dict.fromkeys((target.addresses[0], "192.168.7.9", "192.168.7.200")):
                    if address not in target.addresses and not target.networks:
                        continue
                    for protocol in (6, 17):
                        expected = first_match(policy, source, target, protocol, address)
                        traffic = Traffic(protocol=protocol, port=80, destination=address)
                        self.assertEqual(expected, decide(policy, source, target, traffic).allows, text)
                        packet = ipv4(protocol, ports(1, 80), (source.addresses[0], address))
                        self.assertEqual(expected, gate.passes(1, ethernet(0x0800, packet), True, 0.0), text)
                gate.set_filter(1, None)
                gate.set_filter(1, pair_filter(policy, source, target))
                expected = first_match(policy, source, target, None, None)
                self.assertEqual(expected, decide(policy, source, target, Traffic(protocol=None)).allows, text)
                self.assertEqual(expected, gate.passes(1, ethernet(0x88CC, bytes(9)), True, 0.0), text)


def first_match(policy: Policy, source: Subject, target: Subject, protocol: int | None, address: str | None) -> bool:
    """The plain reading of a policy."""
    for rule in policy.rules:
        if protocol is None:
            is_covered = rule.covers_ethernet
        else:
            is_covered = rule.covers_ip and (not rule.protocols or protocol in rule.protocols)
        if not is_covered or not any(each.matches(source) for each in rule.sources):
            continue
        for each in rule.targets:
            if not each.matches(target):
                continue
            is_network = each.kind is Kind.NETWORK
            if protocol is None or address is None:
                if not is_network:
                    return rule.allows
            elif is_network:
                if ipaddress.ip_address(address) in ipaddress.ip_network(each.value):
                    return rule.allows
            elif not rule.allows or each.kind is Kind.ALL or address in target.addresses:
                return rule.allows
    return policy.allows_ethernet if protocol is None else policy.allows


class ClassTests(SynchronousTestCase):
    POLICY = parse_policy("rules: [{from: tag:web, to: db, ports: 5432}, {from: anna, to: '*'}]")

    def test_members_that_no_rule_tells_apart_are_of_one_class(self) -> None:
        self.assertEqual(class_of(self.POLICY, WEB), class_of(self.POLICY, WEB_2))
        others = {class_of(self.POLICY, member) for member in (ANNA, WEB, DB, ROUTER)}
        self.assertEqual(4, len(others))
        self.assertEqual(b"", class_of(self.POLICY, Subject(name="nobody", tags=("nothing",))))

    def test_a_rule_about_others_changes_no_class(self) -> None:
        more = parse_policy("rules: [{from: tag:web, to: db, ports: 1}, {from: anna, to: '*'}, {from: tag:new, to: x}]")
        for member in MEMBERS:
            self.assertEqual(class_of(self.POLICY, member), class_of(more, member))

    def test_filters_are_those_of_the_pairs(self) -> None:
        compiled = compile_policy(self.POLICY, MEMBERS)
        self.assertEqual(4, len(compiled))
        for us in MEMBERS:
            for peer in MEMBERS:
                found = compiled[class_of(self.POLICY, us)].of(class_of(self.POLICY, peer))
                self.assertEqual(pair_filter(self.POLICY, us, peer), found)

    def test_a_class_that_is_not_known_may_do_nothing(self) -> None:
        compiled = compile_policy(parse_policy("default: allow"), MEMBERS)
        self.assertIsNone(compiled[b""].of(b""))
        self.assertEqual(PeerFilter(), compiled[b""].of(b"unheard "))
