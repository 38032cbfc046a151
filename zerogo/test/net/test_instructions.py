"""The instructions of a processor are read as Linux tells them."""

import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from zerogo.net.instructions import has_aes


class HasAesTests(SynchronousTestCase):
    def test_aes_is_found_in_the_flags_of_the_processor(self) -> None:
        with tempfile.NamedTemporaryFile("w") as file:
            for text, expected in (("flags : fpu aes avx\n", True), ("Features : fp asimd\n", False)):
                Path(file.name).write_text(text)
                self.assertIs(has_aes(Path(file.name)), expected)
        self.assertIs(has_aes(Path("/nonexistent")), False)
