import contextlib
import ipaddress

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import msgpack
from twisted.trial.unittest import SynchronousTestCase

from zerogo.control.connection import GRANTS_BURST
from zerogo.control.member import MapUpdated, PeersGranted, RelayCredentials
from zerogo.control.messages import PeerGrants, RelayGrant
from zerogo.control.netmap import SignedMap
from zerogo.control.relay_access import (
    CREDENTIAL_SECONDS,
    GRANT_SECONDS,
    RENEW_SECONDS,
    SETTLED_SECONDS,
    RelayAccess,
    RelaySecret,
    credentials_of,
    grants_of,
)
from zerogo.control.relays import RelayPlace, relays_near
from zerogo.errors import ParseError
from zerogo.ids import NodeId
from zerogo.secret import Secret
from zerogo.test.control.pair import CONTROLLER, KEY_HASH, NETWORK, Pair, Wire
from zerogo.test.control.test_netmap import RECORDS, make_map
from zerogo.turn.credentials import TimedUsers
from zerogo.turn.grant import is_granted
from zerogo.turn.message import parse
from zerogo.turn.nonce import NONCE_SECONDS, is_handed_out
from zerogo.turn.revocation import Revocations, emit_request, revocation_key

UNIX = 1_700_000_000.0
SECRET = Secret("0f1e2d3c4b5a69788796a5b4c3d2e1f0")
OTHER = Secret("f0e1d2c3b4a5968778695a4b3c2d1e0f")
ACCESS = RelayAccess((RelaySecret("here", SECRET), RelaySecret("there", OTHER)), lambda: UNIX)
HERE = RelayPlace(name="here", udp=3478, tcp=3478, tls=443, tls_pin=bytes(range(32)))
THERE = RelayPlace(name="there", host="relay.example.org", udp=3478)


class RelayPlaceTests(SynchronousTestCase):
    def test_places_travel_in_the_signed_header(self) -> None:
        signed = SignedMap.sign(evolve(make_map(5, RECORDS[:2]), relays=(HERE, THERE)), CONTROLLER)
        again = SignedMap.decode(signed.encode())
        again.verify(KEY_HASH, NETWORK)
        self.assertEqual(again.network_map.relays, (HERE, THERE))

    def test_a_relay_without_a_host_is_where_the_controller_is(self) -> None:
        near = relays_near((HERE, THERE), ["192.0.2.1", "2001:db8::1", "192.0.2.1"])
        self.assertEqual([(one.name, one.host) for one in near[:2]], [("here", "192.0.2.1"), ("here", "2001:db8::1")])
        self.assertEqual(near[2:], (THERE,))

    def test_two_relays_of_one_name_and_wrong_ones_are_refused(self) -> None:
        for relays in (
            (HERE, evolve(THERE, name="here")),
            (evolve(HERE, name="a b"),),
            (evolve(HERE, name=""),),
            (evolve(HERE, host="a\x1bb"),),
            (evolve(HERE, udp=65536),),
            (evolve(HERE, tls_pin=bytes(31)),),
            tuple(evolve(HERE, name=f"r{number}") for number in range(9)),
        ):
            blob = SignedMap.sign(evolve(make_map(5, []), relays=relays), CONTROLLER).encode()
            self.assertRaises(ParseError, SignedMap.decode, blob)

    def test_eight_relays_with_long_names_fit_the_header(self) -> None:
        host = "h" * 253
        relays = tuple(evolve(HERE, name=f"{number}" * 32, host=host) for number in range(1, 9))
        wide = evolve(make_map(5, []), relays=relays, stun_servers=("s" * 260,) * 16)
        self.assertEqual(SignedMap.decode(SignedMap.sign(wide, CONTROLLER).encode()).network_map, wide)

    @settings(deadline=None, max_examples=150)
    @given(st.recursive(st.integers() | st.binary(max_size=40) | st.text(max_size=40) | st.none(), st.lists))
    def test_any_value_for_relays_parses_or_is_a_parse_error(self, value: object) -> None:
        signed = SignedMap.sign(make_map(5, []), CONTROLLER)
        fields = msgpack.decode(signed.header) | {"relays": [value]}
        with contextlib.suppress(ParseError, OverflowError):
            blob = SignedMap(
                signed.controller, signed.signature, msgpack.encode(fields), {}, signed.network_map
            ).encode()
            SignedMap.decode(blob)


