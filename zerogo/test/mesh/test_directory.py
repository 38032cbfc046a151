"""Whose a datagram is."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.ice.binding import Check, emit_answer, emit_check
from zerogo.ids import SocketAddress
from zerogo.mesh.credentials import derive_pair_secrets
from zerogo.mesh.directory import TRANSACTIONS_LIMIT, Directory
from zerogo.mesh.peer import Peer
from zerogo.mesh.relays import Relays
from zerogo.stun.integrity import Integrity
from zerogo.stun.message import parse
from zerogo.test.mesh.parts import ANN, BOB, NETWORK, context, spec
from zerogo.wire.handshake import Suite


def peer() -> Peer:
    """Bob as Ann sees him."""
    shared = context()
    secrets = derive_pair_secrets(ANN, BOB.static_public, NETWORK)
    return Peer(
        number=5,
        spec=spec(BOB),
        context=shared,
        secrets=secrets,
        leads=True,
        suite=Suite.CHACHAPOLY,
        relays=Relays(shared),
    )


class DirectoryTests(SynchronousTestCase):
    """By number, ufrag, key, node id and transaction."""

    def test_a_peer_is_found_by_all_its_names_until_it_is_removed(self) -> None:
        directory, bob = Directory(), peer()

        def found() -> list[Peer | None]:
            return [
                directory.numbered(5),
                directory.addressed(bob.secrets.local.ufrag),
                directory.with_key(BOB.static_public),
                directory.of_node(BOB.node_id.raw),
            ]

        directory.add(bob)
        self.assertEqual(found(), [bob] * 4)
        self.assertIsNone(directory.addressed(bob.secrets.remote.ufrag))
        self.assertIsNone(directory.addressed(None))
        directory.remove(bob)
        self.assertEqual(found(), [None] * 4)

    def test_requests_are_noted_and_answers_are_not(self) -> None:
        directory, bob = Directory(), peer()
        check = Check(controlling=True, tie_breaker=1, priority=1)
        request = emit_check(check, b"t" * 12, bob.secrets.local, bob.secrets.remote, Integrity.SHA1)
        directory.note_request(request, 5)
        self.assertEqual(directory.owner_of(b"t" * 12), 5)
        answer = emit_answer(parse(request), SocketAddress.of("192.0.2.1", 1), bob.secrets.remote)
        directory.note_request(answer, 6)
        self.assertEqual(directory.owner_of(b"t" * 12), 5)

    def test_the_table_of_transactions_is_bounded(self) -> None:
        directory = Directory()
        for number in range(TRANSACTIONS_LIMIT + 10):
            directory.note_request(b"\0\1" + bytes(6) + number.to_bytes(12, "big"), 1)
        self.assertEqual(directory.transaction_count, TRANSACTIONS_LIMIT)
        self.assertIsNone(directory.owner_of((9).to_bytes(12, "big")))
        self.assertEqual(directory.owner_of((10).to_bytes(12, "big")), 1)
