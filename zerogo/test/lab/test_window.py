"""A window into a lab: bytes both ways, ends, and what is not there."""

from __future__ import annotations

import hashlib
import os
import socket
import threading

from twisted.trial.unittest import SynchronousTestCase

from zerogo.lab.window import Window


class WindowTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.inside = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.inside.close)
        self.window = Window(lambda: socket.create_connection(self.inside.getsockname(), 5))
        self.addCleanup(self.window.close)

    def look(self) -> socket.socket:
        made = socket.create_connection(("127.0.0.1", self.window.port), 5)
        self.addCleanup(made.close)
        return made

    def test_bytes_go_both_ways_and_each_end_is_passed_on(self) -> None:
        question = os.urandom(300_000)

        def serve() -> None:
            connection, _ = self.inside.accept()
            with connection:
                seen = b""
                while piece := connection.recv(65536):
                    seen += piece
                connection.sendall(hashlib.sha256(seen).digest())

        server = threading.Thread(target=serve)
        server.start()
        browser = self.look()
        browser.sendall(question)
        browser.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := browser.recv(100):
            answer += piece
        server.join(5)
        self.assertEqual(answer, hashlib.sha256(question).digest())

    def test_where_nobody_is_inside_the_connection_ends(self) -> None:
        self.inside.close()
        self.assertEqual(self.look().recv(1), b"")

    def test_closing_ends_what_goes_through(self) -> None:
        browser = self.look()
        connection, _ = self.inside.accept()
        self.addCleanup(connection.close)
        browser.sendall(b"x")
        self.assertEqual(connection.recv(1), b"x")
        self.window.close()
        self.assertEqual(browser.recv(1), b"")
