"""Names as an agent has them answered: in memory, and in the world in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.trial.unittest import SynchronousTestCase

from zerogo.agent.commands import LocalCommands
from zerogo.agent.names import Names, NameServices
from zerogo.control.netmap import NetworkMap
from zerogo.errors import EnvironmentFault
from zerogo.ids import NetworkId
from zerogo.names.zone import Zone
from zerogo.test.agent.test_service import AgentTestCase

MAP = NetworkMap(network=NetworkId(b"netid"), name="Home", revision=1)


class MemoryServer:
    def __init__(self, zone: Callable[[], Zone]) -> None:
        self.zone = zone
        self.hosts: list[str] = []
        self.is_taken = False

    def listen(self, hosts: list[str]) -> None:
        if self.is_taken:
            raise EnvironmentFault("the port is taken")
        self.hosts = list(hosts)

    def stop(self) -> None:
        self.hosts = []


class MemoryLink:
    def __init__(self) -> None:
        self.told: list[object] = []

    def use(self, device: str, origin: str, servers: Sequence[str]) -> None:
        self.told.append((device, origin, list(servers)))

    def clear(self) -> None:
        self.told.append("clear")


class NamesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.link = MemoryLink()
        self.servers: list[MemoryServer] = []
        self.names = Names(NameServices(make_server=self.make_server, link=self.link))

    def make_server(self, zone: Callable[[], Zone]) -> MemoryServer:
        self.servers.append(MemoryServer(zone))
        return self.servers[-1]

    def test_the_resolver_is_told_where_the_server_is(self) -> None:
        self.names.use_map(MAP, "zg0", ["10.1.0.1"])
        self.assertEqual(self.link.told, [("zg0", "home.zg", ["10.1.0.1"])])
        self.assertEqual((self.names.origin, self.names.complaint), ("home.zg", ""))
        self.names.close()
        self.assertEqual((self.link.told[-1], self.servers[0].hosts), ("clear", []))

    def test_a_taken_port_is_told_and_tried_again(self) -> None:
        self.servers[0].is_taken = True
        self.names.use_map(MAP, "zg0", ["10.1.0.1"])
        self.assertEqual((self.names.complaint, self.link.told), ("the port is taken", []))
        self.servers[0].is_taken = False
        self.names.look()
        self.assertEqual((self.names.complaint, self.names.servers), ("", ["10.1.0.1"]))

    def test_where_they_are_off_nothing_is_opened(self) -> None:
        names = Names(None)
        names.use_map(MAP, "zg0", ["10.1.0.1"])
        names.close()
        self.assertEqual((names.origin, names.servers), ("", []))


class AgentNamesTests(AgentTestCase):
    def test_members_are_in_the_zone_by_the_names_of_the_map(self) -> None:
        servers: list[MemoryServer] = []

        def services(wish: str) -> NameServices:
            self.assertEqual(wish, "auto")
            return NameServices(make_server=lambda zone: servers.append(MemoryServer(zone)) or servers[-1])

        anna, bob = self.pair()
        anna.stop()
        anna.name_services = services
        anna.start()
        self.world.pass_time(1.0)
        zone = servers[-1].zone()
        assert bob.agent is not None and anna.agent is not None
        hosts = {name.partition(".")[0]: addresses for name, addresses in zone.hosts.items()}
        self.assertEqual(hosts[bob.agent.membership.name], bob.agent.membership.addresses)
        self.assertEqual(servers[-1].hosts, list(anna.agent.membership.addresses))
        report = LocalCommands(anna.agent).status({}).names
        self.assertEqual((report.origin, report.servers), (zone.origin, servers[-1].hosts))