class AccessTests(SynchronousTestCase):
    NODE, PEER = NodeId(b"n" * 10), NodeId(b"p" * 10)

    def test_a_relay_with_the_secret_knows_the_user_as_the_node(self) -> None:
        message = ACCESS.passwords(self.NODE)
        assert message is not None
        (here, there) = credentials_of(message, 50.0)
        self.assertEqual((here.relay, there.relay, here.expires_at), ("here", "there", 50.0 + CREDENTIAL_SECONDS))
        (account,) = TimedUsers([SECRET]).accounts(here.credential.username, "zerogo", UNIX)
        self.assertEqual((account.user, account.expires_at), (str(self.NODE), UNIX + CREDENTIAL_SECONDS))
        self.assertNotEqual(here.credential.password, there.credential.password)

    def test_a_grant_is_for_one_node_one_address_and_a_time(self) -> None:
        message = ACCESS.grants(self.NODE, self.PEER, "198.51.100.7")
        self.assertIsNone(message)  # TEST-NET-2 is special-purpose
        message = ACCESS.grants(self.NODE, self.PEER, "::ffff:8.8.4.4")
        assert message is not None
        here, there = grants_of(message, 50.0)
        self.assertEqual((here.peer, here.relay, here.host), (self.PEER, "here", "8.8.4.4"))
        self.assertEqual(there.expires_at, 50.0 + GRANT_SECONDS)
        address = ipaddress.ip_address("8.8.4.4")
        self.assertTrue(is_granted([SECRET], here.grant, str(self.NODE), address, UNIX))
        self.assertFalse(is_granted([SECRET], here.grant, str(self.PEER), address, UNIX))
        self.assertFalse(is_granted([SECRET], there.grant, str(self.NODE), address, UNIX))
        self.assertFalse(is_granted([SECRET], here.grant, str(self.NODE), address, UNIX + GRANT_SECONDS))

    def test_a_nonce_for_connections_comes_with_the_password(self) -> None:
        passwords = ACCESS.passwords(self.NODE)
        assert passwords is not None
        for told, entry in zip(credentials_of(passwords, 0.0), passwords.relays, strict=True):
            self.assertEqual(told.credential.nonce, entry.nonce)
        self.assertTrue(is_handed_out([SECRET], passwords.relays[0].nonce, passwords.relays[0].user, UNIX))

    def test_addresses_that_are_not_of_the_internet_get_none(self) -> None:
        for source in ("127.0.0.1", "10.0.0.1", "fe80::1%eth0", "::1", "fd00::1", "a.name", "", "2002:7f00:1::"):
            self.assertIsNone(ACCESS.grants(self.NODE, self.PEER, source))

    def test_who_goes_comes_and_goes_within_a_second_keeps_nothing(self) -> None:
        access = RelayAccess((RelaySecret("here", SECRET),), lambda: UNIX)
        access.revoke([self.NODE])
        again = access.passwords(self.NODE)
        assert again is not None
        (account,) = TimedUsers([SECRET]).accounts(again.relays[0].user, "zerogo", UNIX)
        (revocation,) = access.revoke([self.NODE])
        self.assertGreaterEqual(revocation.until, account.expires_at or 0)

    def test_passwords_and_grants_do_not_show(self) -> None:
        passwords, grants = ACCESS.passwords(self.NODE), ACCESS.grants(self.NODE, self.PEER, "8.8.4.4")
        assert passwords is not None
        assert grants is not None
        told = repr(passwords) + repr(credentials_of(passwords, 0.0))
        for entry in passwords.relays:
            self.assertNotIn(entry.password, told)
        for grant in grants.relays:
            self.assertNotIn(repr(grant.grant)[2:-1], repr(grants) + repr(grants_of(grants, 0.0)))

    def test_a_grant_for_no_address_is_a_parse_error(self) -> None:
        message = PeerGrants(bytes(10), bytes(5), 1.0, [RelayGrant("here", bytes(20))])
        self.assertRaises(ParseError, grants_of, message, 0.0)


class TwoControllersTests(SynchronousTestCase):
    """Of one database: each tells the relay who went by its own clock, and when it has read of it."""

    def setUp(self) -> None:
        self.pair = Pair(RelayAccess((RelaySecret("here", SECRET),), lambda: UNIX + self.pair.now))
        self.other = RelayAccess((RelaySecret("here", SECRET),), lambda: UNIX + self.pair.now + 3.0)
        self.relay = Revocations([SECRET], bytes(8))
        self.ann = self.pair.agent("ann")
        self.node = self.ann.member._identity.node_id
        self.pair.connect(self.ann)
        self.pair.advance(RENEW_SECONDS / 2)

    def other_revokes(self) -> None:
        request = emit_request(revocation_key(SECRET), bytes(12), self.other.revoke([self.node]))
        self.assertIsNotNone(self.relay.receive(parse(request), request, UNIX + self.pair.now))

    def is_served(self) -> bool:
        given = [event for event in self.ann.events if isinstance(event, RelayCredentials)][-1]
        (account,) = TimedUsers([SECRET]).accounts(given.credentials[0].credential.username, "zerogo", UNIX)
        return not self.relay.is_void(account.user, account.expires_at)

    def test_who_is_let_in_again_is_served_soon_though_the_other_was_ahead_and_late(self) -> None:
        self.pair.disconnect(self.ann)
        self.pair.connect(self.ann)
        self.pair.advance(2.9)
        self.other_revokes()
        self.assertFalse(self.is_served())
        self.pair.advance(SETTLED_SECONDS)
        self.assertTrue(self.is_served())

    def test_so_is_who_was_let_in_again_before_we_had_read_that_it_was_out(self) -> None:
        self.other_revokes()
        self.pair.coordinator.reconsider(NETWORK, self.node, self.pair.now)
        self.pair.advance(SETTLED_SECONDS + 1.0)
        self.assertTrue(self.is_served())


