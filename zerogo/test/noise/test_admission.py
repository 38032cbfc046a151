"""Tests for zerogo.noise.admission: load, cookies and freshness through whole datagrams."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.errors import ParseError
from zerogo.ids import SocketAddress
from zerogo.noise.admission import Admission, CookieDemanded
from zerogo.noise.cookie import LOAD_BURST, SOURCE_BURST, mac
from zerogo.noise.errors import NotAuthentic, Replayed, TooManyInitiations
from zerogo.noise.exchange import Initiator, Responder
from zerogo.test.noise.test_exchange import ALICE, BOB, NETWORK, counting_random, flipped, initiator, responder
from zerogo.test.noise.test_timestamp import stamp

SOURCE = SocketAddress("192.0.2.1", 9993)


class AdmissionTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.admission = Admission(NETWORK, BOB.static_public, counting_random(6))
        self.initiator: Initiator = initiator()
        self.responder: Responder = responder()

    def receive(self, datagram: bytes, source: SocketAddress = SOURCE, now: float = 0.0) -> CookieDemanded | None:
        """What a node does about a member's initiation: None where it would answer."""
        demanded = self.admission.admit(datagram, source, now)
        if demanded is not None:
            return demanded
        received = self.responder.consume_initiation(datagram)
        return self.admission.check_fresh(received, datagram, source, now)

    def cookie_of(self, demanded: CookieDemanded | None) -> bytes:
        assert demanded is not None
        return self.initiator.consume_cookie_reply(demanded.reply)


class LoadTests(AdmissionTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.datagram = self.initiator.create_initiation(7, stamp(1))

    def _overload(self, now: float = 0.0) -> None:
        for _ in range(LOAD_BURST + 1):
            self.admission.admit(self.datagram, SocketAddress("198.51.100.1", 1), now)

    def test_without_load_no_cookie_is_asked_for(self) -> None:
        self.assertIsNone(self.admission.admit(self.datagram, SOURCE, 0.0))

    def test_under_load_a_cookie_is_asked_for_and_opens_the_door(self) -> None:
        self._overload()
        cookie = self.cookie_of(self.admission.admit(self.datagram, SOURCE, 0.0))
        retry = self.initiator.create_initiation(8, stamp(2), cookie=cookie)
        self.assertIsNone(self.receive(retry))

    def test_under_load_the_cookie_of_another_port_does_not_open_the_door(self) -> None:
        self._overload()
        cookie = self.cookie_of(self.admission.admit(self.datagram, SOURCE, 0.0))
        retry = self.initiator.create_initiation(8, stamp(2), cookie=cookie)
        other = SocketAddress(SOURCE.host, SOURCE.port + 1)
        self.assertIsInstance(self.admission.admit(retry, other, 0.0), CookieDemanded)

    def test_load_ends_by_itself(self) -> None:
        self._overload()
        self.assertTrue(self.admission._limiter.under_load(0.5))
        self.assertIsNone(self.admission.admit(self.datagram, SOURCE, 2.0))

    def test_strangers_do_not_make_load_and_get_no_answer(self) -> None:
        for number in range(500):
            with self.assertRaises((NotAuthentic, ParseError)):
                self.admission.admit(flipped(self.datagram, number % 148), SOURCE, 0.0)
        self.assertFalse(self.admission._limiter.under_load(0.0))

    def test_one_source_is_held_to_its_rate_under_load(self) -> None:
        self._overload()
        cookie = self.cookie_of(self.admission.admit(self.datagram, SOURCE, 0.0))
        retries = [self.initiator.create_initiation(8, stamp(2 + n), cookie=cookie) for n in range(SOURCE_BURST + 1)]
        for retry in retries[:-1]:
            self.assertIsNone(self.admission.admit(retry, SOURCE, 0.0))
        self.assertRaises(TooManyInitiations, self.admission.admit, retries[-1], SOURCE, 0.0)


class FreshnessTests(AdmissionTestCase):
    def test_a_replay_is_refused(self) -> None:
        datagram = self.initiator.create_initiation(7, stamp(1))
        self.assertIsNone(self.receive(datagram))
        self.assertRaises(Replayed, self.receive, datagram)

    def test_a_node_whose_clock_was_far_ahead_comes_back_by_a_cookie(self) -> None:
        self.assertIsNone(self.receive(self.initiator.create_initiation(7, stamp(4e9))))
        cookie = self.cookie_of(self.receive(self.initiator.create_initiation(8, stamp(1e9))))
        retry = self.initiator.create_initiation(9, stamp(1e9 + 1), cookie=cookie)
        self.assertIsNone(self.receive(retry))
        self.assertRaises(Replayed, self.receive, retry)

    def test_a_fresh_mac2_on_a_recorded_initiation_proves_nothing(self) -> None:
        """An attacker who knows the responder's public key can open cookie replies and make mac2, but not the seal."""
        recorded = self.initiator.create_initiation(7, stamp(1))
        self.receive(recorded)
        self.receive(self.initiator.create_initiation(8, stamp(2)))
        attacker = Initiator(ALICE, BOB.static_public, NETWORK, bytes(32), self.initiator.suite, counting_random(8))
        demanded = self.receive(attacker.create_initiation(7, stamp(1.5)))
        assert demanded is not None
        cookie = attacker.consume_cookie_reply(demanded.reply)
        forged = recorded[:-16] + mac(cookie, recorded[:-16])
        self.assertIsInstance(self.receive(forged), CookieDemanded)

    def test_a_cookie_for_another_port_proves_nothing(self) -> None:
        self.receive(self.initiator.create_initiation(7, stamp(4e9)))
        cookie = self.cookie_of(self.receive(self.initiator.create_initiation(8, stamp(1e9))))
        retry = self.initiator.create_initiation(9, stamp(1e9 + 1), cookie=cookie)
        self.assertIsInstance(self.receive(retry, SocketAddress(SOURCE.host, 1)), CookieDemanded)

    def test_a_forgotten_member_starts_over(self) -> None:
        datagram = self.initiator.create_initiation(7, stamp(1))
        self.receive(datagram)
        self.admission.forget(ALICE.static_public)
        self.assertIsNone(self.receive(datagram))
