"""Relays between the map, the controller's credentials and the mesh core."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from zerogo.agent.relays import Relays
from zerogo.control.relays import RelayCredential, RelayPlace
from zerogo.ids import SocketAddress
from zerogo.mesh.relay import RelaySpec
from zerogo.secret import Secret
from zerogo.turn.client import TurnCredential

NEAR = RelayPlace(name="near", host="198.51.100.1", udp=3478, tcp=3478, tls=443)
ALSO_NEAR = RelayPlace(name="near", host="2001:db8::1", udp=3478)
PLAIN = RelayPlace(name="plain", host="198.51.100.2", udp=3478)
CREDENTIAL = TurnCredential("ann", Secret("a password"))
BRIDGE = SocketAddress("127.0.0.1", 40000)


class User:
    def __init__(self) -> None:
        self.said: list[object] = []

    def use_relays(self, relays: Sequence[RelaySpec]) -> None:
        self.said.append(list(relays))

    def use_relay_credentials(self, credentials: dict[str, TurnCredential]) -> None:
        self.said.append(dict(credentials))

    def relay_stream_opened(self, relay: str, address: SocketAddress) -> None:
        self.said.append(("opened", relay, address))

    def relay_stream_closed(self, relay: str, address: SocketAddress) -> None:
        self.said.append(("closed", relay, address))


class Bridge:
    def __init__(self, places: object, ports: object, opened: Callable[..., object], closed: Callable[..., object]):
        self.places, self.opened, self.closed = places, opened, closed
        self.is_running = False

    def start(self) -> None:
        self.is_running = True

    def stop(self) -> None:
        self.is_running = False


class RelaysTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.bridges: list[Bridge] = []
        self.user = User()

    def make_bridge(self, *arguments: object) -> Bridge:
        self.bridges.append(Bridge(*arguments))  # type: ignore[arg-type]
        return self.bridges[-1]

    def resolve(self, places: Sequence[tuple[str, int]]) -> Deferred[list[SocketAddress]]:
        return succeed([SocketAddress.of(host, port) for host, port in places])

    def relays(self) -> Relays:
        relays = Relays(self.resolve, self.make_bridge, lambda: [9993])
        relays.use_places([NEAR, ALSO_NEAR, PLAIN])
        return relays

    def test_places_of_one_name_are_one_relay(self) -> None:
        self.relays().attach(self.user)
        near = (SocketAddress("198.51.100.1", 3478), SocketAddress("2001:db8::1", 3478))
        plain = RelaySpec(name="plain", addresses=(SocketAddress("198.51.100.2", 3478),))
        self.assertEqual(self.user.said[0], [RelaySpec(name="near", addresses=near, has_streams=True), plain])

    def test_new_user_is_told_all_that_is_known(self) -> None:
        relays = self.relays()
        relays.use_credentials([RelayCredential("near", CREDENTIAL, 99.0)])
        relays.attach(self.user)
        self.assertEqual(self.user.said[1], {"near": CREDENTIAL})

    def test_bridge_is_made_when_a_stream_is_wanted_and_ends_when_not(self) -> None:
        relays = self.relays()
        relays.attach(self.user)
        relays.stream_wanted("near")
        relays.stream_wanted("near")
        self.assertEqual([bridge.is_running for bridge in self.bridges], [True])
        self.bridges[0].opened(BRIDGE)
        self.assertEqual(self.user.said[-1], ("opened", "near", BRIDGE))
        relays.stream_unwanted("near")
        self.assertEqual([bridge.is_running for bridge in self.bridges], [False])

    def test_address_of_a_stream_is_forgotten_with_its_bridge_and_that_of_another_relay_is_not(self) -> None:
        relays = self.relays()
        relays.attach(self.user)
        other = SocketAddress("127.0.0.1", 40001)
        for number, (relay, address) in enumerate([("near", BRIDGE), ("plain", other)]):
            relays.stream_wanted(relay)
            self.bridges[number].opened(address)
        relays.stream_unwanted("near")
        self.assertEqual([relays.is_stream(str(each)) for each in (BRIDGE, other)], [False, True])

    def test_bridges_end_with_their_user(self) -> None:
        relays = self.relays()
        relays.attach(self.user)
        relays.stream_wanted("near")
        relays.stop()
        self.assertEqual([bridge.is_running for bridge in self.bridges], [False])

    def test_answer_of_an_older_look_up_is_not_used(self) -> None:
        late: list[Deferred[list[SocketAddress]]] = []
        relays = Relays(lambda places: late.append(Deferred()) or late[-1], self.make_bridge, lambda: [])  # type: ignore[func-returns-value]
        relays.attach(self.user)
        relays.use_places([PLAIN])
        relays.use_places([NEAR])
        late[1].callback([SocketAddress("198.51.100.1", 3478)])
        late[0].callback([SocketAddress("198.51.100.2", 3478)])
        self.assertEqual([spec.name for spec in self.user.said[-2]], ["near"])  # type: ignore[attr-defined]
