"""Tests for zerogo.cli.owner_api."""

import json
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from zerogo.cli.owner_api import OWNER_FILE, ControllerRefused, ControllerSilent, OwnerApi


class OwnerApiTests(SynchronousTestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)
        self.api = OwnerApi(self.directory)
        self.seen: list[tuple[object, ...]] = []

    def serve(self, status: int, answer: bytes) -> None:
        seen = self.seen

        class Controller(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                seen.append((self.path, self.headers["Authorization"], json.loads(body)))
                self.send_response(status)
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        server = HTTPServer(("127.0.0.1", 0), Controller)
        thread = threading.Thread(target=server.handle_request, daemon=True)
        thread.start()
        self.addCleanup(server.server_close)
        self.addCleanup(thread.join, 5)
        owner = {"url": f"http://127.0.0.1:{server.server_port}", "token": "let-me-in"}
        (self.directory / OWNER_FILE).write_text(json.dumps(owner))

    def test_a_request_carries_the_owners_token(self) -> None:
        self.serve(201, b'{"id": "x"}')
        self.assertEqual(self.api.call("POST", "/networks", {"name": "lab"}), {"id": "x"})
        self.assertEqual(self.seen, [("/api/v1/networks", "Bearer let-me-in", {"name": "lab"})])

    def test_an_empty_answer_is_nothing(self) -> None:
        self.serve(200, b"")
        self.assertIsNone(self.api.call("POST", "/networks", {}))

    def test_a_refusal_is_the_controllers_sentence(self) -> None:
        self.serve(409, b'{"title": "Conflict", "detail": "there is such a network"}')
        error = self.assertRaises(ControllerRefused, self.api.call, "POST", "/networks", {})
        self.assertEqual(str(error), "there is such a network")

    def test_a_refusal_without_a_document_names_its_status(self) -> None:
        self.serve(502, b"<html>")
        self.assertIn("502", str(self.assertRaises(ControllerRefused, self.api.call, "POST", "/x", {})))

    def test_no_controller_is_one_sentence(self) -> None:
        self.assertIn("no controller runs here", str(self.assertRaises(ControllerSilent, self.api.call, "GET", "/me")))
        (self.directory / OWNER_FILE).write_text('{"url": "http://127.0.0.1:1", "token": "x"}')
        self.assertIn("does not answer", str(self.assertRaises(ControllerSilent, self.api.call, "GET", "/me")))

    def test_waiting_ends(self) -> None:
        self.assertRaises(ControllerSilent, self.api.wait, 0.0)
