# -*- test-case-name: zerogo.test.net.test_self_signed -*-
"""A certificate that nobody has signed but its own key, for a relay whose key is pinned in the signed network map.

Who pins the key looks at neither name nor dates, so the certificate has a name that says nothing and does not end. The
pin is SHA-256 over the DER SubjectPublicKeyInfo, as in RFC 7469, so a certificate can be renewed under the same key.
"""

from __future__ import annotations

import datetime
import hashlib

from attrs import field, frozen
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID

from zerogo.net.listening import CertificateRefused

_BEGIN = datetime.datetime(2020, 1, 1)
_END = datetime.datetime(9999, 12, 31, 23, 59, 59)
"""RFC 5280 section 4.1.2.5: no well-defined end."""
_NAME = "zerogo-relay"


@frozen
class SelfSigned:
    """Both parts in PEM."""

    certificate: bytes
    key: bytes = field(repr=False)


def make_self_signed() -> SelfSigned:
    """A certificate of a fresh P-256 key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _NAME)])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(_BEGIN)
        .not_valid_after(_END)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(_NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return SelfSigned(
        certificate.public_bytes(Encoding.PEM),
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )


def key_pin(certificate: bytes) -> bytes:
    """What pins the key of a certificate in PEM, 32 bytes; raises `CertificateRefused`."""
    try:
        return key_pin_of(x509.load_pem_x509_certificate(certificate))
    except ValueError as error:
        raise CertificateRefused("this is no certificate (PEM)") from error


def key_pin_of(certificate: x509.Certificate) -> bytes:
    """The same of a certificate that has been read."""
    public = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(public).digest()
