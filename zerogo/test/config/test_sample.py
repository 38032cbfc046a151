"""The sample files under etc/zerogo, held to the classes."""

from __future__ import annotations

import re
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

import zerogo
from zerogo.config.load import parse
from zerogo.config.sample import ROLES, effective, main, sample
from zerogo.config.schema import Option, options_of
from zerogo.secret import Secret

ETC = Path(zerogo.__file__).parent.parent / "etc" / "zerogo"


class SampleTests(SynchronousTestCase):
    """`sample` and the files made by it."""

    def test_shipped_files_are_what_the_classes_say(self) -> None:
        if not ETC.exists():
            raise SkipTest("not in the source tree")
        for role in ROLES:
            shipped = (ETC / f"{role}.yaml").read_text()
            self.assertEqual(shipped, sample(role), f"etc/zerogo/{role}.yaml is out of date; run: make samples")

    def test_sample_as_it_stands_gives_the_defaults(self) -> None:
        for role, cls in ROLES.items():
            self.assertEqual(parse(sample(role).encode(), cls), cls())

    def test_sample_shows_every_key_and_each_can_be_uncommented(self) -> None:
        for role, cls in ROLES.items():
            text = re.sub(r"(?m)^( *)#(?=[a-z])", r"\1", sample(role))
            text = re.sub(r"file:\S+", "8d1f6b0ac2e94735b0f1d2c3a4958677", text)
            config = parse(text.encode(), cls)
            for option in options_of(cls):
                value = getattr(config, option.attribute)
                if isinstance(option, Option) and option.example is None:
                    self.assertEqual(value, option.default)
                else:
                    self.assertIsNotNone(value)

    def test_main_writes_all_files(self) -> None:
        directory = Path(self.mktemp())
        directory.mkdir()
        main(directory)
        self.assertEqual(sorted(path.stem for path in directory.iterdir()), sorted(ROLES))


class EffectiveTests(SynchronousTestCase):
    """`effective`: what is in force."""

    def test_can_be_read_back(self) -> None:
        for cls in ROLES.values():
            self.assertEqual(parse(effective(cls()).encode(), cls), cls())

    def test_hides_secrets(self) -> None:
        text = effective(ROLES["controller"](jwt_secret=Secret("8d1f6b0ac2e94735")))
        self.assertIn("jwt-secret: <secret>", text)
        self.assertNotIn("8d1f", text)
