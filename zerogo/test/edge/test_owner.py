"""What an edge's owner allows holds for all tunnels, and is remembered."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.defer import succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from zerogo.config.edge import EdgeConfig
from zerogo.config.errors import PrivateFileError
from zerogo.config.identity_file import create_identity
from zerogo.config.load import parse
from zerogo.edge.owner import GIGABYTE, EdgeOwner, Surroundings
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
        owner.streams = lambda: 3
        self.assertEqual(owner.refusal(OPEN), Reason.OVERLOADED)

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
