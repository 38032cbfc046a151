"""Which places of an open TCP port are dialled."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.ids import SocketAddress
from zerogo.mesh.stream_places import DIALLED_PLACES, best_places

HOSTS = ("192.168.7.5", "2001:db8:7::5")
MAPPED, OTHER_MAPPED, PUBLIC6 = "203.0.113.9", "198.51.100.9", "2001:db8:9::2"
ADDRESSES = (MAPPED, OTHER_MAPPED, PUBLIC6, "192.168.7.9", "192.168.9.9", "10.9.0.9", "fd00::9", "100.64.9.9")


def best(*addresses: str, hosts: tuple[str, ...] = HOSTS) -> list[str]:
    """The hosts of what is dialled."""
    return [place.host for place in best_places([SocketAddress(each, 443) for each in addresses], hosts)]


class BestPlacesTests(SynchronousTestCase):
    def test_public_places_go_before_private_ones_of_networks_elsewhere(self) -> None:
        found = best("192.168.9.9", "10.9.0.9", "172.20.0.9", "100.64.9.9", "fd00::9", PUBLIC6, MAPPED)
        self.assertEqual(found, [PUBLIC6, MAPPED, "192.168.9.9", "10.9.0.9"])

    def test_private_ones_of_a_network_of_ours_are_as_good_as_public_ones(self) -> None:
        self.assertEqual(best("10.9.0.9", "192.168.7.9", MAPPED), ["192.168.7.9", MAPPED, "10.9.0.9"])
        shared = best("fd00::9", "fd00:0:0:7::9", hosts=("fd00:0:0:7::5",))
        self.assertEqual(shared, ["fd00:0:0:7::9", "fd00::9"])

    def test_what_the_peer_says_goes_first_stays_first_among_equals(self) -> None:
        for order in ((MAPPED, OTHER_MAPPED, PUBLIC6), (PUBLIC6, OTHER_MAPPED, MAPPED)):
            self.assertEqual(best(*order), list(order))

    def test_a_family_that_this_machine_lacks_goes_last_and_is_dialled_all_the_same(self) -> None:
        self.assertEqual(best(PUBLIC6, "10.9.0.9", MAPPED, hosts=HOSTS[:1]), [MAPPED, "10.9.0.9", PUBLIC6])
        self.assertEqual(best(MAPPED, PUBLIC6, hosts=HOSTS[1:]), [PUBLIC6, MAPPED])

    def test_without_own_addresses_the_order_of_the_peer_stands(self) -> None:
        self.assertEqual(best("10.9.0.9", MAPPED, hosts=()), ["10.9.0.9", MAPPED])

    @settings(deadline=None, max_examples=100)
    @given(st.lists(st.sampled_from(ADDRESSES), unique=True), st.lists(st.sampled_from(HOSTS), unique=True))
    def test_never_more_than_are_dialled_at_once_and_nothing_that_was_not_named(
        self, addresses: list[str], hosts: list[str]
    ) -> None:
        found = best(*addresses, hosts=tuple(hosts))
        self.assertEqual(len(found), min(len(addresses), DIALLED_PLACES))
        self.assertLessEqual(set(found), set(addresses))
