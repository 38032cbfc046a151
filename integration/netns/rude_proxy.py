"""An HTTP proxy for `test_proxied_port`, which takes CONNECT and is as rude to some ports as proxies in trouble are.

    8401   refused, 403             8403   let through, and all that is said is swallowed
    8402   hung up on, unanswered   8404   let through to port 443, after `SLOW_SECONDS`

All else goes where it is to go. SIGUSR1: the connections to 443 that there are stay, and swallow what is sent from then
on. Prints a line for each port that was asked for.
"""

from __future__ import annotations

import signal
import socket
import sys
import threading
import time
from types import FrameType

SLOW_SECONDS = 1.0
REFUSED, HUNG_UP, SWALLOWING, SLOW = 8401, 8402, 8403, 8404
OPEN_PORT = 443


class Rude:
    """Says which connections swallow: those that were made before the last signal."""

    def __init__(self) -> None:
        self.turn = 0

    def swallow(self, number: int, frame: FrameType | None) -> None:
        """The signal."""
        self.turn += 1


def carry(source: socket.socket, sink: socket.socket | None, rude: Rude, turn: int | None) -> None:
    """What comes from one goes to the other, until either is over."""
    try:
        while data := source.recv(65536):
            if sink is not None and turn in (None, rude.turn):
                sink.sendall(data)
    except OSError:
        pass
    finally:
        for each in (source, sink):
            if each is not None:
                each.close()


def serve(client: socket.socket, rude: Rude) -> None:
    """One connection."""
    head = b""
    while b"\r\n\r\n" not in head:
        data = client.recv(4096)
        if not data:
            return
        head += data
    host, _, text = head.split(b" ")[1].decode("ascii").rpartition(":")
    port = int(text)
    # In one piece: others print at the same time.
    print(f"{port}\n", end="", flush=True)
    if port == HUNG_UP:
        client.close()
        return
    if port == REFUSED:
        client.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        return
    if port == SLOW:
        time.sleep(SLOW_SECONDS)
        port = OPEN_PORT
    far = None if port == SWALLOWING else socket.create_connection((host, port), 8)
    turn = rude.turn if port == OPEN_PORT else None
    try:
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
    except OSError:
        # Whoever asked has found another way meanwhile.
        return
    if far is not None:
        far.settimeout(None)
        threading.Thread(target=carry, args=(far, client, rude, turn), daemon=True).start()
    carry(client, far, rude, turn)


def main(port: int) -> None:
    """Run until a signal ends it."""
    rude = Rude()
    signal.signal(signal.SIGUSR1, rude.swallow)
    with socket.create_server(("", port)) as listening:
        while True:
            client, _ = listening.accept()
            threading.Thread(target=serve, args=(client, rude), daemon=True).start()


if __name__ == "__main__":
    main(int(sys.argv[1]))
