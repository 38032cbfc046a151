"""Keys and digests against values computed apart."""

from __future__ import annotations

import hashlib
import hmac
import zlib

from twisted.trial.unittest import SynchronousTestCase

from zerogo.stun.integrity import digest_sha1, digest_sha256, digests_match, fingerprint, long_term_key, short_term_key
from zerogo.stun.message import Message, MessageClass, Method, emit

MESSAGE = emit(Message(Method.BINDING, MessageClass.REQUEST, bytes(12)), fingerprint=False)


class IntegrityTests(SynchronousTestCase):
    def covered(self, attribute_length: int) -> bytes:
        return MESSAGE[:2] + attribute_length.to_bytes(2, "big") + MESSAGE[4:]

    def test_digests_cover_a_header_that_ends_with_the_attribute(self) -> None:
        self.assertEqual(digest_sha1(MESSAGE, 20, b"k"), hmac.new(b"k", self.covered(24), hashlib.sha1).digest())
        self.assertEqual(digest_sha256(MESSAGE, 20, b"k"), hmac.new(b"k", self.covered(36), hashlib.sha256).digest())
        self.assertEqual(fingerprint(MESSAGE, 20), zlib.crc32(self.covered(8)) ^ 0x5354554E)

    def test_short_term_key_is_the_password(self) -> None:
        self.assertEqual(short_term_key("secret"), b"secret")

    def test_long_term_key_is_the_md5_of_the_three_names(self) -> None:
        """The example of RFC 8489 section 9.2.2."""
        self.assertEqual(long_term_key("user", "realm", "pass").hex(), "8493fbc53ba582fb4c044c456bdc40eb")

    def test_digests_of_different_length_do_not_match(self) -> None:
        self.assertFalse(digests_match(b"abc", b"ab"))
        self.assertTrue(digests_match(b"abc", b"abc"))
