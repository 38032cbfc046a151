# -*- test-case-name: zerogo.test.net.test_listening -*-
"""A TLS server: its certificate, and connections that it does not take."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from twisted.internet.interfaces import IAddress
from twisted.internet.ssl import Certificate, CertificateOptions, KeyPair, TLSVersion
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol

from zerogo.errors import EnvironmentFault

TURN_PROTOCOLS = (b"stun.turn", b"stun.nat-discovery")
"""The names of TURN and STUN in ALPN (RFC 7443)."""
_PEM = 1
"""What OpenSSL calls the format."""


class CertificateRefused(EnvironmentFault):
    """A certificate or its key cannot be used."""

    code = "E-TLS-CERTIFICATE"


class TLSServerFactory(TLSMemoryBIOFactory):
    """TLS around the connections of another factory, which may take none: Twisted's would wrap that none, and fail when
    the connection is with the reactor already."""

    def __init__(self, options: Any, wrapped: Any) -> None:
        super().__init__(options, False, wrapped)

    def buildProtocol(self, addr: IAddress | None) -> TLSMemoryBIOProtocol | None:  # type: ignore[override]
        """A protocol for a connection, or None to hang up."""
        inner = self.wrappedFactory.buildProtocol(addr)
        return None if inner is None else self.protocol(self, inner)


def server_context(certificate: Path, key: Path, protocols: Sequence[bytes]) -> CertificateOptions:
    """TLS 1.2 and later with a certificate (PEM, the chain after it) and its key. Raises `CertificateRefused`.

    `protocols` are what a client may choose by ALPN (RFC 7301); one that asks for none is served too.
    """
    try:
        chain, private = _read_chain(certificate), _read_key(key)
    except OSError as error:
        raise CertificateRefused(f"{error.filename} cannot be read: {error.strerror}") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise CertificateRefused(
            f"{certificate} and {key} are no certificate and its key (PEM, unencrypted)"
        ) from error
    if chain[0].public_key() != private.public_key():
        raise CertificateRefused(f"{key} is not the key of {certificate}")
    originals = [Certificate.loadPEM(each.public_bytes(Encoding.PEM)).original for each in chain]
    return CertificateOptions(
        privateKey=KeyPair.load(key.read_bytes(), _PEM).original,
        certificate=originals[0],
        extraCertChain=originals[1:],
        raiseMinimumTo=TLSVersion.TLSv1_2,
        acceptableProtocols=list(protocols),
    )


def _read_chain(certificate: Path) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(certificate.read_bytes())


def _read_key(key: Path) -> PrivateKeyTypes:
    return load_pem_private_key(key.read_bytes(), None)
