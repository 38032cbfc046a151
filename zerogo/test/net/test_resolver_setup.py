"""systemd-resolved's commands, and the block in the hosts file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from zerogo.names.zone import Named, make_zone
from zerogo.net.resolver_setup import HostsFile, ResolvedLink, block_of, with_block

ZONE = make_zone("home", [Named("nas", ("10.1.0.2",))])
LINE = "10.1.0.2\tnas.home.zg nas\n"


class ResolvedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.commands: list[str] = []
        self.works = True
        self.link = ResolvedLink(self.run_command)

    def run_command(self, command: Sequence[str]) -> Deferred[bool]:
        self.commands.append(" ".join(command))
        return succeed(self.works)

    def test_one_domain_of_one_device_is_asked_of_us(self) -> None:
        for _ in range(2):
            self.link.use("zerogo0", "home.zg", ["10.1.0.1"])
        self.assertEqual(
            self.commands,
            [
                "resolvectl dns zerogo0 10.1.0.1",
                "resolvectl domain zerogo0 home.zg",
                "resolvectl default-route zerogo0 no",
            ],
        )

    def test_what_failed_is_tried_again_when_asked(self) -> None:
        self.works = False
        self.link.use("zerogo0", "home.zg", ["10.1.0.1"])
        self.link.use("zerogo0", "home.zg", ["10.1.0.1"])
        self.assertEqual(self.commands, ["resolvectl dns zerogo0 10.1.0.1"] * 2)
        self.flushLoggedErrors()


class HostsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        self.path.write_text("127.0.0.1 localhost")
        self.hosts = HostsFile(self.path)

    def test_names_are_written_renewed_and_taken_out(self) -> None:
        self.assertEqual(self.hosts.use(ZONE, "zg0"), "")
        self.assertIn("127.0.0.1 localhost\n# zerogo zg0", self.path.read_text())
        self.assertIn(LINE, self.path.read_text())
        with self.path.open("a") as file:
            file.write("10.9.9.9 mine\n")
        self.hosts.use(make_zone("home", [Named("tv", ("10.1.0.3",))]), "zg0")
        text = self.path.read_text()
        self.assertNotIn(LINE, text)
        self.assertIn("tv.home.zg", text)
        self.hosts.clear()
        self.assertEqual(self.path.read_text(), "127.0.0.1 localhost\n10.9.9.9 mine\n")

    def test_two_devices_have_blocks_of_their_own(self) -> None:
        other = HostsFile(self.path)
        self.hosts.use(ZONE, "zg0")
        other.use(ZONE, "zg1")
        self.hosts.clear()
        self.assertEqual(self.path.read_text().count(LINE), 1)

    def test_a_file_that_cannot_be_written_is_a_sentence(self) -> None:
        hosts = HostsFile(self.path / "not" / "there")
        self.assertIn("cannot be written", hosts.use(ZONE, "zg0"))

    @settings(deadline=None, max_examples=100)
    @given(st.lists(st.sampled_from(["a\n", "\n", "b", block_of(ZONE, "zg0"), "# zerogo zg0: end\n"]), max_size=4))
    def test_lines_of_others_are_kept(self, pieces: list[str]) -> None:
        text = "".join(pieces)
        written = with_block(text, block_of(ZONE, "zg0"), "zg0")
        self.assertIn(LINE, written)
        self.assertEqual(text.count("a\n"), written.count("a\n"))
