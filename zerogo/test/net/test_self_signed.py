import hashlib
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from twisted.trial.unittest import SynchronousTestCase

from zerogo.net.listening import CertificateRefused, server_context
from zerogo.net.self_signed import key_pin, make_self_signed


class SelfSignedTests(SynchronousTestCase):
    def test_a_server_can_use_it(self) -> None:
        made = make_self_signed()
        paths = Path(self.mktemp()), Path(self.mktemp())
        for path, data in zip(paths, (made.certificate, made.key), strict=True):
            path.write_bytes(data)
        server_context(*paths, (b"stun.turn",))

    def test_the_pin_is_of_the_key_and_not_of_the_certificate(self) -> None:
        made = make_self_signed()
        public = load_pem_private_key(made.key, None).public_key()
        der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.assertEqual(key_pin(made.certificate), hashlib.sha256(der).digest())
        self.assertNotEqual(key_pin(made.certificate), key_pin(make_self_signed().certificate))

    def test_it_has_no_end(self) -> None:
        self.assertEqual(x509.load_pem_x509_certificate(make_self_signed().certificate).not_valid_after.year, 9999)

    def test_the_key_does_not_show(self) -> None:
        self.assertNotIn("PRIVATE", repr(make_self_signed()))

    def test_garbage_is_refused(self) -> None:
        self.assertRaises(CertificateRefused, key_pin, b"-----BEGIN CERTIFICATE-----")
