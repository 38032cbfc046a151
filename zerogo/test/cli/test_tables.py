"""Tests for zerogo.cli.tables."""

import contextlib
import io

import msgspec
from rich.console import Console
from twisted.trial.unittest import SynchronousTestCase

from zerogo.cli.tables import (
    age_text,
    fitted_table,
    ms_text,
    names_of,
    path_text,
    peer_reasons,
    peers_table,
    print_whole,
    size_text,
    status_rows,
)
from zerogo.test.cli.fake_agent import BOB, CAROL, PATH, STATUS


class TextTests(SynchronousTestCase):
    def test_bytes(self) -> None:
        texts = [size_text(count) for count in (0, 999, 999.6, 1024, 999_999, 10**11, 1.5e12, 2e17)]
        self.assertEqual(texts, ["0 B", "999 B", "1 kB", "1.02 kB", "1 MB", "100 GB", "1.5 TB", "200,000 TB"])

    def test_paths(self) -> None:
        names = names_of([BOB, CAROL])
        route = f"{CAROL.node_id} > {BOB.node_id}"
        for changes, text in (
            ({}, "direct 192.0.2.7:9993 (host to srflx)"),
            ({"kind": "relay", "relay": "fra"}, "via relay fra"),
            ({"kind": "peer", "address": route}, "via carol"),
            ({"kind": "peer", "address": f"aaaa > {route}"}, "via aaaa, carol"),
        ):
            self.assertEqual(path_text(msgspec.structs.replace(PATH, **changes), names), text)

    def test_ages(self) -> None:
        self.assertEqual(
            [age_text(age) for age in (None, 4.2, 180, 9000, 300_000)], ["-", "4 s", "3 min", "2 h", "3 d"]
        )

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
        for text in ("bob", "10.1.0.3", "direct 192.0.2.7:9993 host-srflx", "12.3 ms", "25%", "1.54 kB", "61 s"):
            self.assertIn(text, bob)
        self.assertIn("unreachable", carol)
        self.assertEqual([str(line) for line in peer_reasons([BOB, CAROL])], ["carol: no answer"])

    def test_columns_are_left_out_in_their_order_until_the_table_fits(self) -> None:
        columns = {"A": ["a" * 20, "a"], "B": ["b" * 10, "b"], "C": ["c" * 5, "c"]}
        for width, titles in ((None, "A B C"), (39, "A B C"), (38, "A C"), (26, "A"), (5, "A")):
            table = fitted_table(columns, width, ("B", "C"))
            self.assertEqual(" ".join(str(column.header) for column in table.columns), titles, width)

    def test_what_no_column_less_makes_fit_is_printed_whole(self) -> None:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            print_whole(fitted_table({"A": ["a" * 90], "B": ["[b]"]}, 20), 20)
        self.assertEqual(out.getvalue().splitlines()[1].split(), ["a" * 90, "[b]"])

    def test_lines_at_a_pipe_end_where_their_text_ends(self) -> None:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            print_whole(fitted_table({"A": ["a", "aaa"], "B": ["b", "b" * 300]}, None), None)
        self.assertEqual(out.getvalue(), f"A    B\na    b\naaa  {'b' * 300}\n")

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
