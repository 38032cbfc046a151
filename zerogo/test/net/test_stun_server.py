"""A STUN server on two real loopback sockets."""

from __future__ import annotations

import os
import socket
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.defer import DeferredList, inlineCallbacks
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from zerogo.ids import SocketAddress
from zerogo.net.datagram import open_udp_socket
from zerogo.net.stun_server import StunDriver
from zerogo.stun.attributes import ResponseOrigin
from zerogo.stun.discovery import Places, discovery_request
from zerogo.stun.message import parse
from zerogo.stun.server import BindingResponder

reactor: Any = installed
HOST = "127.0.0.1"


def ask(data: bytes, place: SocketAddress) -> tuple[bytes, tuple[str, int]]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(10)
        asking.sendto(data, (place.host, place.port))
        answer, source = asking.recvfrom(2048)
        return answer, (source[0], source[1])


class StunDriverTests(TestCase):
    timeout = 20

    @inlineCallbacks
    def test_the_other_socket_answers_where_that_is_asked_for(self) -> Any:
        responder = BindingResponder()
        driver = StunDriver(responder, reactor)
        sockets = [open_udp_socket(SocketAddress(HOST, 0)) for _ in range(2)]
        places = [SocketAddress(HOST, each.getsockname()[1]) for each in sockets]
        responder.places = Places({driver.listen_udp(each): place for each, place in zip(sockets, places, strict=True)})
        self.addCleanup(lambda: DeferredList(driver.close()))
        for changes, expected in ((False, places[0]), (True, places[1])):
            data = discovery_request(os.urandom, change_port=changes)
            answer, source = yield deferToThread(ask, data, places[0])
            self.assertEqual(SocketAddress(*source), expected)
            self.assertEqual(parse(answer).get(ResponseOrigin), ResponseOrigin(expected))
