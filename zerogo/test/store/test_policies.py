"""Policies in the store, and what members are shown of them."""

from __future__ import annotations

from zerogo.ids import NodeId
from zerogo.policy.compile import CLOSED
from zerogo.policy.errors import PolicyInvalid
from zerogo.policy.filter import PeerFilter, PolicyRule
from zerogo.store import audit, members, networks, policies, policy_answers, tables
from zerogo.store.errors import NotFound, Stale
from zerogo.store.paging import Paging
from zerogo.store.policies import NO_POLICY, PolicyTestFailed, StoredPolicy
from zerogo.store.policy_answers import Question
from zerogo.test.store.stock import NOW, StoreCase

SSH = "rules: [{from: ann, to: bob, ports: 22}]\n"


class PoliciesCase(StoreCase):
    def setUp(self) -> None:
        super().setUp()
        self.ann, self.bob = self.join("ann").node_id, self.join("bob").node_id

    def save(self, text: str, expected: str | None = None) -> StoredPolicy:
        return self.database.write(policies.save_policy, self.network, text, "tester", NOW, expected, "why")

    def current(self) -> StoredPolicy:
        return self.database.read(policies.current_policy, self.network)

    def held(self, us: NodeId, peer: NodeId) -> PeerFilter | None:
        view = self.view()
        classes = {record.node_id: record.policy_class for record in view.network_map.members}
        return view.filters[classes[us]].of(classes[peer])

    def tag(self, node_id: NodeId, *tags: str) -> None:
        changes = {"tags": tags}
        self.database.write(members.change_member, self.network, node_id, changes, "tester", NOW)


class SavingTests(PoliciesCase):
    def test_a_network_begins_without_one(self) -> None:
        self.assertEqual((0, NO_POLICY, "policy-0"), (self.current().revision, self.current().text, self.current().tag))
        self.assertEqual((0, {}), (self.view().network_map.policy, dict(self.view().filters)))

    def test_what_was_saved_is_in_force_and_written_down(self) -> None:
        self.save(SSH)
        self.assertEqual(
            (1, SSH, "tester", "why"),
            tuple(getattr(self.current(), name) for name in ("revision", "text", "created_by", "comment")),
        )
        (line, *_) = self.database.read(audit.list_lines, Paging()).items
        self.assertEqual(("policy.change", "1", "1 rules, 0 tests; why"), (line.action, line.subject, line.detail))

    def test_only_who_saw_the_last_one_may_replace_it(self) -> None:
        self.save(SSH, "policy-0")
        self.assertRaises(Stale, self.save, SSH, "policy-0")
        self.save(SSH, "policy-1")

    def test_what_is_not_right_is_not_saved(self) -> None:
        before = self.revision()
        self.assertRaises(PolicyInvalid, self.save, "rules: [{from: x}]")
        failing = SSH + "tests: [{from: bob, to: ann, port: 22}]"
        error = self.assertRaises(PolicyTestFailed, self.save, failing)
        self.assertIn("test 1 (bob to ann, tcp port 22: allow) fails", str(error))
        self.assertEqual((0, before), (self.current().revision, self.revision()))

    def test_the_history_is_kept_and_gone_back_to(self) -> None:
        for text in (SSH, "default: allow", ""):
            self.save(text)
        found = self.database.read(policies.page_policies, self.network, Paging(limit=2))
        self.assertEqual(([3, 2], (2,)), ([each.revision for each in found.items], found.next))
        self.database.write(policies.roll_back, self.network, 1, "tester", NOW)
        self.assertEqual(
            (4, SSH, "rolled back to 1"), (self.current().revision, self.current().text, self.current().comment)
        )
        self.assertRaises(NotFound, self.database.write, policies.roll_back, self.network, 9, "tester", NOW)

    def test_the_oldest_are_forgotten(self) -> None:
        self.patch(policies, "KEPT", 2)
        for _ in range(4):
            self.save(SSH)
        found = self.database.read(policies.page_policies, self.network, Paging())
        self.assertEqual([4, 3], [each.revision for each in found.items])

    def test_they_go_with_their_network(self) -> None:
        self.save(SSH)
        self.database.write(networks.delete_network, self.network, "tester", NOW)
        rows = self.database.read(lambda connection: connection.execute(tables.policies.select()).all())
        self.assertEqual([], rows)


