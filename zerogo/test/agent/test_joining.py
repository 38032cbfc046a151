"""Tests for zerogo.agent.joining."""

import random

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from zerogo.agent.joining import NoNetwork, OtherNetwork, own_place, settle_membership
from zerogo.agent.record import Membership
from zerogo.control.netmap import MemberRecord, NetworkMap
from zerogo.control.token import emit_base32
from zerogo.ids import MacAddress, NetworkId
from zerogo.noise.identity import Identity
from zerogo.test.agent.test_record import TOKEN

JOINED = evolve(Membership.of_token(TOKEN), name="anna", secret=None)
FRESH = evolve(TOKEN, secret=emit_base32(b"f" * 20))
OTHER = evolve(TOKEN, network=NetworkId(b"other"))


class SettleTests(SynchronousTestCase):
    def test_nothing_at_all_is_no_network(self) -> None:
        self.assertRaises(NoNetwork, settle_membership, None, None)

    def test_a_membership_needs_no_token(self) -> None:
        self.assertIs(settle_membership(JOINED, None), JOINED)

    def test_a_token_begins_a_membership(self) -> None:
        self.assertEqual(settle_membership(None, TOKEN), Membership.of_token(TOKEN))

    def test_a_member_does_not_use_a_token_again(self) -> None:
        self.assertIs(settle_membership(JOINED, FRESH), JOINED)

    def test_one_that_was_turned_away_uses_a_fresh_token(self) -> None:
        held = evolve(JOINED, refusal="removed")
        self.assertEqual(settle_membership(held, FRESH).secret, FRESH.secret)

    def test_one_that_has_not_joined_yet_takes_the_newest_token(self) -> None:
        self.assertEqual(settle_membership(Membership.of_token(TOKEN), FRESH).secret, FRESH.secret)

    def test_a_member_of_another_network_must_leave_first(self) -> None:
        error = self.assertRaises(OtherNetwork, settle_membership, JOINED, OTHER)
        self.assertIn("zerogo leave", str(error))

    def test_a_network_that_was_never_joined_or_turned_us_away_may_be_replaced(self) -> None:
        for held in (Membership.of_token(TOKEN), evolve(JOINED, refusal="removed")):
            self.assertEqual(settle_membership(held, OTHER).network, OTHER.network)


class PlaceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.identity = Identity.generate(random.Random(1).randbytes)

    def network_map(self, *addresses: str) -> NetworkMap:
        mac = MacAddress.for_node(TOKEN.network, self.identity.static_public)
        record = MemberRecord(
            node_id=self.identity.node_id,
            static_public=self.identity.static_public,
            signing_public=self.identity.signing_public,
            name="anna",
            mac=mac,
            addresses=addresses,
        )
        return NetworkMap(
            network=TOKEN.network, name="home", revision=1, prefixes=("10.1.0.0/16", "fd00::/64"), members=(record,)
        )

    def test_addresses_get_the_length_of_the_prefix_they_are_of(self) -> None:
        place = own_place(self.network_map("10.1.0.2", "fd00::2"), self.identity, None)
        self.assertEqual(place.addresses, ("10.1.0.2/16", "fd00::2/64"))

    def test_an_address_of_no_prefix_stands_alone(self) -> None:
        place = own_place(self.network_map("10.9.0.2", "fd09::2"), self.identity, None)
        self.assertEqual(place.addresses, ("10.9.0.2/32", "fd09::2/128"))

    def test_the_configured_mtu_wins(self) -> None:
        self.assertEqual(own_place(self.network_map(), self.identity, None).mtu, 1400)
        self.assertEqual(own_place(self.network_map(), self.identity, 1280).mtu, 1280)

    def test_one_that_is_not_in_the_map_has_no_addresses(self) -> None:
        other = Identity.generate(random.Random(2).randbytes)
        self.assertEqual(own_place(self.network_map("10.1.0.2"), other, None).addresses, ())
