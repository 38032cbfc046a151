"""Bounds of fields in words, everything else in those of msgspec."""

from __future__ import annotations

from typing import Annotated

import msgspec
from twisted.trial.unittest import SynchronousTestCase

from zerogo.controller.body_words import body_fault


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    new_password: Annotated[str, msgspec.Meta(min_length=10, max_length=12)] = "long enough"
    uses: Annotated[int, msgspec.Meta(ge=1, le=5)] = 1
    tags: Annotated[list[Annotated[str, msgspec.Meta(max_length=2)]], msgspec.Meta(max_length=1)] = []


class BodyFaultTests(SynchronousTestCase):
    def fault(self, body: bytes) -> str:
        return body_fault(self.assertRaises(msgspec.MsgspecError, msgspec.json.decode, body, type=_Body))

    def test_bounds_are_told_in_words(self) -> None:
        for body, words in (
            (b'{"new_password":"x"}', "new password must have at least 10 characters"),
            (b'{"new_password":"xxxxxxxxxxxxxx"}', "new password must have at most 12 characters"),
            (b'{"uses":0}', "uses must be at least 1"),
            (b'{"uses":6}', "uses must be at most 5"),
            (b'{"tags":["a","b"]}', "tags must have at most 1 entries"),
        ):
            self.assertEqual(self.fault(body), words)

    def test_the_rest_stays_as_it_is(self) -> None:
        for body, words in (
            (b"{", "Input data was truncated"),
            (b'{"q":1}', "Object contains unknown field `q`"),
            (b'{"tags":["aaa"]}', "Expected `str` of length <= 2 - at `$.tags[0]`"),
            (b'{"uses":"1"}', "Expected `int`, got `str` - at `$.uses`"),
        ):
            self.assertEqual(self.fault(body), f"the body is not right: {words}")
