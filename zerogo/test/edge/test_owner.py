"""What an edge's owner allows holds for all tunnels, and is remembered."""

from __future__ import annotations

import ipaddress
from pathlib import Path

from twisted.internet.defer import succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from zerogo.config.edge import EdgeConfig
from zerogo.config.errors import PrivateFileError
from zerogo.config.identity_file import create_identity
from zerogo.config.load import parse
from zerogo.edge.owner import GIGABYTE, OWN_ADDRESSES_SECONDS, EdgeOwner, Surroundings
from zerogo.edge.state_dir import EdgeState
from zerogo.errors import EnvironmentFault
from zerogo.exit.frames import Command, Open
from zerogo.exit.notes import Place, Places
from zerogo.exit.reason import Reason
from zerogo.exit.target import Target

NOON = 1_800_014_400.0 - 1_800_014_400.0 % 86_400 + 12 * 3600
OPEN = Open(Command.CONNECT, 262_144, Target("example.net", 443))


class OwnerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.unix_now = NOON
        self.directory = Path(self.mktemp())
        self.state = EdgeState(self.directory)
        self.state.identity()
        self.addresses: list[str] | Exception = ["192.0.2.7"]

    def own_addresses(self) -> list[str]:
        if isinstance(self.addresses, Exception):
            raise self.addresses
        return self.addresses

    def owner(self, text: str = "") -> EdgeOwner:
        config = parse(f"streams: 2\n{text}".encode(), EdgeConfig)
        around = Surroundings(self.clock, lambda host, port: succeed([]), self.own_addresses)
        return EdgeOwner(config, around, self.state, lambda: self.unix_now)

    def test_a_paused_edge_takes_nothing(self) -> None:
        owner = self.owner()
        self.assertIsNone(owner.refusal(OPEN))
        owner.is_paused = True
        self.assertEqual(owner.refusal(OPEN), Reason.OWNER)

    def test_outside_of_its_hours_it_takes_nothing(self) -> None:
        owner = self.owner('hours: ["11:00-13:00"]')
        self.assertIsNone(owner.refusal(OPEN))
        self.unix_now += 3600
        self.assertEqual(owner.refusal(OPEN), Reason.OWNER)
        self.assertIn("hour", owner.closed_reason())

    def test_a_months_gigabytes_are_counted_across_restarts_and_begin_anew(self) -> None:
        owner = self.owner("monthly-gigabytes: 1")
        owner.counters.sent = GIGABYTE - 1
        self.assertIsNone(owner.refusal(OPEN))
        owner.keep()
        owner = self.owner("monthly-gigabytes: 1")
        owner.counters.received = 1
        self.assertEqual(owner.refusal(OPEN), Reason.OWNER)
        self.unix_now += 31 * 86_400
        self.assertIsNone(owner.refusal(OPEN))
        self.assertEqual(owner.month.used, 0)

    def test_streams_of_all_tunnels_together_are_bounded(self) -> None:
        owner = self.owner()
        owner.streams = lambda: 2
        self.assertIsNone(owner.refusal(OPEN))
        owner.streams = lambda: 3
        self.assertEqual(owner.refusal(OPEN), Reason.OVERLOADED)

    def test_the_owner_is_shown_where_streams_went(self) -> None:
        owner = self.owner()
        owner.refusal(OPEN)
        owner.refusal(Open(Command.DATAGRAMS, 262_144, Target("0.0.0.0", 0)))
        self.assertEqual(list(owner.recent), [str(OPEN.target)])

    def refused(self, owner: EdgeOwner) -> list[str]:
        """Which of a few addresses may not be connected to."""
        places = ("5.9.1.1", "5.9.1.2", "5.9.1.3", "127.0.0.1")
        found = {place: owner.policy().refusal("", ipaddress.ip_address(place), 443) for place in places}
        self.assertLessEqual(set(found.values()), {None, Reason.PROHIBITED})
        return [place for place, reason in found.items() if reason is not None]

    def test_no_address_of_this_machine_is_connected_to_and_loopback_where_it_was_opened(self) -> None:
        self.addresses = ["5.9.1.1", "127.0.0.1", "::ffff:5.9.1.2", "no address"]
        self.assertEqual(self.refused(self.owner()), ["5.9.1.1", "5.9.1.2", "127.0.0.1"])
        self.assertEqual(self.refused(self.owner("open-ranges: [127.0.0.0/8]")), ["5.9.1.1", "5.9.1.2"])

    def test_a_new_address_is_known_in_seconds_and_one_that_a_gateway_sees_at_once(self) -> None:
        self.clock.advance(100.0)
        owner = self.owner("open-ranges: [127.0.0.0/8]")
        self.addresses = ["5.9.1.1"]
        self.assertEqual(self.refused(owner), ["5.9.1.1"])
        self.addresses = ["5.9.1.2"]
        self.clock.advance(OWN_ADDRESSES_SECONDS)
        self.assertEqual(self.refused(owner), ["5.9.1.1"])
        self.clock.advance(0.1)
        self.assertEqual(self.refused(owner), ["5.9.1.2"])
        owner.noted_at("5.9.1.3")
        self.assertEqual(self.refused(owner), ["5.9.1.2", "5.9.1.3"])

    def test_without_knowing_its_addresses_it_lets_nothing_through(self) -> None:
        owner = self.owner()
        self.addresses = EnvironmentFault("no netlink")
        self.assertEqual(owner.refusal(OPEN), Reason.INTERNAL)
        self.assertEqual(len(self.flushLoggedErrors()), 0)

    def test_its_key_may_be_that_of_another_role_of_the_machine_and_is_never_made_there(self) -> None:
        agents = self.directory / "agent.key"
        made = create_identity(agents)
        state = EdgeState(Path(self.mktemp()), agents)
        self.assertEqual(state.identity().node_id, made.node_id)
        self.assertNotEqual(self.state.identity().node_id, made.node_id)
        agents.unlink()
        self.assertRaises(PrivateFileError, state.identity)
        self.assertFalse(agents.exists())

    def test_a_speed_is_one_for_all_streams(self) -> None:
        limits = self.owner("megabits: 8").settings.limits
        assert limits is not None
        self.assertEqual([limit.rate for limit in limits], [1_000_000, 1_000_000])

    def test_gateways_and_consent_are_kept(self) -> None:
        self.assertEqual((self.state.places(), self.state.consent_at()), (None, 0.0))
        places = Places(2, [Place(["192.0.2.1:9396"], bytes(20))])
        self.state.save_places(places)
        self.state.save_consent(NOON, "You agreed.")
        self.assertEqual((self.state.places(), self.state.consent_at()), (places, NOON))
        self.state.forget_token()
        self.assertEqual((self.state.places(), self.state.consent_at()), (None, 0.0))
