# -*- test-case-name: zerogo.test.net.test_relay_bridge -*-
"""The ways to a relay's streams: TCP and TLS, straight or through an HTTP proxy.

A relay's TLS certificate is either pinned, by a hash of its key that the signed network map holds, or one that the
system's authorities have signed."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IStreamClientEndpoint

from zerogo.control.relays import RelayPlace
from zerogo.net.proxy import ProxiedEndpoint, Proxy, tcp_endpoint
from zerogo.net.race import StreamWay
from zerogo.net.tls import TlsEndpoint

TLS_AFTER_SECONDS = 0.25


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
    return StreamWay("TLS", TlsEndpoint(endpoint, options), trusts, is_tls=True, delay=TLS_AFTER_SECONDS)


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
