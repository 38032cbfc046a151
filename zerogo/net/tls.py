# -*- test-case-name: zerogo.test.net.test_peer_listener -*-
"""TLS around connections, with libraries that are loaded when the first one wants it: an agent that can use UDP needs
none.

Between members TLS hides what follows from whoever is in between, and proves nothing: the certificate says nothing, and
nobody looks at it. Who is who is shown inside (`zerogo.mesh.stream_proof`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocolFactory, IStreamClientEndpoint
from zope.interface import implementer


def _let_tls_in() -> None:
    """The agent keeps Twisted from importing its TLS library at start; here it is needed."""
    if sys.modules.get("OpenSSL", sys) is None:
        del sys.modules["OpenSSL"]


@implementer(IStreamClientEndpoint)
class TlsEndpoint:
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


def hiding_client() -> Any:
    """The dialling end's side, for `TlsEndpoint`."""
    from twisted.internet.ssl import CertificateOptions, TLSVersion

    return CertificateOptions(verify=False, raiseMinimumTo=TLSVersion.TLSv1_2)


class HidingServer:
    """The listening end's side; its key lives as long as it does."""

    def __init__(self, clock: Any) -> None:
        self._clock = clock
        self._options: Any = None

    def wrap(self, factory: IProtocolFactory) -> Any:
        """A factory whose protocols speak TLS."""
        _let_tls_in()
        from twisted.protocols.tls import TLSMemoryBIOFactory

        if self._options is None:
            self._options = _self_signed_options()
        return TLSMemoryBIOFactory(self._options, False, factory, self._clock)


def _self_signed_options() -> Any:
    from twisted.internet.ssl import CertificateOptions, PrivateCertificate, TLSVersion

    from zerogo.net.self_signed import make_self_signed

    made = make_self_signed()
    own = PrivateCertificate.loadPEM(made.key + made.certificate)
    return CertificateOptions(
        privateKey=own.privateKey.original, certificate=own.original, raiseMinimumTo=TLSVersion.TLSv1_2
    )
