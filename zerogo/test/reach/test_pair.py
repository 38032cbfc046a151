"""One sentence for each kind of pair; every combination gives one that is whole."""

from __future__ import annotations

from itertools import product

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from zerogo.ice.candidate import CandidateKind
from zerogo.ice.nature import NatBehaviour, NatMapping, PortPattern
from zerogo.reach.pair import (
    SILENT_SECONDS,
    Cause,
    End,
    PairFacts,
    PathFacts,
    Place,
    Way,
    describe_nat,
    explain,
    find_cause,
)

HARD = NatBehaviour(mapping=NatMapping.PER_DESTINATION, ports=PortPattern.RANDOM)
EASY = NatBehaviour(mapping=NatMapping.STABLE, ports=PortPattern.PRESERVED)
HOST4, HOST6 = Place(CandidateKind.HOST, False), Place(CandidateKind.HOST, True)
OUTER, RELAY, MAPPED = (Place(kind, False) for kind in (CandidateKind.SRFLX, CandidateKind.RELAY, CandidateKind.MAPPED))
HOME = End(places=(HOST4, OUTER, RELAY), nat=EASY)
OFFICE = End(places=(HOST4, OUTER, RELAY), nat=HARD)
FACTS = PairFacts(name="bob", state="unreachable", reason="no answer", ours=HOME, theirs=HOME, port=9993)
BY_RELAY = PathFacts(way=Way.RELAY, via=("fra",))


class CauseTests(SynchronousTestCase):
    """Why there is no direct path."""

    def cause(self, **changes: object) -> Cause:
        return find_cause(evolve(FACTS, **changes))

    def test_each_cause_has_its_facts(self) -> None:
        six = End(places=(HOST6, RELAY))
        blocked, bare = End(places=(HOST4, RELAY)), End(places=(HOST4,))
        for cause, changes in (
            (Cause.NOTHING_HERE, {"ours": End(places=(RELAY,))}),
            (Cause.SHUT_DOWN, {"reason": "the peer has shut down"}),
            (Cause.FELL_SILENT, {"heard_age": 30.0}),
            (Cause.FELL_SILENT, {"heard_age": SILENT_SECONDS, "theirs": bare, "servers": 2}),
            (Cause.FELL_SILENT, {"heard_age": 30.0, "ours": bare}),
            (Cause.FELL_SILENT, {"heard_age": 30.0, "ours": blocked, "servers": 2}),
            (Cause.UDP_BLOCKED_HERE, {"heard_age": 30.0, "ours": bare, "servers": 2}),
            (Cause.CHECKS_FAILED, {"heard_age": SILENT_SECONDS - 0.1}),
            (Cause.CHECKS_FAILED, {"heard_age": 30.0, "state": "connected"}),
            (Cause.NOT_HEARD, {"theirs": End()}),
            (Cause.NO_COMMON_FAMILY, {"theirs": six}),
            (Cause.UDP_BLOCKED_HERE, {"ours": blocked}),
            (Cause.UDP_BLOCKED_THERE, {"theirs": blocked}),
            (Cause.UDP_BLOCKED_HERE, {"ours": bare, "servers": 2}),
            (Cause.UDP_BLOCKED_THERE, {"theirs": bare, "servers": 2}),
            (Cause.CHECKS_FAILED, {"ours": bare, "theirs": bare}),
            (Cause.CHECKS_FAILED, {"servers": 2}),
            (Cause.BOTH_HARD, {"ours": OFFICE, "theirs": OFFICE}),
            (Cause.WE_HARD, {"ours": OFFICE}),
            (Cause.THEY_HARD, {"theirs": OFFICE}),
            (Cause.CHECKS_FAILED, {}),
        ):
            self.assertIs(self.cause(**changes), cause)


