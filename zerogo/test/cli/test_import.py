"""`zerogo import`: each key has a fate, dangerous ones are refused, and what is taken loads."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.cli.import_ import RULES, Fate, configuration, import_, judge, read_document
from zerogo.config.agent import AgentConfig
from zerogo.config.errors import ConfigError
from zerogo.config.load import load
from zerogo.errors import EnvironmentFault, ParseError

TUNNEL = {
    "mode": "client",
    "local_addr": "0.0.0.0:9000",
    "mtu": 1400,
    "key": "everybody knows this",
    "tun_name": "tun3",
    "p2p_enabled": True,
    "p2p_port": 19000,
    "enable_mesh_routing": False,
    "max_hops": 2,
    "route_update_interval": 60,
    "p2p_timeout": 7,
    "enable_xdp": True,
    "encrypt_after_auth": False,
    "luck": 7,
}


class ImportTests(SynchronousTestCase):
    """The command."""

    def write(self, document: object) -> Path:
        path = Path(self.mktemp()).absolute()
        path.write_text(document if isinstance(document, str) else json.dumps(document))
        return path

    def run_import(self, *arguments: str) -> Result:
        return CliRunner().invoke(import_, list(arguments), standalone_mode=False)

    def test_every_key_has_a_fate(self) -> None:
        verdicts = judge(TUNNEL)
        self.assertEqual(list(verdicts), list(TUNNEL))
        fates = {key: verdict.fate for key, verdict in verdicts.items()}
        self.assertEqual((fates["key"], fates["enable_xdp"]), (Fate.REFUSED, Fate.REFUSED))
        self.assertEqual((fates["encrypt_after_auth"], fates["luck"]), (Fate.DROPPED, Fate.DROPPED))
        self.assertEqual((fates["mode"], fates["max_hops"]), (Fate.OTHERWISE, Fate.TAKEN))
        self.assertTrue(all(verdict.why for verdict in verdicts.values()))

    def test_what_is_written_loads(self) -> None:
        output = Path(self.mktemp()).absolute()
        result = self.run_import(str(self.write(TUNNEL)), "--output", str(output))
        self.assertIsNone(result.exception)
        config = load(output, AgentConfig, environ={})
        self.assertEqual((config.port, config.mtu, config.tap_device), (9000, 1400, "tun3"))
        routing = config.routing
        self.assertEqual((routing.p2p_port, routing.enable_mesh_routing, routing.max_hops), (19000, False, 2))
        self.assertEqual((routing.route_update_interval, routing.p2p_timeout), (60, 7))
        self.assertNotIn("everybody knows this", output.read_text() + result.output)

    def test_people_read_a_table_and_programs_an_object(self) -> None:
        path = str(self.write(TUNNEL))
        shown = self.run_import(path).output
        self.assertIn("enable_xdp", shown)
        self.assertIn("refused", shown)
        self.assertIn("max-hops: 2", shown)
        document = json.loads(self.run_import(path, "--json").output)
        self.assertEqual(document["keys"]["key"]["fate"], "refused")
        self.assertEqual(document["config"]["routing"]["max-hops"], 2)

    def test_a_value_that_does_not_fit_is_one_sentence(self) -> None:
        with self.assertRaises(ConfigError) as caught:
            configuration(judge({"max_hops": 9}))
        self.assertIn("max-hops", str(caught.exception))

    def test_all_keys_of_that_program_are_known(self) -> None:
        self.assertGreaterEqual(len(RULES), 38)

    def test_what_is_no_json_object_is_refused(self) -> None:
        for text in ("", "[]", "nonsense", "{" * 100_000, '{"a": 1'):
            with self.assertRaises(ParseError):
                read_document(self.write(text))
        with self.assertRaises(EnvironmentFault):
            read_document(Path("/no/such/file"))

    @given(
        st.dictionaries(st.sampled_from(list(RULES)), st.none() | st.booleans() | st.integers() | st.text(max_size=9))
    )
    @settings(deadline=None, max_examples=100)
    def test_whatever_the_values_are_it_ends_in_a_configuration_or_a_sentence(
        self, document: dict[str, object]
    ) -> None:
        verdicts = judge(document)
        try:
            configuration(verdicts)
        except ConfigError as error:
            self.assertTrue(str(error))
