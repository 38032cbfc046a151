"""Streams are opened on another edge where that is safe, and the truth is told where it is not."""

from __future__ import annotations

from collections.abc import Callable

from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from zerogo.exit.choose import Demand, misfit
from zerogo.exit.edges import EJECT_FAILURES, EdgeProfile, EdgeState
from zerogo.exit.frames import Command
from zerogo.exit.grant import Grant
from zerogo.exit.reason import Reason
from zerogo.exit.retry import LIMIT_SECONDS
from zerogo.exit.target import Target
from zerogo.net.exit_opening import Opening, OpenStream
from zerogo.net.timeouts import Timeouts
from zerogo.test.net.exit_link import Link, Stream

DEMAND = Demand(command=Command.CONNECT, target=Target("example.net", 443))


class Edge:
    def __init__(self, number: int, first: Link | None) -> None:
        self.link = Link(None if first is None else first.clock)
        self.driver = self.link.gateway
        self.state = EdgeState(EdgeProfile(edge=f"e{number}"))
        self.openings: dict[Opening, None] = {}


class OpeningTests(SynchronousTestCase):
    def setUp(self) -> None:
        first = Edge(0, None)
        self.edges = [first, Edge(1, first.link), Edge(2, first.link), Edge(3, first.link)]
        self.clock = first.link.clock
        self.opened: list[OpenStream] = []
        self.failed: list[Reason] = []
        self.counted: list[Reason] = []
        self.limits: Timeouts[Opening] = Timeouts(self.clock, LIMIT_SECONDS, Opening.late)
        self.opening = Opening(self, Grant(user="u"), DEMAND, self, self.limits)
        self.then: list[Callable[[], object]] | None = None
        """What is to be called when edges may be chosen; None: nobody has to be asked."""

    def ask_first(self, grant: Grant, demand: Demand, then: Callable[[], object]) -> bool:
        if self.then is None:
            return False
        self.then.append(then)
        return True

    def edge_for(self, grant: Grant, demand: Demand) -> Edge | None:
        return next((edge for edge in self.edges if misfit(edge.state, demand) is None), None)

    def opening_failed(self, reason: Reason) -> None:
        self.counted.append(reason)

    def stream_opened(self, stream: OpenStream) -> None:
        self.opened.append(stream)
        stream.edge.driver.own(stream.number, Stream())

    def stream_failed(self, reason: Reason, sentence: str) -> None:
        self.failed.append(reason)

    def settle(self) -> None:
        for edge in self.edges:
            edge.link.settle()

    def begin(self, early: bytes = b"") -> None:
        self.opening.begin()
        if early:
            self.opening.write(early)
        self.settle()

    def refuse(self, edge: int, reason: Reason) -> None:
        link = self.edges[edge].link
        link.edge.reset(link.edge_owner.requests[-1][0], reason)
        self.settle()

    def test_early_bytes_go_along_and_the_stream_is_handed_over_once(self) -> None:
        self.begin(b"early")
        link = self.edges[0].link
        far = Stream()
        link.edge.own(link.edge_owner.requests[-1][0], far)
        self.opening.write(b" more")
        link.confirm()
        self.assertEqual((far.data, len(self.opened), self.failed), (b" more", 1, []))
        self.assertEqual((self.edges[0].state.in_flight, self.edges[0].state.streams), (0, 1))
        self.opened[0].ended()
        self.assertEqual(self.edges[0].state.streams, 0)
        self.assertEqual(len(self.limits), 0)

    def test_where_others_have_a_say_the_edge_is_chosen_when_they_had_it_and_early_bytes_wait(self) -> None:
        self.then = []
        self.begin(b"early")
        self.assertEqual((self.opening.tried, len(self.then)), ((), 1))
        self.then.pop()()
        self.settle()
        self.assertEqual(self.edges[0].link.edge.tunnel.mux._streams[1].received, 5)
        self.refuse(0, Reason.OVERLOADED)
        self.assertEqual(len(self.then), 1, "they are asked for the next edge, too")
        self.opening.cancel()
        self.then.pop()()
        self.assertEqual((self.opening.tried, self.failed), (("e0",), []))

    def test_an_overloaded_edge_is_followed_by_another_with_the_same_bytes(self) -> None:
        self.begin(b"early")
        self.refuse(0, Reason.OVERLOADED)
        link = self.edges[1].link
        self.assertEqual(link.edge.tunnel.mux._streams[1].received, 5)
        link.confirm()
        self.assertEqual((len(self.opened), self.opening.tried), (1, ("e0", "e1")))
        self.assertEqual(self.edges[0].state.failures, 1)

    def test_a_refused_connection_is_told_at_once_and_is_not_the_edges_fault(self) -> None:
        self.begin()
        self.refuse(0, Reason.REFUSED)
        self.assertEqual(
            (self.failed, self.edges[0].state.failures, self.edges[0].state.streams), ([Reason.REFUSED], 0, 0)
        )

    def test_three_edges_are_enough(self) -> None:
        self.begin()
        for edge in range(3):
            self.refuse(edge, Reason.NETWORK_UNREACHABLE)
        self.assertEqual((self.failed, len(self.opening.tried)), ([Reason.NETWORK_UNREACHABLE], 3))

    def test_a_silent_edge_is_left_for_another_where_nothing_was_sent_along(self) -> None:
        for early, tried in ((b"", ("e0", "e1")), (b"x", ("e0",))):
            self.opening = Opening(self, Grant(user="u"), DEMAND, self, self.limits)
            self.begin(early)
            for opening in list(self.edges[0].openings):
                opening.edge_silent()
            self.settle()
            self.assertEqual(self.opening.tried, tried)
        self.assertEqual(self.edges[0].state.failed, 0)
        self.edges[1].link.confirm()
        self.assertEqual([stream.edge.state.profile.edge for stream in self.opened], ["e1"])

    def test_a_silent_edge_is_waited_for_where_there_is_no_other_that_answers(self) -> None:
        for edge in self.edges[1:]:
            edge.state.is_silent = True
        self.begin()
        self.opening.edge_silent()
        self.assertEqual((self.opening.tried, self.failed), (("e0",), []))
        del self.edges[1:]
        self.refuse(0, Reason.POLICY)
        self.assertEqual(self.failed, [Reason.POLICY], "what the edge says in the end is told")

    def test_an_edge_that_keeps_failing_is_said_to_be_unstable_once(self) -> None:
        del self.edges[1:]
        with capturedLogs() as lines:
            for _ in range(EJECT_FAILURES + 2):
                self.opening = Opening(self, Grant(user="u"), DEMAND, self, self.limits)
                self.begin()
                self.refuse(0, Reason.OVERLOADED)
        (line,) = [line for line in lines if line.get("event") == "edge-ejected"]
        self.assertTrue(line["log_format"].startswith("[NODE_UNSTABLE] "))
        self.assertEqual(line["edge"], "e0")

    def test_without_a_second_edge_the_first_ones_reason_is_told(self) -> None:
        del self.edges[1:]
        self.begin()
        self.refuse(0, Reason.POLICY)
        self.assertEqual(self.failed, [Reason.POLICY])

    def test_a_lost_carrier_is_left_at_once_without_payload_and_waited_for_with(self) -> None:
        self.begin()
        for opening in list(self.edges[0].openings):
            opening.carrier_lost()
        self.assertEqual(self.opening.tried, ("e0", "e1"))
        self.setUp()
        self.begin(b"payload")
        self.edges[0].link.cut()
        for opening in list(self.edges[0].openings):
            opening.carrier_lost()
        self.assertEqual(self.opening.tried, ("e0",))
        self.edges[0].link.connect()
        self.settle()
        self.edges[0].link.confirm()
        self.assertEqual(len(self.opened), 1)

    def test_after_the_time_limit_it_has_failed(self) -> None:
        self.begin()
        self.clock.advance(LIMIT_SECONDS)
        self.assertEqual(self.failed, [Reason.TIMED_OUT])
        self.edges[0].link.confirm()
        self.assertEqual(self.opened, [])

    def test_a_user_who_leaves_is_told_nothing_and_the_edge_is(self) -> None:
        self.begin()
        far = Stream()
        self.edges[0].link.edge.own(1, far)
        self.opening.cancel()
        self.settle()
        self.assertEqual((self.failed, self.opened, far.happened), ([], [], [Reason.CANCELLED]))

    def test_no_edge_at_all_is_said_at_once(self) -> None:
        del self.edges[:]
        self.opening.begin()
        self.assertEqual((self.failed, self.opening.is_over), ([Reason.NO_EDGE], True))