class ChannelTests(SynchronousTestCase):
    """Over the control connection."""

    def setUp(self) -> None:
        self.pair = Pair(ACCESS)
        self.ann, self.bob = self.pair.agent("ann"), self.pair.agent("bob")
        self.pair.connect(self.ann, "8.8.8.8")
        self.pair.connect(self.bob, "8.8.4.4")
        self.pair.advance(1.0)

    def told(self, wire: Wire, kind: type) -> list[object]:
        return [event for event in wire.events if isinstance(event, kind)]

    def grant(self, wire: Wire) -> None:
        wire.member.request_grants(self.bob.member._identity.node_id, self.pair.now)
        self.pair.run()

    def test_each_member_is_told_its_own_credentials_before_the_map(self) -> None:
        (to_ann,), (to_bob,) = self.told(self.ann, RelayCredentials), self.told(self.bob, RelayCredentials)
        self.assertNotEqual(to_ann, to_bob)
        kinds = [type(event) for event in self.ann.events]
        self.assertLess(kinds.index(RelayCredentials), kinds.index(MapUpdated))

    def test_they_are_renewed_long_before_they_end(self) -> None:
        self.assertLess(RENEW_SECONDS, min(CREDENTIAL_SECONDS / 2, NONCE_SECONDS))
        before = len(self.told(self.ann, RelayCredentials))
        self.pair.now += RENEW_SECONDS - 5.0
        for wire in (self.ann, self.bob):  # the silence of a time that was skipped
            self.pair.disconnect(wire)
            self.pair.connect(wire)
        self.assertEqual(len(self.told(self.ann, RelayCredentials)), before + 1)
        connection = next(iter(self.pair.coordinator._connections.values()))
        connection.passwords_at = self.pair.now + 1.0
        self.pair.advance(2.0)
        self.assertEqual(len(self.told(self.ann, RelayCredentials)), before + 2)
        self.assertEqual(len(self.told(self.bob, RelayCredentials)), before + 1)

    def test_none_are_renewed_while_it_is_in_question_whether_somebody_is_a_member(self) -> None:
        before = len(self.told(self.ann, RelayCredentials))
        connection = next(iter(self.pair.coordinator._connections.values()))
        connection.passwords_at, connection.is_asked = self.pair.now, True
        self.pair.advance(2.0)
        self.assertEqual(len(self.told(self.ann, RelayCredentials)), before)
        connection.is_asked = False
        self.pair.advance(2.0)
        self.assertEqual(len(self.told(self.ann, RelayCredentials)), before + 1)

    def test_a_grant_is_for_the_address_that_the_other_dials_from(self) -> None:
        self.grant(self.ann)
        (event,) = self.told(self.ann, PeersGranted)
        assert isinstance(event, PeersGranted)
        self.assertEqual([(one.relay, one.host) for one in event.grants], [("here", "8.8.4.4"), ("there", "8.8.4.4")])
        self.assertEqual(self.told(self.bob, PeersGranted), [])

    def test_nobody_is_granted_who_is_not_there_or_oneself(self) -> None:
        self.grant(self.bob)
        self.pair.disconnect(self.bob)
        self.grant(self.ann)
        self.assertEqual(self.told(self.ann, PeersGranted) + self.told(self.bob, PeersGranted), [])

    def test_grants_have_a_rate(self) -> None:
        for _ in range(int(GRANTS_BURST) + 40):
            self.ann.member.request_grants(self.bob.member._identity.node_id, self.pair.now)
        self.pair.run()
        self.assertEqual(len(self.told(self.ann, PeersGranted)), int(GRANTS_BURST))

    def test_a_member_that_is_put_on_the_waiting_list_gets_none(self) -> None:
        cid = self.pair.agent("cid")
        self.pair.answers = False
        self.pair.connect(cid)
        self.pair.coordinator.hold(cid.number, "wait", self.pair.now)
        self.pair.run()
        self.assertEqual(self.told(cid, RelayCredentials), [])

    def test_a_malformed_grant_ends_the_connection(self) -> None:
        connection = next(iter(self.pair.coordinator._connections.values()))
        connection.send(PeerGrants(bytes(10), bytes(5), 1.0, [RelayGrant("here", bytes(20))]))
        self.pair.coordinator._collect(connection)
        self.pair.run()
        self.assertEqual(self.ann.member.state.value, "disconnected")