class SentenceTests(SynchronousTestCase):
    """What a person reads."""

    def explain(self, **changes: object) -> tuple[str, tuple[str, ...]]:
        explanation = explain(evolve(FACTS, **changes))
        return explanation.sentence, explanation.advice

    def direct(self, local: str, remote: str, **changes: object) -> str:
        path = PathFacts(way=Way.DIRECT, address="203.0.113.5:4500", local_kind=local, remote_kind=remote)
        return self.explain(state="connected", reason="", path=path, **changes)[0]

    def test_direct_paths_say_what_they_lead_through(self) -> None:
        self.assertEqual(
            self.direct("host", "host"), "bob is reached directly, without a NAT in between, at 203.0.113.5:4500."
        )
        self.assertEqual(
            self.direct("srflx", "prflx"),
            "bob is reached directly, through its NAT and this machine's NAT, at 203.0.113.5:4500.",
        )
        self.assertEqual(
            self.direct("host", "mapped"),
            "bob is reached directly, through a port that its gateway maps to it, at 203.0.113.5:4500.",
        )
        self.assertIn("this machine's gateway maps", self.direct("mapped", "srflx"))
        self.assertIn("the right port was found", self.direct("prflx", "srflx", ours=OFFICE))

    def test_a_tcp_connection_says_whose_port_it_is_and_why_it_is_used(self) -> None:
        blocked = End(places=(HOST4, RELAY))
        active = PathFacts(way=Way.TCP, address="203.0.113.5:443", local_kind="active", remote_kind="passive")
        self.assertEqual(
            self.explain(state="connected", path=active, ours=blocked),
            (
                "bob is reached through its TCP port 203.0.113.5:443, because the network of this machine lets no UDP "
                "out.",
                ("Have the firewall let UDP out, from port 9993.",),
            ),
        )
        passive = evolve(active, local_kind="passive", remote_kind="active")
        sentence, _ = self.explain(state="connected", reason="", path=passive)
        self.assertEqual(
            sentence, "bob is reached through this machine's TCP port, while a direct path is being looked for."
        )

    def test_who_has_no_udp_is_told_of_the_open_port_that_would_do(self) -> None:
        blocked = End(places=(HOST4, RELAY))
        ours = evolve(HOME, ports=("198.51.100.7:443",), is_port_mapped=True)
        by_relay = {"state": "connected", "path": BY_RELAY}
        self.assertIn("listen-tcp: 443", self.explain(**by_relay, ours=blocked)[1][1])
        self.assertIn("listen-tcp: 443", self.explain(**by_relay, theirs=blocked)[1][1])
        announced = self.explain(**by_relay, theirs=blocked, ours=ours)[1][1]
        self.assertEqual(announced, "Have the firewall here let TCP in to 198.51.100.7:443: bob has not come by it.")
        there = self.explain(**by_relay, ours=blocked, theirs=ours)[1][1]
        self.assertIn("Have the firewall of bob let TCP in to 198.51.100.7:443", there)

    def test_where_a_router_does_not_map_the_open_port_that_is_said(self) -> None:
        blocked, ours = End(places=(HOST4, RELAY)), evolve(HOME, ports=("192.168.1.2:8443",))
        by_relay = {"state": "connected", "path": BY_RELAY}
        _, advice = self.explain(**by_relay, theirs=blocked, ours=ours, tcp_refusal="its owner does not allow it")
        self.assertEqual(
            advice[1],
            "The router of this machine does not map its TCP port (its owner does not allow it): allow it there, or "
            "forward the port by hand and name the place in `tcp-addresses`.",
        )
        _, advice = self.explain(**by_relay, ours=blocked, theirs=ours)
        self.assertEqual(advice[1], "The router of bob does not map its TCP port: `zerogo netcheck` there says why.")
        _, advice = self.explain(**by_relay, ours=blocked, theirs=evolve(ours, is_port_mapped=True))
        self.assertIn("Have the firewall of bob let TCP in", advice[1])

    def test_without_a_relay_it_is_said_that_no_server_answers_and_what_would_do(self) -> None:
        bare = End(places=(HOST4,))
        self.assertEqual(
            self.explain(ours=bare, servers=2),
            (
                "bob is not reached, because no server answers this machine by UDP, so its network seems to let no "
                "UDP out.",
                (
                    "Have the firewall let UDP out, from port 9993.",
                    "Where bob can be reached from outside, set `listen-tcp: 443` in its configuration; behind a "
                    "router that maps ports, a port from 1024 on.",
                    "Run a relay for the network that this machine reaches by TCP or TLS, at port 443 for example.",
                ),
            ),
        )
        sentence, advice = self.explain(theirs=bare, servers=2)
        self.assertIn("no server answers bob by UDP", sentence)
        self.assertIn("that bob reaches by TCP or TLS", advice[-1])

    def test_ipv6_is_named(self) -> None:
        path = PathFacts(way=Way.DIRECT, local_kind="host", remote_kind="host", is_ipv6=True)
        self.assertEqual(
            self.explain(state="connected", reason="", path=path)[0],
            "bob is reached directly, by IPv6, where no NAT is in the way.",
        )

    def test_relayed_pairs_say_by_whom_why_and_what_would_help(self) -> None:
        sentence, advice = self.explain(state="connected", path=BY_RELAY, ours=OFFICE, theirs=OFFICE)
        self.assertEqual(
            sentence,
            "bob is reached through the relay fra, because the NATs of both ends use another port for each "
            "destination, so neither can be told where to send to.",
        )
        self.assertEqual(advice[0], "Switch on UPnP, NAT-PMP or PCP in the router of this machine.")
        self.assertIn("zerogo netcheck", advice[1])
        self.assertIn("IPv6", advice[2])

    def test_a_relay_that_is_better_or_stands_in_is_told_so(self) -> None:
        for words, changes in (
            ("fra, which does better than the direct path at present.", {"has_direct": True}),
            ("fra, while a direct path is being looked for.", {"reason": ""}),
        ):
            sentence, advice = self.explain(state="connected", path=BY_RELAY, **changes)
            self.assertEqual((sentence, advice), (f"bob is reached through the relay {words}", ()))

    def test_members_in_between_are_named(self) -> None:
        for via, words in ((("carol",), "the member carol,"), (("carol", "dave"), "the members carol, dave,")):
            path = PathFacts(way=Way.MEMBERS, via=via)
            self.assertIn(f"through {words}", self.explain(state="connected", path=path, theirs=OFFICE)[0])

    def test_unreached_peers_say_why(self) -> None:
        self.assertEqual(self.explain()[0], "bob is not reached, because checks found no way: no answer.")
        self.assertEqual(
            self.explain(theirs=End())[0],
            "bob is not reached, because it has not told its addresses: "
            "it is offline, or out of the controller's reach.",
        )
        self.assertIn("this machine has IPv4 only and bob has IPv6 only", self.explain(theirs=End(places=(HOST6,)))[0])

    def test_who_was_reached_and_fell_silent_is_not_blamed_on_nats(self) -> None:
        for age, words in ((10.0, "10 seconds"), (119.0, "119 seconds"), (120.0, "2 minutes"), (7300.0, "2 hours")):
            self.assertEqual(
                self.explain(heard_age=age),
                (
                    f"bob is not reached, because nothing has come from it for {words}, by any way: "
                    "it is off, or cut off.",
                    ("See whether bob is on and has a network; `zerogo doctor` there says what is wrong.",),
                ),
            )

    def test_who_fell_silent_when_this_machine_was_cut_off_is_the_last_to_look_at(self) -> None:
        sentence, advice = self.explain(ours=End(places=(HOST4,)), servers=2, heard_age=30.0)
        self.assertIn("no server answers this machine by UDP", sentence)
        self.assertIn("Have the firewall let UDP out, from port 9993.", advice[0])
        self.assertIn("See whether bob is on", advice[-1])

    def test_a_search_under_way_is_no_failure(self) -> None:
        for state in ("waiting", "connecting", "handshaking"):
            self.assertIn("is not reached yet", self.explain(state=state, reason="")[0])

    def test_advice_is_about_what_can_be_changed(self) -> None:
        self.assertIn("forward UDP port 9993", self.explain()[1][0])
        open_host = evolve(HOME, nat=NatBehaviour(mapping=NatMapping.NONE))
        self.assertEqual(self.explain(ours=open_host)[1][0], "Have the firewall here let UDP in to port 9993.")
        _, advice = self.explain(ours=OFFICE, wants_mapping=False)
        self.assertIn("port-mapping: true", advice[0])
        mapped = evolve(OFFICE, places=(*OFFICE.places, MAPPED, HOST6))
        self.assertEqual(self.explain(ours=mapped, theirs=evolve(mapped, nat=EASY))[1], ())
        self.assertEqual(self.explain(ours=mapped)[1][1:], ("Give bob IPv6, where no NAT is in the way.",))

    def test_details_name_what_was_offered(self) -> None:
        details = explain(evolve(FACTS, ours=OFFICE)).details
        self.assertEqual(
            details[0],
            "this machine offers host IPv4, srflx IPv4, relay IPv4; "
            "NAT: another outer port for each destination, drawn at random",
        )
        self.assertEqual(details[2], "last failure: no answer")

    def test_every_combination_has_one_whole_sentence(self) -> None:
        places = ((), (HOST4,), (HOST6,), (HOST4, RELAY), (HOST4, OUTER), (HOST4, MAPPED, RELAY))
        nats = [NatBehaviour(mapping=mapping, ports=ports) for mapping in NatMapping for ports in PortPattern]
        ends = [End(places=each, nat=nat) for each in places for nat in nats[::3]]
        states = ("waiting", "connecting", "handshaking", "connected", "unreachable")
        paths = (None, BY_RELAY, PathFacts(way=Way.MEMBERS), PathFacts(way=Way.DIRECT, remote_kind="srflx"))
        for ours, theirs, (state, path, reason) in product(
            ends[::2], ends[1::2], product(states, paths, ("", "no answer", "the peer has shut down"))
        ):
            found = explain(evolve(FACTS, ours=ours, theirs=theirs, state=state, path=path, reason=reason))
            for sentence in (found.sentence, *found.advice):
                self.assertTrue(sentence.endswith(".") and sentence[0] in "bGSDHCLW", sentence)
                self.assertFalse("  " in sentence or ",," in sentence or ",." in sentence, sentence)

    def test_nats_are_described(self) -> None:
        for mapping, ports in product(NatMapping, PortPattern):
            self.assertTrue(describe_nat(NatBehaviour(mapping=mapping, ports=ports)))
