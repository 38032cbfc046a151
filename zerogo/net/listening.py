# -*- test-case-name: zerogo.test.net.test_listening -*-
"""TCP sockets that listen, opened while the process has its privileges; and the certificate of a TLS server."""

from __future__ import annotations

import re
import socket
from collections.abc import Sequence
from pathlib import Path

from OpenSSL import SSL, crypto
from twisted.internet.ssl import Certificate, CertificateOptions, KeyPair, TLSVersion

from zerogo.errors import EnvironmentFault
from zerogo.ids import SocketAddress
from zerogo.net.datagram import AddressRefused

BACKLOG = 128
TURN_PROTOCOLS = (b"stun.turn", b"stun.nat-discovery")
"""The names of TURN and STUN in ALPN (RFC 7443)."""
_PEM_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


class CertificateRefused(EnvironmentFault):
    """A certificate or its key cannot be used."""

    code = "E-TLS-CERTIFICATE"


def open_tcp_socket(address: SocketAddress) -> socket.socket:
    """A listening, non-blocking socket, IPv6 ones for IPv6 only. Raises `AddressRefused`."""
    try:
        opened = socket.socket(socket.AF_INET6 if address.is_ipv6 else socket.AF_INET, socket.SOCK_STREAM)
    except OSError as error:
        raise AddressRefused(address, error, "TCP") from error
    try:
        opened.setblocking(False)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if address.is_ipv6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        opened.bind((address.host, address.port))
        opened.listen(BACKLOG)
    except OSError as error:
        opened.close()
        raise AddressRefused(address, error, "TCP") from error
    return opened


def server_context(certificate: Path, key: Path, protocols: Sequence[bytes]) -> CertificateOptions:
    """TLS 1.2 and later with a certificate (PEM, the chain after it) and its key. Raises `CertificateRefused`.

    `protocols` are what a client may choose by ALPN (RFC 7301); one that asks for none is served too.
    """
    try:
        chain = [Certificate.loadPEM(each).original for each in _PEM_CERTIFICATE.findall(certificate.read_bytes())]
        if not chain:
            raise CertificateRefused(f"{certificate} holds no certificate (PEM)")
        private = KeyPair.load(key.read_bytes(), 1).original
        options = CertificateOptions(
            privateKey=private,
            certificate=chain[0],
            extraCertChain=chain[1:],
            raiseMinimumTo=TLSVersion.TLSv1_2,
            acceptableProtocols=list(protocols),
        )
        options.getContext()
    except OSError as error:
        raise CertificateRefused(f"{error.filename} cannot be read: {error.strerror}") from error
    except (crypto.Error, SSL.Error, ValueError) as error:
        raise CertificateRefused(f"{certificate} and {key} are no certificate and its key") from error
    return options
