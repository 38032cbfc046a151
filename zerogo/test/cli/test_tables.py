"""Tests for zerogo.cli.tables."""

import io

import msgspec
from rich.console import Console
from twisted.trial.unittest import SynchronousTestCase

from zerogo.cli.tables import age_text, bytes_text, ms_text, peers_table, status_rows
from zerogo.test.cli.fake_agent import BOB, CAROL, STATUS


class TextTests(SynchronousTestCase):
    def test_bytes(self) -> None:
        texts = [bytes_text(count) for count in (0, 1023, 1536, 2**30, 2**60)]
        self.assertEqual(texts, ["0 B", "1023 B", "1.5 KiB", "1.0 GiB", "1048576.0 TiB"])

    def test_ages(self) -> None:
        self.assertEqual([age_text(age) for age in (None, 4.2, 180, 9000)], ["-", "4 s", "3 min", "2 h"])

    def test_milliseconds(self) -> None:
        self.assertEqual([ms_text(one) for one in (None, 1.26)], ["-", "1.3 ms"])


class TableTests(SynchronousTestCase):
    def render(self) -> list[str]:
        out = io.StringIO()
        Console(file=out, width=140).print(peers_table([BOB, CAROL]))
        return out.getvalue().splitlines()

    def test_a_peer_is_one_line(self) -> None:
        head, bob, carol = self.render()
        self.assertEqual(head.split(), ["NAME", "ADDRESS", "PATH", "RTT", "JITTER", "LOSS", "IN", "OUT", "HANDSHAKE"])
        for text in ("bob", "10.1.0.3", "direct 192.0.2.7:9993 host-srflx", "12.3 ms", "25%", "1.5 KiB", "61 s"):
            self.assertIn(text, bob)
        self.assertIn("no answer", carol)

    def test_status_names_what_a_person_wants(self) -> None:
        rows = dict(status_rows(STATUS))
        self.assertEqual(rows["state"], "member")
        self.assertEqual(rows["network"], "home (pd5ac6ko), map revision 3")
        self.assertEqual(rows["data plane"], "reference; offloads: udp_gso")
        self.assertEqual(rows["dropped"], "replay 2")

    def test_status_of_an_agent_that_has_nothing_yet(self) -> None:
        bare = msgspec.structs.replace(
            STATUS, state="joining", sentence="it does not answer", name="", addresses=[], mac="", ports=[], plane=None
        )
        rows = dict(status_rows(bare))
        self.assertEqual((rows["state"], rows["addresses"]), ("joining: it does not answer", "-"))
