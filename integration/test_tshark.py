"""Wireshark's dissector reads what we send as STUN and TURN, without complaint: it shares no code with us.

A client and a relay hold a whole conversation in virtual time, NAT discovery and connectivity checks go along; every
datagram is written to a capture file, which tshark reads.
"""

from __future__ import annotations

import ipaddress
import random
import shutil
import struct
import subprocess
import tempfile
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from zerogo.ice.binding import Check, emit_check
from zerogo.ice.credentials import Credentials
from zerogo.ids import SocketAddress
from zerogo.stun.discovery import Places, discovery_request
from zerogo.stun.integrity import Integrity
from zerogo.stun.server import BindingResponder, binding_request
from zerogo.test.turn.bench import SECRET, UNIX, Bench
from zerogo.test.turn.test_client import PEER, Line
from zerogo.turn.client import TurnCredential
from zerogo.turn.credentials import timed_password, timed_username

CLIENT, SERVER = SocketAddress("192.0.2.7", 4242), SocketAddress("198.51.100.1", 3478)
RAW_IP = 101
"""LINKTYPE_RAW: packets begin with the IP header."""
FIELDS = ("frame.protocols", "_ws.malformed", "_ws.expert.message", "stun.att.crc32.status", "stun.channel")
OURS = "Unknown attribute 0xe5a0"
"""PEER-GRANT, which servers that do not know it may ignore."""
RNG = random.Random(5).randbytes


def capture(datagrams: list[tuple[bytes, bool]]) -> bytes:
    """A capture file of UDP datagrams between CLIENT and SERVER; the flag says that it is the client's."""
    out = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, RAW_IP)]
    for number, (payload, is_clients) in enumerate(datagrams):
        source, destination = (CLIENT, SERVER) if is_clients else (SERVER, CLIENT)
        udp = struct.pack("!HHHH", source.port, destination.port, 8 + len(payload), 0) + payload
        addresses = b"".join(ipaddress.ip_address(each.host).packed for each in (source, destination))
        header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), number, 0, 64, 17, 0) + addresses
        out.append(struct.pack("<IIII", number, 0, len(header + udp), len(header + udp)) + header + udp)
    return b"".join(out)


def dissected(datagrams: list[tuple[bytes, bool]]) -> list[list[str]]:
    """The fields of each datagram."""
    if shutil.which("tshark") is None:
        raise SkipTest("tshark is not installed")
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "stun.pcap"
        path.write_bytes(capture(datagrams))
        arguments = ["tshark", "-n", "-r", str(path), "-T", "fields", "-E", "separator=|"]
        for field in FIELDS:
            arguments += ["-e", field]
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=True)
    return [line.split("|") for line in done.stdout.splitlines()]


def conversation() -> list[tuple[bytes, bool]]:
    """A client of our relay, from its first request to its last, also as the relay refuses it."""
    name = timed_username("aaaaaaaaaaaaaaaa", UNIX + 500)
    bench = Bench(allowed=(ipaddress.ip_network("8.8.0.0/16"),))
    line = Line(bench, TurnCredential(name, timed_password(SECRET, name))).start()
    now = bench.now
    line.client.permit(PEER, None, now)
    line.settle()
    line.client.send(PEER, b"by an indication")
    line.client.bind(PEER, None, now)
    line.settle()
    line.client.send(PEER, b"by a channel")
    line.from_peer(b"back by the channel")
    line.client.permit(SocketAddress("9.9.9.9", 1), bytes(20), now)
    line.settle()
    line.client.check(now)
    line.settle()
    line.client.close(now)
    line.settle()
    return [(data, True) for data in line.sent] + [(each.payload, False) for each in bench.to_clients]


def bindings() -> list[tuple[bytes, bool]]:
    """Agents' requests, those of NAT discovery, and their answers."""
    responder = BindingResponder()
    hosts = ("198.51.100.1", "198.51.100.2")
    places = [SocketAddress(host, port) for host in hosts for port in (3478, 3479)]
    responder.places = Places(dict(enumerate(places)))
    found: list[tuple[bytes, bool]] = []
    for data in (binding_request(RNG), discovery_request(RNG), discovery_request(RNG, change_port=True)):
        answer = responder.answer(data, CLIENT, 0, 0.0)
        assert answer is not None
        found += [(data, True), (answer.payload, False)]
    return found


def checks() -> list[tuple[bytes, bool]]:
    """Connectivity checks of ICE with each kind of integrity."""
    ours, theirs = (Credentials(text * 4, text * 24) for text in ("a", "b"))
    check = Check(controlling=True, tie_breaker=2**63, priority=2**31 - 1, nominates=True)
    return [(emit_check(check, RNG(12), ours, theirs, kind), True) for kind in Integrity]


class DissectorTests(SynchronousTestCase):
    def test_every_datagram_is_stun_or_channel_data_without_complaint(self) -> None:
        sent = conversation() + bindings() + checks()
        rows = dissected(sent)
        self.assertEqual(len(rows), len(sent))
        for (data, _), (protocols, malformed, complaint, checksum, _) in zip(sent, rows, strict=True):
            self.assertIn("stun", protocols, data.hex())
            self.assertEqual(malformed, "", data.hex())
            self.assertIn(complaint, ("", OURS), data.hex())
            self.assertIn(checksum, ("", "Good", "1"), data.hex())

    def test_channels_are_seen_in_both_directions(self) -> None:
        channels = [row[4] for row in dissected(conversation()) if row[4]]
        self.assertEqual(channels, ["0x4000", "0x4000"])

    def test_the_dissector_does_complain_where_there_is_reason(self) -> None:
        data = binding_request(RNG)
        broken = data[:-1] + bytes([data[-1] ^ 1])
        ((_, _, complaint, checksum, _),) = dissected([(broken, True)])
        self.assertTrue(complaint or checksum not in ("", "Good", "1"))
