"""Files that only their owner may read."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from unittest import mock

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from zerogo.config.errors import PrivateFileError
from zerogo.config.private_file import make_private_directory, read_private, write_private

LIMIT = 100


class PrivateFileTests(SynchronousTestCase):
    """`read_private` and `write_private`."""

    def setUp(self) -> None:
        self.path = Path(self.mktemp()).absolute() / "state" / "key"

    def refusal(self) -> str:
        return str(self.assertRaises(PrivateFileError, read_private, self.path, LIMIT))

    def test_written_file_is_read_back_and_is_private(self) -> None:
        before = os.umask(0)
        self.addCleanup(os.umask, before)
        write_private(self.path, b"text")
        self.assertEqual(read_private(self.path, LIMIT), b"text")
        self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(self.path.parent.stat().st_mode), 0o700)

    def test_replacing_leaves_no_other_file_behind(self) -> None:
        write_private(self.path, b"one")
        write_private(self.path, b"two")
        self.assertEqual(read_private(self.path, LIMIT), b"two")
        self.assertEqual(list(self.path.parent.iterdir()), [self.path])

    def test_file_that_is_there_is_kept_unless_it_may_be_replaced(self) -> None:
        write_private(self.path, b"one")
        error = self.assertRaises(PrivateFileError, write_private, self.path, b"two", replace=False)
        self.assertIn("not touched", str(error))
        self.assertEqual(read_private(self.path, LIMIT), b"one")
        self.assertEqual(list(self.path.parent.iterdir()), [self.path])

    def test_full_disk_leaves_the_old_file(self) -> None:
        write_private(self.path, b"one")
        with mock.patch("os.fsync", side_effect=OSError(28, "No space left on device")):
            error = self.assertRaises(PrivateFileError, write_private, self.path, b"two")
        self.assertIn("No space left", str(error))
        self.assertEqual(read_private(self.path, LIMIT), b"one")
        self.assertEqual(list(self.path.parent.iterdir()), [self.path])

    def test_looser_file_is_refused_with_the_command_that_repairs_it(self) -> None:
        write_private(self.path, b"text")
        for mode in (0o640, 0o604, 0o666):
            self.path.chmod(mode)
            self.assertTrue(self.refusal().endswith(f"run: chmod 600 {self.path}"), self.refusal())

    def test_looser_directory_is_refused_with_the_command_that_repairs_it(self) -> None:
        write_private(self.path, b"text")
        self.path.parent.chmod(0o755)
        self.assertTrue(self.refusal().endswith(f"run: chmod 700 {self.path.parent}"), self.refusal())
        self.assertRaises(PrivateFileError, write_private, self.path, b"more")

    def test_file_of_another_user_is_refused(self) -> None:
        if os.geteuid() != 0:
            raise SkipTest("needs root to give a file away")
        write_private(self.path, b"text")
        os.chown(self.path, 65534, -1)
        self.assertIn("belongs to user 65534", self.refusal())

    def test_link_and_directory_and_pipe_are_refused(self) -> None:
        write_private(self.path, b"text")
        link = self.path.with_name("link")
        link.symlink_to(self.path)
        self.assertRaises(PrivateFileError, read_private, link, LIMIT)
        pipe = self.path.with_name("pipe")
        os.mkfifo(pipe, 0o600)
        self.assertIn("plain file", str(self.assertRaises(PrivateFileError, read_private, pipe, LIMIT)))
        folder = self.path.with_name("folder")
        make_private_directory(folder)
        self.assertIn("plain file", str(self.assertRaises(PrivateFileError, read_private, folder, LIMIT)))

    def test_long_file_is_refused(self) -> None:
        write_private(self.path, b"x" * (LIMIT + 1))
        self.assertIn("more than 100 bytes", self.refusal())

    def test_missing_file_is_named(self) -> None:
        self.assertIn(str(self.path.parent), self.refusal())