class ShowingTests(PoliciesCase):
    def test_members_are_shown_the_filters_of_their_classes(self) -> None:
        self.save(SSH)
        rule = (PolicyRule(None, (22, 22)),)
        self.assertEqual(
            (PeerFilter(rule, ()), PeerFilter((), rule)), (self.held(self.ann, self.bob), self.held(self.bob, self.ann))
        )
        self.assertEqual(1, self.view().network_map.policy)

    def test_who_changes_class_has_a_new_record(self) -> None:
        carl = self.join("carl").node_id
        before = self.view().changed_at
        self.save(SSH)
        after = self.view().changed_at
        changed = [node for node in after if after[node] != before[node]]
        self.assertCountEqual([self.ann, self.bob], changed)
        self.assertEqual(before[carl], after[carl])
        self.assertEqual(self.revision(), after[self.ann])

    def test_tags_decide_at_once(self) -> None:
        self.save("rules: [{from: 'tag:web', to: bob}]")
        self.assertEqual(CLOSED, self.held(self.ann, self.bob))
        self.tag(self.ann, "web")
        found = self.held(self.ann, self.bob)
        assert found is not None
        self.assertTrue(found.outbound and not found.inbound)

    def test_a_policy_that_is_not_read_any_more_closes_the_network_and_stops_nothing(self) -> None:
        self.save("default: allow")
        self.database.write(
            lambda connection: connection.execute(tables.policies.update().values(text="default: perhaps"))
        )
        self.assertEqual(CLOSED, self.held(self.ann, self.bob))


class AnswersTests(PoliciesCase):
    def explain(
        self, source: str, target: str, protocol: str = "", port: int | None = None
    ) -> policy_answers.Explanation:
        question = Question(source=source, target=target, protocol=protocol, port=port)
        return self.database.read(policy_answers.explain, self.network, question)

    def test_the_rule_is_named(self) -> None:
        self.save("default: deny\n" + SSH)
        allowed = self.explain("ann", "bob", port=22)
        self.assertEqual(
            (True, 1, 2, "rule 1 (line 2) allows tcp port 22"),
            (allowed.allows, allowed.rule_number, allowed.line, allowed.reason),
        )
        refused = self.explain("bob", "10.9.0.1")
        self.assertEqual((False, None, "ann"), (refused.allows, refused.rule_number, refused.target.name))
        self.assertEqual("no rule is about icmp between these two, and the policy's default refuses it", refused.reason)
        self.assertEqual((), refused.enforced_by, "these agents have no capability to")

    def test_without_a_policy_everything_passes(self) -> None:
        self.assertTrue(self.explain("ann", str(self.bob), "ethernet").allows)

    def test_an_address_behind_a_member_leads_to_it(self) -> None:
        said = (("aes", "policy"), ("192.168.7.0/24",))
        self.database.write(members.set_published, self.network, self.bob, *said)
        self.database.write(members.decide_subnet, self.network, self.bob, "192.168.7.0/24", True, "tester", NOW)
        self.save("hosts: {office: 192.168.7.0/28}\nrules: [{from: ann, to: host:office, ports: 443}]")
        inside, outside = self.explain("ann", "192.168.7.9", port=443), self.explain("ann", "192.168.7.90", port=443)
        self.assertEqual((True, False), (inside.allows, outside.allows))
        self.assertEqual(
            ("bob", "192.168.7.9", ("bob",)), (inside.target.name, inside.traffic.destination, inside.enforced_by)
        )
        self.assertEqual((), self.database.read(policy_answers.show, self.network).unenforced[1:])

    def test_members_whose_agents_know_no_filters_are_named(self) -> None:
        said = {self.ann: ("aes", "policy"), self.bob: ("policy-2", "nopolicy"), self.join("carl").node_id: ("policy",)}
        for node_id, words in said.items():
            self.database.write(members.set_published, self.network, node_id, words, ())
        denied = self.join("dora").node_id
        self.database.write(members.deny_member, self.network, denied, "tester", NOW)
        self.assertEqual(("bob",), self.database.read(policy_answers.show, self.network).unenforced)
        self.assertEqual(("bob",), self.database.read(policy_answers.preview, self.network, SSH).unenforced)

    def test_what_cannot_be_asked(self) -> None:
        for question in (("eve", "bob", "", 1), ("ann", "203.0.113.9", "", 1)):
            self.assertRaises(NotFound, self.explain, *question)
        for question in (("ann", "bob", "tcp", None), ("ann", "bob", "icmp", 1), ("ann", "bob", "any", None)):
            self.assertRaises(policy_answers.ParseError, self.explain, *question)

    def test_a_text_is_checked_without_being_saved(self) -> None:
        found = self.database.read(policy_answers.check, self.network, SSH + "tests: [{from: bob, to: ann, port: 1}]")
        self.assertEqual((False, 1, 1), (found.is_right, len(found.tests), len(found.failures)))
        found = self.database.read(policy_answers.check, self.network, "rules: [{from: eve, to: bob}]")
        self.assertEqual(
            (True, ["line 1, column 9: rule 1: 'eve' is no member of this network"]),
            (found.is_right, [str(each) for each in found.findings]),
        )
        found = self.database.read(policy_answers.check, self.network, "rules: 1")
        self.assertFalse(found.is_right)
        self.assertEqual(0, self.current().revision)

    def test_a_text_is_compared_with_what_is_in_force(self) -> None:
        found = self.database.read(policy_answers.preview, self.network, SSH)
        self.assertEqual(
            [(("ann",), ("bob",)), (("bob",), ("ann",))], [(each.sources, each.targets) for each in found.changes]
        )
        self.assertEqual(("everything",), found.changes[1].lost)
        self.assertCountEqual(["ann", "bob"], found.unenforced)
