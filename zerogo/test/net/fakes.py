"""A server that exists in memory only, for the tests of what dials."""

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionRefusedError
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from zerogo.net.dial import ControllerAddress
from zerogo.net.websocket import accept_key


class ClientTransport(StringTransport):
    """The transport of a dialled connection; closing it is noticed at once."""

    def setTcpNoDelay(self, enabled: bool) -> None:
        self.no_delay = enabled

    def loseConnection(self) -> None:
        self._end(ConnectionDone())

    def abortConnection(self) -> None:
        self._end(ConnectionAborted())

    def _end(self, reason: Exception) -> None:
        if not self.disconnecting:
            self.disconnecting = True
            self.protocol.connectionLost(Failure(reason))


@define(eq=False)
class Attempt:
    """One dialled address, to be answered by the test."""

    address: ControllerAddress
    factory: object
    result: Deferred
    is_cancelled: bool = False
    protocol: object = None
    transport: ClientTransport = field(factory=ClientTransport)

    def accept(self) -> None:
        """The TCP connection is there."""
        self.protocol = self.factory.buildProtocol(None)
        self.transport.protocol = self.protocol
        self.protocol.makeConnection(self.transport)
        self.result.callback(self.protocol)

    def refuse(self) -> None:
        """Nobody listens."""
        self.result.errback(Failure(ConnectionRefusedError()))

    def upgrade(self) -> None:
        """The server speaks WebSocket."""
        request = self.transport.value().decode()
        self.transport.clear()
        key = next(line.split(": ")[1] for line in request.split("\r\n") if line.startswith("Sec-WebSocket-Key"))
        self.deliver(f"HTTP/1.1 101 Switching\r\nSec-WebSocket-Accept: {accept_key(key)}\r\n\r\n".encode())

    def deliver(self, data: bytes) -> None:
        """Bytes of the server arrive."""
        self.protocol.dataReceived(data)

    def cut(self) -> None:
        """The connection breaks."""
        self.transport.loseConnection()


@define(eq=False)
class Network:
    """Makes endpoints whose attempts wait in `attempts`."""

    attempts: list[Attempt] = field(factory=list)

    def endpoint(self, address: ControllerAddress) -> object:
        network = self

        class Endpoint:
            def connect(self, factory: object) -> Deferred:
                def cancelled(_: object) -> None:
                    attempt.is_cancelled = True

                attempt = Attempt(address, factory, Deferred(cancelled))
                network.attempts.append(attempt)
                return attempt.result

        return Endpoint()
