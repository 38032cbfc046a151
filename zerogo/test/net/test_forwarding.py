"""What a gateway tells the kernel, and what it says where the kernel does not forward."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from zerogo.net.forwarding import Forwarding, Forwards, rules_text, table_name

WANTED = Forwards(
    device="zerogo0", members=("10.9.0.0/20", "fd00:9::/64"), subnets=("192.168.7.0/24", "fd77::/48"), masquerade=True
)


class RulesTests(SynchronousTestCase):
    def test_members_reach_what_is_announced_and_nothing_else(self) -> None:
        lines = [line.strip() for line in rules_text(WANTED).splitlines()]
        first = lines.index("chain from_members {")
        self.assertEqual(
            lines[first + 1 : first + 5],
            [
                "ct state established,related accept",
                "ip daddr { 192.168.7.0/24 } accept",
                "ip6 daddr { fd77::/48 } accept",
                "drop",
            ],
        )
        self.assertIn('iifname "zerogo0" oifname != "zerogo0" jump from_members', lines)
        self.assertIn('ip saddr 10.9.0.0/20 oifname != "zerogo0" masquerade', lines)

    def test_an_exit_leads_to_no_private_network(self) -> None:
        text = rules_text(Forwards(device="zerogo0", members=("10.9.0.0/20",), subnets=("10.77.0.0/16", "0.0.0.0/0")))
        order = [text.index(piece) for piece in ("{ 10.77.0.0/16 } accept", "10.0.0.0/8, ", "meta nfproto ipv4 accept")]
        self.assertEqual(order, sorted(order))
        self.assertNotIn("nfproto ipv6 accept", text)

    def test_without_masquerade_addresses_stay(self) -> None:
        self.assertNotIn(
            "masquerade", rules_text(Forwards(device="z", members=("10.9.0.0/20",), subnets=(), masquerade=False))
        )

    def test_a_tables_name_is_one_for_nftables(self) -> None:
        self.assertEqual(table_name("zero-go.0"), "zerogo_zero_go_0")


class ForwardingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.knobs = Path(self.mktemp())
        self.ran: list[str] = []
        self.forwarding = Forwarding(self.ran.append, self.knobs)

    def set(self, name: str, value: str) -> None:
        (self.knobs / name).parent.mkdir(parents=True, exist_ok=True)
        (self.knobs / name).write_text(value + "\n")

    def test_what_the_kernel_does_not_forward_is_not_announced_and_told(self) -> None:
        self.set("net/ipv4/ip_forward", "1")
        fine, sentence = self.forwarding.forwardable(["192.168.7.0/24", "fd77::/48"])
        self.assertEqual(fine, ("192.168.7.0/24",))
        self.assertIn("fd77::/48 is not announced", sentence)
        self.assertIn("net.ipv6.conf.all.forwarding=1", sentence)

    def test_an_exit_for_ipv4_only_is_an_exit(self) -> None:
        self.assertIn("not announced", self.forwarding.forwardable(["0.0.0.0/0", "::/0"])[1])
        self.set("net/ipv4/ip_forward", "1")
        self.assertEqual(self.forwarding.forwardable(["0.0.0.0/0", "::/0"]), (("0.0.0.0/0",), ""))

    def test_rules_are_set_once_and_removed_at_the_end(self) -> None:
        self.forwarding.use(WANTED)
        self.forwarding.use(WANTED)
        self.forwarding.use(None)
        self.forwarding.clear()
        self.assertEqual(len(self.ran), 2)
        self.assertEqual(
            self.ran[1].split(), ["table", "inet", "zerogo_zerogo0", "delete", "table", "inet", "zerogo_zerogo0"]
        )

    def test_strict_filters_are_seen(self) -> None:
        for name, mode in (("all", "0"), ("eth0", "1"), ("eth1", "2")):
            self.set(f"net/ipv4/conf/{name}/rp_filter", mode)
        sentence = self.forwarding.filter_complaint("zerogo0")
        self.assertIn("dropped by eth0, until", sentence)
        self.set("net/ipv4/conf/all/rp_filter", "2")
        self.assertEqual(self.forwarding.filter_complaint("zerogo0"), "")
