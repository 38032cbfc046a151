"""`zerogo bugreport`: every secret of a machine is planted in every piece, and none comes out."""

from __future__ import annotations

import io
import os
import tarfile
import tempfile
from pathlib import Path

from attrs import evolve
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.agent.record import Membership
from zerogo.agent.state_dir import StateDir
from zerogo.cli import bugreport as module
from zerogo.cli.bugreport import bugreport, gather, pack, scrub, secrets_on_disk, spellings
from zerogo.config.agent import AgentConfig
from zerogo.control.relays import RelayCredential
from zerogo.secret import Secret
from zerogo.test.agent.test_record import TOKEN
from zerogo.turn.client import TurnCredential

PROXY = "http://user:hunter22hunter22@proxy.example:3128"


def unpacked(data: bytes) -> dict[str, str]:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return {name: tar.extractfile(name).read().decode() for name in tar.getnames()}  # type: ignore[union-attr]


class CanaryTests(SynchronousTestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        base = Path(directory.name)
        self.config = evolve(
            AgentConfig(),
            state_dir=base / "agent",
            socket=base / "agent.sock",
            token=Secret(str(TOKEN)),
            proxy=Secret(PROXY),
        )
        state = StateDir(self.config.state_dir)
        state.prepare()
        self.identity = state.identity()
        state.save_membership(evolve(Membership.of_token(TOKEN), psk=os.urandom(32)))
        credential = TurnCredential("1800000000:node", Secret("relay-password-of-ours"))
        state.save_relay_credentials([RelayCredential(relay="fra", credential=credential, expires_at=1e12)], 0.0)
        self.membership = state.membership()
        self.patch(module, "examine", lambda config: [])
        self.patch(module, "run_command", lambda command: " ".join(command))

    def canaries(self) -> set[str]:
        assert self.membership is not None and self.membership.psk and self.membership.token_psk
        keys = (
            self.identity.static_private,
            self.identity.signing_seed,
            self.membership.psk,
            self.membership.token_psk,
        )
        words = {str(TOKEN), str(self.membership.secret), PROXY, "hunter22hunter22", "relay-password-of-ours"}
        return words.union(*(spellings(key) for key in keys))

    def test_no_secret_of_this_machine_comes_out(self) -> None:
        canaries = sorted(self.canaries())
        planted = "\n".join(f"line {number} says {each} in passing" for number, each in enumerate(canaries))
        pieces = {name: f"{text}\n{planted}" for name, text in gather(self.config).items()}
        packed = unpacked(pack(pieces, secrets_on_disk(self.config), 1.8e9))
        self.assertEqual(len(packed), len(pieces))
        for name, text in packed.items():
            self.assertIn("in passing", text)
            for canary in canaries:
                self.assertNotIn(canary, text, name)

    def test_a_file_is_written_for_its_owner_only(self) -> None:
        archive = self.config.state_dir.parent / "report.tar.gz"
        self.patch(module, "agent_config", lambda config, state_dir: self.config)
        result = CliRunner().invoke(bugreport, [str(archive)])
        self.assertEqual(result.exit_code, 0, result.output)
        self.assertEqual(archive.stat().st_mode & 0o777, 0o600)
        pieces = unpacked(archive.read_bytes())
        self.assertIn("no agent runs here", pieces["zerogo-bugreport/status.json"])
        self.assertIn("tap-device", pieces["zerogo-bugreport/config.yaml"])

    def test_nothing_is_made_where_there_is_nothing(self) -> None:
        config = evolve(AgentConfig(), state_dir=self.config.state_dir / "none", socket=self.config.socket)
        self.assertEqual(secrets_on_disk(config), set())
        self.assertFalse(config.state_dir.exists())


class ScrubTests(SynchronousTestCase):
    def test_values_with_a_telling_name_are_hidden(self) -> None:
        for text in (
            "token: abc",
            "  psk = abc",
            '{"password": "abc"}',
            '- "auth-secret": abc',
            "proxy: http://a:abc@h/",
        ):
            self.assertNotIn("abc", scrub(text, []), text)
        for text in ("name: abc", '{"static_public": "abc"}', "10.1.0.2 dev zerogo0"):
            self.assertEqual(scrub(text, []), text)

    @settings(deadline=None, max_examples=200)
    @given(st.text(max_size=200), st.text(alphabet="abcdefXYZ234", min_size=16, max_size=40))
    def test_a_known_secret_never_stays(self, text: str, secret: str) -> None:
        self.assertNotIn(secret, scrub(f"{text}{secret}{text}", [secret]))
