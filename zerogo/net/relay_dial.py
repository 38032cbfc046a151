# -*- test-case-name: zerogo.test.net.test_relay_bridge -*-
"""The ways to a relay's streams: TCP and TLS, straight or through an HTTP proxy.

A relay's TLS certificate is either pinned, by a hash of its key that the signed network map holds, or one that the
system's authorities have signed. TLS libraries are loaded when the first TLS way is made, since an agent that can use
UDP needs none.
"""

from __future__ import annotations

import hashlib
import hmac
import sys
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocolFactory, IStreamClientEndpoint
from zope.interface import implementer

from zerogo.control.relays import RelayPlace
from zerogo.net.proxy import ProxiedEndpoint, Proxy, tcp_endpoint
from zerogo.net.race import StreamWay

TLS_AFTER_SECONDS = 0.25


@implementer(IStreamClientEndpoint)
class _TlsEndpoint:
    """TLS over another endpoint."""

    def __init__(self, endpoint: IStreamClientEndpoint, options: Callable[[], Any]) -> None:
        self._endpoint = endpoint
        self._options = options

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[Any]:
        """Connect; the protocol is told of the end of the handshake."""
        _let_tls_in()
        from twisted.protocols.tls import TLSMemoryBIOFactory

        wrapped: Any = self._endpoint.connect(TLSMemoryBIOFactory(self._options(), True, protocolFactory))
        return wrapped  # type: ignore[no-any-return]


def _let_tls_in() -> None:
    """The agent keeps Twisted from importing its TLS library at start; here it is needed."""
    if sys.modules.get("OpenSSL", sys) is None:
        del sys.modules["OpenSSL"]


def trusts_pin(pin: bytes) -> Callable[[Any], bool]:
    """Whether a certificate (of pyOpenSSL) has the key that `pin` is the SHA-256 of."""

    def trusts(certificate: Any) -> bool:
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        if certificate is None:
            return False
        key = certificate.to_cryptography().public_key()
        found = hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
        return hmac.compare_digest(found, pin)

    return trusts


def _tls_way(endpoint: IStreamClientEndpoint, place: RelayPlace) -> StreamWay:
    def options() -> Any:
        from twisted.internet.ssl import CertificateOptions, optionsForClientTLS

        return optionsForClientTLS(place.host) if place.tls_pin is None else CertificateOptions(verify=False)

    trusts = None if place.tls_pin is None else trusts_pin(place.tls_pin)
    return StreamWay("TLS", _TlsEndpoint(endpoint, options), trusts, is_tls=True, delay=TLS_AFTER_SECONDS)


def stream_ways(reactor: Any, places: tuple[RelayPlace, ...], proxy: Proxy | None) -> list[StreamWay]:
    """All ways to a relay's streams; `places` are one relay's, under each of its hosts."""
    ways = []
    for place in places:
        for port, is_tls in ((place.tcp, False), (place.tls, True)):
            if not port:
                continue
            endpoints = [tcp_endpoint(reactor, place.host, port)]
            if proxy is not None and proxy.leads_to(place.host, port):
                to_proxy = tcp_endpoint(reactor, proxy.host, proxy.port)
                endpoints.append(ProxiedEndpoint(reactor, to_proxy, proxy, place.host, port))
            for endpoint in endpoints:
                ways.append(_tls_way(endpoint, place) if is_tls else StreamWay("TCP", endpoint))
    return ways
