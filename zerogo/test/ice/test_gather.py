"""Learning our server-reflexive addresses, in virtual time."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.ice.gather import (
    SERVERS_LIMIT,
    AddressFamily,
    Gatherer,
    GatherEvent,
    MappingChanged,
    MappingObserved,
    ReflexiveFound,
)
from zerogo.ids import SocketAddress
from zerogo.stun.attributes import Attribute, MappedAddress, XorMappedAddress
from zerogo.stun.message import Message, MessageClass, Method, emit, parse

FIRST, SECOND = SocketAddress("198.51.100.1", 3478), SocketAddress("198.51.100.2", 3478)
SIXTH = SocketAddress("2001:db8::1", 3478)
MAPPED, OTHER = SocketAddress("203.0.113.9", 40000), SocketAddress("203.0.113.9", 40001)
IPV4 = AddressFamily.IPV4
View = Callable[[SocketAddress], SocketAddress | None]


class GathererTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.gatherer = Gatherer(random.Random(1).randbytes)
        self.now = 0.0
        self.sent: list[tuple[float, SocketAddress]] = []

    def answer(self, request: Message, source: SocketAddress, attribute: Attribute) -> None:
        raw = emit(Message(Method.BINDING, MessageClass.SUCCESS, request.transaction_id, (attribute,)))
        self.gatherer.receive_message(parse(raw), raw, source, self.now)

    def run_for(self, seconds: float, view: View) -> list[GatherEvent]:
        """Servers answer at once with what `view` says; None is silence."""
        end = self.now + seconds
        while True:
            for transmit in self.gatherer.transmits():
                self.sent.append((self.now, transmit.destination))
                mapped = view(transmit.destination)
                if mapped is not None:
                    self.answer(parse(transmit.payload), transmit.destination, XorMappedAddress(mapped))
            due = self.gatherer.next_timer()
            if due is None or due.at > end:
                self.now = end
                return list(self.gatherer.events())
            self.now = max(self.now, due.at)
            self.gatherer.handle_timer(self.now)

    def test_answer_is_told_once(self) -> None:
        self.gatherer.set_servers([FIRST], self.now)
        self.assertEqual(self.run_for(100.0, lambda _: MAPPED), [ReflexiveFound(FIRST, MAPPED)])

    def test_mapping_is_kept_alive_every_twenty_seconds_give_or_take_two(self) -> None:
        self.gatherer.set_servers([FIRST], self.now)
        self.run_for(400.0, lambda _: MAPPED)
        gaps = [late - early for (early, _), (late, _) in itertools.pairwise(self.sent)]
        self.assertTrue(all(18.0 <= gap <= 22.0001 for gap in gaps), str(gaps))
        self.assertGreater(max(gaps) - min(gaps), 1.0)

    def test_request_is_repeated_and_then_given_up(self) -> None:
        self.gatherer.set_servers([FIRST], self.now)
        events = self.run_for(0.8, lambda _: None)
        self.assertEqual([round(when, 3) for when, _ in self.sent], [0.0, 0.1, 0.3])
        self.assertEqual(events, [])

    def test_silent_server_is_asked_again_soon(self) -> None:
        self.gatherer.set_servers([FIRST], self.now)
        self.run_for(12.0, lambda _: None)
        begun = [round(when, 1) for when, _ in self.sent[::3]]
        self.assertEqual(begun, [0.0, 1.7, 4.4, 10.1])

    def test_a_silent_server_says_nothing_of_the_nat(self) -> None:
        self.gatherer.set_servers([FIRST, SECOND], self.now)
        events = self.run_for(60.0, lambda server: MAPPED if server == FIRST else None)
        self.assertEqual(events, [ReflexiveFound(FIRST, MAPPED)])

    def test_servers_that_agree_show_an_endpoint_independent_mapping(self) -> None:
        self.gatherer.set_servers([FIRST, SECOND], self.now)
        events = self.run_for(50.0, lambda _: MAPPED)
        self.assertEqual([each for each in events if isinstance(each, MappingObserved)], [MappingObserved(IPV4, True)])

    def test_servers_that_differ_show_a_symmetric_nat(self) -> None:
        self.gatherer.set_servers([FIRST, SECOND], self.now)
        events = self.run_for(50.0, lambda server: MAPPED if server == FIRST else OTHER)
        self.assertIn(MappingObserved(IPV4, False), events)

    def test_families_are_not_compared(self) -> None:
        mapped = SocketAddress("2001:db8::99", 9993)
        self.gatherer.set_servers([FIRST, SIXTH], self.now)
        events = self.run_for(50.0, lambda server: mapped if server.is_ipv6 else MAPPED)
        self.assertEqual(events, [ReflexiveFound(FIRST, MAPPED), ReflexiveFound(SIXTH, mapped)])

    def test_change_is_told_and_the_other_servers_are_asked_at_once(self) -> None:
        """A NAT that was rebooted must not pass for a symmetric one while half of the servers know."""
        self.gatherer.set_servers([FIRST, SECOND], self.now)
        self.run_for(70.0, lambda _: MAPPED)
        events = self.run_for(25.0, lambda _: OTHER)
        self.assertEqual(len([each for each in events if isinstance(each, MappingChanged)]), 2)
        self.assertEqual([each for each in events if isinstance(each, MappingObserved)], [])

    def test_nat_that_changes_at_every_answer_costs_no_more_questions(self) -> None:
        ports = iter(range(1024, 60000))
        self.gatherer.set_servers([FIRST, SECOND], self.now)
        self.run_for(200.0, lambda _: SocketAddress("203.0.113.9", next(ports)))
        self.assertLess(len(self.sent), 60)

    def test_refresh_asks_all_at_once(self) -> None:
        self.gatherer.set_servers([FIRST, SECOND], self.now)
        self.run_for(5.0, lambda _: MAPPED)
        self.sent.clear()
        self.gatherer.refresh(self.now)
        self.run_for(0.0, lambda _: MAPPED)
        self.assertEqual(self.sent, [(5.0, FIRST), (5.0, SECOND)])

    def test_server_that_is_not_wanted_any_more_is_forgotten(self) -> None:
        self.gatherer.set_servers([FIRST, SECOND], self.now)
        requests = {each.destination: parse(each.payload) for each in self.gatherer.transmits()}
        self.gatherer.set_servers([SECOND], self.now)
        self.assertFalse(self.gatherer.owns_transaction(requests[FIRST].transaction_id))
        self.answer(requests[FIRST], FIRST, XorMappedAddress(MAPPED))
        self.assertEqual(list(self.gatherer.events()), [])
        self.gatherer.set_servers([], self.now)
        self.assertIsNone(self.gatherer.next_timer())

    def test_servers_are_bounded(self) -> None:
        self.gatherer.set_servers([SocketAddress("198.51.100.1", port) for port in range(1, 200)], self.now)
        self.assertEqual(len(list(self.gatherer.transmits())), SERVERS_LIMIT)

    def test_answer_counts_only_from_the_server_and_with_its_transaction(self) -> None:
        self.gatherer.set_servers([FIRST], self.now)
        (request,) = (parse(each.payload) for each in self.gatherer.transmits())
        self.assertTrue(self.gatherer.owns_transaction(request.transaction_id))
        self.answer(request, SECOND, XorMappedAddress(MAPPED))
        forged = Message(Method.BINDING, MessageClass.REQUEST, bytes(12))
        self.answer(forged, FIRST, XorMappedAddress(MAPPED))
        self.assertEqual(list(self.gatherer.events()), [])

    def test_answer_without_sense_does_not_count(self) -> None:
        for host, port in (("0.0.0.0", 5), ("224.0.0.1", 5), ("203.0.113.9", 0), ("2001:db8::1", 5)):
            self.gatherer.set_servers([], self.now)
            self.gatherer.set_servers([FIRST], self.now)
            (request,) = (parse(each.payload) for each in self.gatherer.transmits())
            self.answer(request, FIRST, XorMappedAddress(SocketAddress(host, port)))
            self.assertEqual(list(self.gatherer.events()), [])

    def test_old_server_that_does_not_mask_the_address_is_understood(self) -> None:
        self.gatherer.set_servers([FIRST], self.now)
        (request,) = (parse(each.payload) for each in self.gatherer.transmits())
        self.answer(request, FIRST, MappedAddress(MAPPED))
        self.assertEqual(list(self.gatherer.events()), [ReflexiveFound(FIRST, MAPPED)])

    @settings(deadline=None, max_examples=60)
    @given(st.lists(st.tuples(st.sampled_from(MessageClass), st.binary(min_size=12, max_size=12)), max_size=10))
    def test_messages_of_strangers_change_nothing(self, messages: list[tuple[MessageClass, bytes]]) -> None:
        gatherer = Gatherer(random.Random(1).randbytes)
        gatherer.set_servers([FIRST], 0.0)
        list(gatherer.transmits())
        for message_class, transaction_id in messages:
            raw = emit(Message(Method.BINDING, message_class, transaction_id, (XorMappedAddress(MAPPED),)))
            gatherer.receive_message(parse(raw), raw, FIRST, 0.1)
        self.assertEqual(list(gatherer.events()), [])
        self.assertEqual(list(gatherer.transmits()), [])
