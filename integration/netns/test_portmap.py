"""Port mapping against Debian's miniupnpd: each protocol maps, a stranger comes through, nothing is left behind."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

from twisted.trial.unittest import SynchronousTestCase

from integration.netns.gateway_site import MINIUPNPD, OUTER, PORT, Site
from zerogo.lab.namespaces import inside

PATIENCE_SECONDS = 10.0
EPOCH_SECONDS = 4.0
"""A gateway that counted less before it began anew cannot be told from one that did not."""


class Client:
    """The process that keeps itself mapped."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def line(self, seconds: float = PATIENCE_SECONDS) -> str:
        """The next line it prints; empty where none comes in time."""
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], seconds)[0]:
            return ""
        return self._process.stdout.readline().strip()

    def outer(self) -> str:
        """The outer address that it got."""
        word, _, address = self.line().partition(" ")
        return address if word == "outer" else ""

    def end(self) -> None:
        """Have it end, and wait for that."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(10)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def kill(self) -> None:
        """If it is there yet."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(5)
        assert self._process.stdout is not None
        self._process.stdout.close()


class MiniupnpdTests(SynchronousTestCase):
    if os.geteuid() != 0:
        skip = "network namespaces need root"
    elif MINIUPNPD is None:
        skip = "miniupnpd is not installed"

    def setUp(self) -> None:
        self.site = Site()
        self.addCleanup(self.site.close)

    @contextlib.contextmanager
    def running(self, *protocols: str, transport: str = "UDP", port: int = PORT) -> Iterator[Client]:
        command = [sys.executable, "-m", "integration.netns.portmap_client", transport, str(port), *protocols]
        with inside(self.site.inside):
            client = Client(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        try:
            yield client
        finally:
            client.kill()

    def check(self, *protocols: str) -> None:
        """A stranger reaches us through the mapping while we run, and not afterwards."""
        with self.running(*protocols) as client:
            self.assertEqual(self.site.echoed(f"{OUTER}:{PORT}"), b"")
            outer = client.outer()
            self.assertTrue(outer.startswith(f"{OUTER}:"), outer)
            self.assertEqual(self.site.mapped_ports(), [int(outer.rpartition(":")[2])])
            self.assertEqual(self.site.echoed(outer), b"KNOCK")
            client.end()
        self.assertEqual(self.site.mapped_ports(), [])
        self.assertEqual(self.site.echoed(outer), b"")

    def test_pcp_maps_and_unmaps(self) -> None:
        self.site.start()
        self.check("PCP")

    def test_mapping_that_a_crash_left_behind_is_taken_over(self) -> None:
        self.site.start()
        for protocol in ("PCP", "NAT-PMP"):
            with self.running(protocol) as client:
                outer = client.outer()
                self.assertTrue(outer)
            self.assertEqual(len(self.site.mapped_ports()), 1)
            with self.running(protocol) as client:
                self.assertEqual(client.outer(), outer)
                client.end()
            self.assertEqual(self.site.mapped_ports(), [])

    def test_nat_pmp_maps_and_unmaps(self) -> None:
        self.site.start()
        self.check("NAT-PMP")

    def test_upnp_maps_and_unmaps(self) -> None:
        self.site.start(speaks_pcp=False)
        self.check("UPnP")

    def test_a_tcp_port_is_mapped_and_unmapped_by_each(self) -> None:
        self.site.start()
        for protocol in ("PCP", "NAT-PMP", "UPnP"):
            with self.running(protocol, transport="TCP") as client:
                outer = client.outer()
                self.assertEqual(outer, f"{OUTER}:{PORT}")
                self.assertEqual(self.site.mapped_ports(), [PORT])
                self.assertEqual((self.site.echoed(outer, by_tcp=True), self.site.echoed(outer)), (b"KNOCK", b""))
                client.end()
            self.assertEqual(self.site.mapped_ports(), [])

    def test_a_low_port_that_the_gateway_does_not_allow_keeps_nobody_waiting(self) -> None:
        self.site.start()
        with self.running(transport="TCP", port=443) as low:
            self.assertTrue(_await(lambda: "reject" in self.site.log()), "it was not asked for")
            with self.running() as client:
                self.assertTrue(client.outer())
                client.end()
            low.end()
        self.assertEqual(self.site.mapped_ports(), [])

    def test_all_together_make_one_mapping(self) -> None:
        self.site.start()
        self.check()

    def test_gateway_that_began_anew_is_asked_again(self) -> None:
        self.site.start()
        with self.running() as client:
            outer = client.outer()
            time.sleep(EPOCH_SECONDS)
            self.site.reboot()
            self.assertTrue(_await(lambda: bool(self.site.mapped_ports())), "the gateway announced itself in vain")
            self.assertEqual(self.site.echoed(outer), b"KNOCK")
            client.end()
        self.assertEqual(self.site.mapped_ports(), [])


def _await(condition: Callable[[], bool]) -> bool:
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.1)
    return False
