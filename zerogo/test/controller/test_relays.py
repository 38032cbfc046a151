from twisted.trial.unittest import SynchronousTestCase

from zerogo.config.controller import ControllerConfig
from zerogo.config.errors import ConfigError
from zerogo.config.load import parse
from zerogo.config.sample import effective
from zerogo.control.relays import RelayPlace, Servers
from zerogo.controller.relays import RelaysRefused, access, servers, told_relays
from zerogo.ids import NodeId

HERE, THERE = "0f1e2d3c4b5a69788796a5b4c3d2e1f0", "f0e1d2c3b4a5968778695a4b3c2d1e0f"
PIN = bytes(range(32))
TEXT = f"""\
relay-secret: {HERE}
relay-tls-port: 443
relay-tls-pin: {PIN.hex()}
stun-servers: stun.example.net:3478
relays:
  - name: frankfurt
    host: Relay.Example.net
    auth-secret: {THERE}
    tls: 443
  - {{name: tokyo, host: "2001:db8::7", udp: 5000}}
"""


class RelaysTests(SynchronousTestCase):
    def config(self, text: str) -> ControllerConfig:
        return parse(text.encode(), ControllerConfig)

    def test_members_are_told_of_stun_everywhere_and_of_relays_whose_secret_we_have(self) -> None:
        stun = (":3478", ":3479", "relay.example.net:3478", "relay.example.net:3479")
        relays = (
            RelayPlace(name="controller", udp=3478, tcp=3478, tls=443, tls_pin=PIN),
            RelayPlace(name="frankfurt", host="relay.example.net", udp=3478, tcp=3478, tls=443),
        )
        more = ("[2001:db8::7]:5000", "[2001:db8::7]:5001", "stun.example.net:3478")
        self.assertEqual(servers(self.config(TEXT)), Servers(stun=stun + more, relays=relays))

    def test_without_secrets_it_is_stun_only(self) -> None:
        config = ControllerConfig()
        self.assertEqual(servers(config), Servers(stun=(":3478", ":3479")))
        self.assertIsNone(access(config, lambda: 0.0).passwords(NodeId(bytes(10))))
        self.assertEqual(servers(ControllerConfig(relay_port=0)), Servers())

    def test_credentials_are_for_each_relay_by_its_name(self) -> None:
        passwords = access(self.config(TEXT), lambda: 0.0).passwords(NodeId(bytes(10)))
        assert passwords is not None
        self.assertEqual([one.relay for one in passwords.relays], ["controller", "frankfurt"])

    def test_those_are_told_of_removed_members_whose_secret_we_have_and_that_answer_by_udp(self) -> None:
        told = told_relays(
            self.config(
                TEXT.replace("tls: 443\n  -", "tls: 443\n  - {name: stream, udp: 0, auth-secret: " + THERE + "}\n  -")
            )
        )
        found = [(one.name, one.host, one.port, one.secret.reveal()) for one in told]
        self.assertEqual(
            found, [("controller", "localhost", 3478, HERE), ("frankfurt", "relay.example.net", 3478, THERE)]
        )
        self.assertEqual(told_relays(ControllerConfig()), ())

    def test_relays_must_be_told_apart(self) -> None:
        for text, words in (
            ("relays: [{host: a.example}]", "no name"),
            ("relays: [{name: controller, host: a.example}]", "called controller"),
            ("relays: [" + ", ".join(f"{{name: r{one}}}" for one in range(8)) + "]", "at most 8"),
        ):
            self.assertIn(words, str(self.assertRaises(RelaysRefused, servers, self.config(text))))

    def test_a_wrong_entry_is_named_by_its_place(self) -> None:
        for text, key in (
            ("relays: [{name: a}, {name: -b}]", "relays[2].name"),
            ("relays: [{name: a, host: 1.2.3}]", "relays[1].host"),
            ("relays: [{name: a, tls-pin: abc}]", "relays[1].tls-pin"),
            ("relays: [a]", "relays[1]"),
            ("relays: a", "relays"),
        ):
            self.assertEqual(self.assertRaises(ConfigError, self.config, text).key, key)

    def test_what_is_in_force_is_shown_without_secrets_and_reads_back(self) -> None:
        shown = effective(self.config(TEXT))
        self.assertNotIn(HERE, shown)
        self.assertNotIn(THERE, shown)
        again = self.config(shown.replace("<secret>", HERE))
        self.assertEqual([one.name for one in again.relays], ["frankfurt", "tokyo"])
        self.assertEqual(again.relays[0].tls, 443)
