"""The node's key on disk."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from zerogo.config.errors import PrivateFileError
from zerogo.config.identity_file import create_identity, load_identity, load_or_create_identity
from zerogo.config.private_file import write_private


class IdentityFileTests(SynchronousTestCase):
    """One identity per file, for ever."""

    def setUp(self) -> None:
        self.path = Path(self.mktemp()).absolute() / "identity.key"

    def test_identity_survives_a_restart(self) -> None:
        made = create_identity(self.path)
        self.assertEqual(load_identity(self.path).export(), made.export())
        self.assertEqual(load_or_create_identity(self.path).node_id, made.node_id)

    def test_first_start_makes_one(self) -> None:
        made = load_or_create_identity(self.path)
        self.assertEqual(load_identity(self.path).node_id, made.node_id)

    def test_identity_is_never_overwritten(self) -> None:
        made = create_identity(self.path)
        self.assertRaises(PrivateFileError, create_identity, self.path)
        self.assertEqual(load_identity(self.path).node_id, made.node_id)

    def test_damaged_file_is_refused_and_neither_replaced_nor_quoted(self) -> None:
        write_private(self.path, b"zg-almost-a-key 0123456789")
        error = self.assertRaises(PrivateFileError, load_or_create_identity, self.path)
        self.assertNotIn("0123456789", str(error))
        self.assertIsNone(error.__cause__)
