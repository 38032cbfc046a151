"""Which plane an agent gets."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.dataplane import choice


class ChoiceTests(SynchronousTestCase):
    """By the word in the configuration."""

    def test_auto_takes_the_native_plane_where_it_was_built(self) -> None:
        for is_built, name in ((True, "native"), (False, "reference")):
            self.patch(choice, "is_built", lambda is_built=is_built: is_built)
            self.assertEqual(name, choice.make_plane("auto").name)

    def test_a_plane_that_is_named_is_taken(self) -> None:
        for name in ("native", "reference"):
            self.assertEqual(name, choice.make_plane(name).name)
