"""Our agent with another implementation, aioice, as the peer, over real loopback sockets and in both roles."""

from __future__ import annotations

import json
import os
import sys

from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredQueue, gatherResults, inlineCallbacks
from twisted.internet.protocol import DatagramProtocol, ProcessProtocol
from twisted.trial.unittest import TestCase

from zerogo.ice.agent import IceAgent, IceEvent, PairSelected
from zerogo.ice.binding import addressed_ufrag
from zerogo.ice.candidate import Candidate
from zerogo.ice.credentials import Credentials
from zerogo.ids import SocketAddress
from zerogo.net.pump import Pump
from zerogo.stun.message import MessageClass, is_stun, parse
from zerogo.test.ice import aioice_peer

LOOPBACK = "127.0.0.1"


class AioicePeer(ProcessProtocol):
    """The program at the other end."""

    def __init__(self) -> None:
        self.said = DeferredQueue()
        self.ended: Deferred[None] = Deferred()
        self.errors = b""
        self._unfinished = b""

    def outReceived(self, data: bytes) -> None:
        *lines, self._unfinished = (self._unfinished + data).split(b"\n")
        for line in lines:
            self.said.put(json.loads(line))

    def errReceived(self, data: bytes) -> None:
        self.errors += data

    def processEnded(self, reason: object) -> None:
        self.ended.callback(None)

    def tell(self, value: object) -> None:
        self.transport.write(json.dumps(value).encode() + b"\n")


class OurEnd(DatagramProtocol):
    """One agent on one socket."""

    def __init__(self, agent: IceAgent) -> None:
        self.selected: Deferred[PairSelected] = Deferred()
        self.data = DeferredQueue()
        self.agent = agent
        self.pump = Pump(agent, reactor, outputs=agent.transmits, send=self.send, on_event=self.happened)

    def send(self, transmit: object) -> None:
        self.transport.write(transmit.payload, (transmit.destination.host, transmit.destination.port))

    def happened(self, event: IceEvent) -> None:
        if isinstance(event, PairSelected) and not self.selected.called:
            self.selected.callback(event)

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        if not is_stun(datagram):
            self.data.put(datagram)
            return
        message = parse(datagram)
        if message.message_class is MessageClass.REQUEST:
            is_ours = addressed_ufrag(message) == self.agent.local_ufrag
        else:
            is_ours = self.agent.owns_transaction(message.transaction_id)
        if is_ours:
            self.pump.call(self.agent.receive_message, message, datagram, SocketAddress.of(*addr))


class AioiceTests(TestCase):
    timeout = 20

    @inlineCallbacks
    def connect(self, is_controlling: bool, peer_role: str):
        peer = AioicePeer()
        arguments = [sys.executable, aioice_peer.__file__, peer_role]
        process = reactor.spawnProcess(peer, sys.executable, arguments, env=dict(os.environ))
        self.addCleanup(self.end, peer, process)
        described = yield self.said(peer)
        local = Credentials.generate(os.urandom)
        agent = IceAgent(
            controlling=is_controlling,
            local=local,
            remote=Credentials.of(described["ufrag"], described["pwd"]),
            tie_breaker=int.from_bytes(os.urandom(8), "big"),
            rng=os.urandom,
        )
        ours = OurEnd(agent)
        port = reactor.listenUDP(0, ours, LOOPBACK)
        self.addCleanup(port.stopListening)
        self.addCleanup(ours.pump.stop)
        candidate = Candidate.host(SocketAddress(LOOPBACK, port.getHost().port))
        text = candidate.to_text().removeprefix("candidate:")
        peer.tell({"ufrag": local.ufrag, "pwd": local.pwd, "candidates": [text]})
        ours.pump.call(agent.add_local_candidate, candidate)
        for each in described["candidates"]:
            ours.pump.call(agent.add_remote_candidate, Candidate.parse(each))
        ours.pump.call(agent.start)
        selected, nominated = yield gatherResults([ours.selected, self.said(peer)])
        self.assertEqual(nominated, [LOOPBACK, str(port.getHost().port)])
        self.assertEqual(selected.remote, agent.selected)
        ours.transport.write(b"\x93 not STUN", (selected.remote.host, selected.remote.port))
        echoed = yield ours.data.get()
        self.assertEqual(echoed, b"\x93 not STUN")
        return agent

    def said(self, peer: AioicePeer) -> Deferred:
        """The next line, or what the program died of."""
        line = peer.said.get()
        peer.ended.addCallback(lambda _: line.called or line.errback(AssertionError(peer.errors.decode())))
        return line

    def end(self, peer: AioicePeer, process: object) -> Deferred:
        if not peer.ended.called:
            process.signalProcess("KILL")
        return peer.ended

    @inlineCallbacks
    def test_we_are_controlling(self):
        agent = yield self.connect(True, "controlled")
        self.assertTrue(agent.is_controlling)

    @inlineCallbacks
    def test_we_are_controlled(self):
        agent = yield self.connect(False, "controlling")
        self.assertFalse(agent.is_controlling)

    @inlineCallbacks
    def test_both_begin_as_controlling(self):
        yield self.connect(True, "controlling")

    @inlineCallbacks
    def test_both_begin_as_controlled(self):
        yield self.connect(False, "controlled")
