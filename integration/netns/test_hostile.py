"""Two real agents, and an attacker on their wire who throws at one of them what the UDP port must not believe.

One Ethernet segment (the site `lan`) holds the controller, `ada`, `bob` and `eve`. What ada and bob said to
each other from the first check on was captured; eve sends it again, bent, cut and from elsewhere, and what a stranger
who knows the network's id and the victim's public key can make. The victim is the one of the two that answers
handshakes (the greater static key), so that the flood meets the handshake of the other one. Run by trial, as root.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import select
import signal
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from attrs import define, field
from twisted.trial.unittest import SynchronousTestCase

from zerogo.config.identity_file import load_identity
from zerogo.dataplane.native import is_built
from zerogo.ids import NetworkId
from zerogo.lab.laboratory import Lab
from zerogo.lab.loader import parse_scenario
from zerogo.lab.local_api import ask
from zerogo.lab.namespaces import processes
from zerogo.lab.roles import AGENT_PORT, MESH_DEVICE, Mesh
from zerogo.lab.scenario import Role
from zerogo.noise.exchange import Initiator
from zerogo.noise.identity import Identity
from zerogo.noise.timestamp import HandshakeClock
from zerogo.stun.attributes import IceControlling, Priority, Username
from zerogo.stun.integrity import Integrity
from zerogo.stun.message import Message, MessageClass, Method, emit, is_stun, new_transaction_id, parse
from zerogo.wire.handshake import Suite

SCENARIO = """
log-level: info
sites:
  lan:
    hosts:
      server: {role: controller}
      ada: {role: agent, settings: {data-plane: PLANE}}
      bob: {role: agent, settings: {data-plane: PLANE}}
      eve: {}
"""
STRANGER_DATAGRAMS = 20_000
"""Of all kinds together, before the flood."""
DATAGRAM_LIMIT = 1472
BATCH = 100
"""Datagrams between two looks at the answers; it keeps the veth's queue from dropping any."""
GROWTH_LIMIT = 6 * 1024
"""kB that the victim's two processes together may grow by over all attacks."""
FLOOD_PER_SECOND = 600
"""Handshakes: six times what an agent works on without a cookie."""
RESTARTS_LIMIT = 8
CONNECT_SECONDS = 20.0
INITIATION, RESPONSE, COOKIE_REPLY, TRANSPORT, STUN = 0x90, 0x91, 0x92, 0x93, 0x00
COOKIE_REPLY_BYTES = 64


@define
class Wire:
    """Every UDP payload between the data ports that passed one host, in order: source host, destination, payload."""

    tap: socket.socket
    seen: list[tuple[str, str, bytes]] = field(factory=list)

    @classmethod
    def at(cls, lab: Lab, host: str) -> Wire:
        tap = lab.socket(host, socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0003))
        tap.setsockopt(socket.SOL_SOCKET, 33, 32 * 1024 * 1024)  # SO_RCVBUFFORCE
        tap.bind(("eth0", 0x0003))
        tap.setblocking(False)
        return cls(tap)

    def drain(self) -> list[tuple[str, str, bytes]]:
        with contextlib.suppress(BlockingIOError):
            while True:
                packet, where = self.tap.recvfrom(65536)
                if where[1] == 0x0800 and packet[9] == socket.IPPROTO_UDP:
                    source, destination = socket.inet_ntoa(packet[12:16]), socket.inet_ntoa(packet[16:20])
                    self.seen.append((source, destination, packet[28 : 20 + struct.unpack_from("!H", packet, 24)[0]]))
        return self.seen

    def said(self, source: str, destination: str, *kinds: int) -> list[bytes]:
        """What one host sent another, of those first bytes; a train that the kernel had not cut yet is left out."""
        heard = [data for sender, where, data in self.drain() if (sender, where) == (source, destination)]
        return [data for data in heard if 0 < len(data) <= DATAGRAM_LIMIT and data[0] in kinds]


@define
class Attacker:
    """Eve's socket, and what came back to it."""

    socket: socket.socket
    target: tuple[str, int]
    sent: int = 0
    sent_bytes: int = 0
    answers: list[bytes] = field(factory=list)

    def send(self, datagrams: Iterable[bytes]) -> None:
        for data in datagrams:
            self.socket.sendto(data, self.target)
            self.sent += 1
            self.sent_bytes += len(data)
            if self.sent % BATCH == 0:
                self.hear(0.002)
        self.hear(0.05)

    def hear(self, seconds: float) -> None:
        """Take what comes until it is quiet for so long."""
        while select.select([self.socket], [], [], seconds)[0]:
            self.answers.append(self.socket.recv(65536))


def bent(rng: random.Random, data: bytes) -> bytes:
    """A copy that was cut short, or has one bit flipped."""
    if rng.random() < 0.3:
        return data[: rng.randrange(len(data))]
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]


def forged_checks(rng: random.Random, sample: Message, count: int) -> Iterable[bytes]:
    """Connectivity checks with the pair's true user name, and with others, under a password that is not theirs."""
    name = sample.get(Username)
    assert name is not None
    for number in range(count):
        user = name if number % 2 else Username(f"{rng.randbytes(6).hex()}:{rng.randbytes(6).hex()}")
        attributes = (user, Priority(rng.getrandbits(31)), IceControlling(rng.getrandbits(64)))
        request = Message(Method.BINDING, MessageClass.REQUEST, new_transaction_id(rng.randbytes), attributes)
        yield emit(request, rng.randbytes(24), integrity=Integrity.SHA256)


def is_proven(data: bytes) -> bool:
    return data[0] == INITIATION and any(data[-16:])


def spoofed(source: str, target: str, payload: bytes) -> bytes:
    """An IPv4 packet that says it came from a peer's data port."""
    udp = struct.pack("!HHHH", AGENT_PORT, AGENT_PORT, 8 + len(payload), 0) + payload
    addresses = socket.inet_aton(source) + socket.inet_aton(target)
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, socket.IPPROTO_UDP, 0) + addresses + udp


NOT_HERE = None
if os.geteuid() != 0 or not Path("/dev/net/tun").exists():
    NOT_HERE = "needs root and /dev/net/tun"


class HostileCase(SynchronousTestCase):
    """The agents and their attacker."""

    skip = NOT_HERE
    timeout = 120
    plane: str

    def setUp(self) -> None:
        self.rng = random.Random(2026)
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        self.lab = stack.enter_context(
            Lab(parse_scenario(SCENARIO.replace("PLANE", self.plane), name="hostile", file="hostile.yaml"))
        )
        self.wire = Wire.at(self.lab, "ada")
        stack.callback(self.wire.tap.close)
        self.mesh = Mesh(self.lab)
        stack.callback(self.mesh.close)
        self.mesh.start_all()
        for host in ("ada", "bob"):
            self.wait(lambda host=host: self.mesh.address(host), f"{host} to join")  # type: ignore[misc]
        self.wait(lambda: self.path("ada", "bob") and self.path("bob", "ada"), "the first path")
        self.identities = {host: load_identity(self.state(host) / "identity.key") for host in ("ada", "bob")}
        self.leader, self.victim = sorted(self.identities, key=lambda host: self.identities[host].static_public)
        eve = self.lab.socket("eve", socket.AF_INET, socket.SOCK_DGRAM)
        stack.callback(eve.close)
        eve.bind((self.place("eve"), 4444))
        self.eve = Attacker(eve, (self.place(self.victim), AGENT_PORT))

    # ----- looking

    def wait(self, is_so: Callable[[], Any], what: str, seconds: float = CONNECT_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while not is_so():
            if time.monotonic() > deadline:
                self.fail(f"waited in vain for {what}")
            select.select([], [], [], 0.05)

    def place(self, host: str) -> str:
        return self.lab.host(host).addresses[0]

    def state(self, host: str) -> Path:
        return self.lab.directory / host / Role.AGENT.value / "state"

    def log(self, host: str) -> list[str]:
        return (self.lab.directory / host / Role.AGENT.value / "log").read_text(encoding="utf-8").splitlines()

    def asked(self, host: str, command: str) -> Any:
        answer = ask(self.lab.directory / host / Role.AGENT.value / "agent.sock", command)
        return None if answer is None else json.loads(answer)["result"]

    def path(self, host: str, peer: str) -> str | None:
        """Where a host sends its peer's frames, while they are connected."""
        view = self.mesh.peers(host).get(peer)
        return None if view is None else view.address

    def refused(self) -> dict[str, int]:
        """All that the victim says it refused, by name."""
        status = self.asked(self.victim, "status")
        dropped = {key: count for key, count in status["plane"]["counters"].items() if key.startswith("dropped_")}
        return {**dropped, **status["refusals"]}

    def resident(self) -> int:
        """Memory of the victim's processes, agent and worker, kB."""
        total = 0
        for process in processes(self.lab.host(self.victim).namespace):
            status = Path(f"/proc/{process}/status").read_text()
            if "zerogo" in Path(f"/proc/{process}/cmdline").read_text():
                total += next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
        return total

    # ----- attacks

    def garbage(self, count: int) -> Iterable[bytes]:
        firsts = [INITIATION, RESPONSE, COOKIE_REPLY, TRANSPORT, STUN, 0x01, 0x40, 0x4F, 0xFF]
        for number in range(count):
            first = bytes([firsts[number % len(firsts)]])
            yield first + self.rng.randbytes(self.rng.randrange(1, 1400))

    def strange_stun(self, count: int) -> Iterable[bytes]:
        """Classic STUN (RFC 3489, no cookie), a request for a server, and ChannelData."""
        for number in range(count):
            identifier = self.rng.randbytes(16)
            server = emit(Message(Method.BINDING, MessageClass.REQUEST, identifier[:12]))
            yield (struct.pack("!HH", 1, 0) + identifier, server, struct.pack("!HH", 0x4001, 16) + identifier)[
                number % 3
            ]

    def strangers(self, count: int) -> list[bytes]:
        """Initiations with a right mac1 of a node that is no member."""
        network = NetworkId.parse(self.asked(self.victim, "status")["network"])
        clock, made = HandshakeClock(), []
        for number in range(count):
            remote = self.identities[self.victim].static_public
            stranger = Initiator(
                Identity.generate(self.rng.randbytes), remote, network, bytes(32), Suite.CHACHAPOLY, self.rng.randbytes
            )
            made.append(stranger.create_initiation(number, clock.next(time.time())))
        return made

    def expect_counted(self, attack: Iterable[bytes], name: str) -> Sequence[bytes]:
        """Send; wait until the victim has counted each; the answers that came."""
        before, heard, sent = sum(self.refused().values()), len(self.eve.answers), self.eve.sent
        self.eve.send(attack)
        sent = self.eve.sent - sent
        self.wait(lambda: sum(self.refused().values()) - before >= sent, f"{sent} of {name} to be counted", 5)
        self.eve.hear(0.05)
        return self.eve.answers[heard:]

    def attack(self, count: int) -> None:
        """One of everything that must not be answered, and of what may be answered by a cookie only."""
        heard = self.wire.said(
            self.place(self.leader), self.place(self.victim), INITIATION, RESPONSE, STUN, 0x01, TRANSPORT
        )
        rare = [data for data in heard if data[0] != TRANSPORT] or heard
        # A plane may send checks as a train, too, which the capture sees as one; that is no message.
        sample = next(parse(data) for data in rare if data[:2] == b"\x00\x01" and is_stun(data))
        part = count // 8
        self.assertEqual([], self.expect_counted(self.garbage(2 * part), "garbage"))
        self.assertEqual([], self.expect_counted(self.strange_stun(part), "foreign STUN"))
        self.assertEqual([], self.expect_counted(forged_checks(self.rng, sample, part), "forged checks"))
        copies = [self.rng.choice(heard) for _ in range(part)] + [self.rng.choice(rare) for _ in range(part)]
        answers = list(self.expect_counted((bent(self.rng, data) for data in copies if data), "bent copies"))
        answers += self.expect_counted(copies, "replays")
        self.assertEqual(set(), {(data[0], len(data)) for data in answers} - {(COOKIE_REPLY, COOKIE_REPLY_BYTES)})

    def attack_from_the_peers_address(self, count: int) -> None:
        """Bent copies and replays of sealed datagrams that say they come from the peer."""
        source, target = self.place(self.leader), self.place(self.victim)
        sealed = self.wire.said(source, target, TRANSPORT)
        with self.lab.socket("eve", socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
            for number in range(count):
                data = self.rng.choice(sealed)
                packet = spoofed(source, target, data if number % 2 else bent(self.rng, data))
                raw.sendto(packet, (target, 0))
                if number % BATCH == 0:
                    select.select([], [], [], 0.002)

    @contextlib.contextmanager
    def flooded(self) -> Iterator[None]:
        """Strangers' handshakes all the time, at `FLOOD_PER_SECOND`."""
        initiations, is_over = self.strangers(1500), threading.Event()
        flood = threading.Thread(target=self.flood, args=(initiations, is_over))
        flood.start()
        try:
            yield
        finally:
            is_over.set()
            flood.join()

    def flood(self, initiations: Sequence[bytes], is_over: threading.Event) -> None:
        begin, number = time.monotonic(), 0
        while not is_over.is_set():
            due = int((time.monotonic() - begin) * FLOOD_PER_SECOND)
            self.eve.send(initiations[each % len(initiations)] for each in range(number, due))
            number = due

    def proven_initiations(self) -> list[bytes]:
        """Those of the leader that carried mac2, which takes a cookie of the victim."""
        sent = self.wire.drain()
        return [data for source, _, data in sent if source == self.place(self.leader) and is_proven(data)]

    def restart(self, host: str, peer: str) -> None:
        """Kill an agent; until its next life and the peer are connected, by keys that are of that life at both ends."""
        self.mesh.kill(host, Role.AGENT)
        began = time.monotonic()
        self.mesh.start(host, Role.AGENT)

        def is_in() -> bool:
            if not (self.path(host, peer) and self.path(peer, host)):
                return False
            ages = [self.asked(each, "peers")[0]["handshake_age_seconds"] for each in (host, peer)]
            return all(age is not None and age < time.monotonic() - began for age in ages)

        self.wait(is_in, "the member to get in")

    def endure(self) -> None:
        """All attacks but the flood, while the leader pings the victim: they cost counters and nothing else."""
        victim, leader = self.victim, self.leader
        address = self.mesh.address(victim)
        argv = ["ping", "-q", "-i", "0.05", "-I", MESH_DEVICE, str(address)]
        pinging = self.lab.popen(leader, argv, stdout=subprocess.PIPE)
        self.addCleanup(contextlib.closing(pinging.stdout).__exit__)  # type: ignore[type-var]
        self.wait(lambda: len(self.wire.said(self.place(leader), self.place(victim), TRANSPORT)) > 50, "traffic")
        age = self.asked(victim, "peers")[0]["handshake_age_seconds"]
        began = time.monotonic()
        # What is made once and kept, such as layouts of buffers, is made here.
        self.attack(800)
        small, logged, log_lines = self.resident(), len(self.log(leader)), len(self.log(victim))
        self.attack(STRANGER_DATAGRAMS)
        self.attack_from_the_peers_address(1000)
        self.assertLess(self.resident() - small, GROWTH_LIMIT, "kB of growth")
        self.assertLessEqual(len(self.log(victim)) - log_lines, 1, self.log(victim)[log_lines:])
        self.assertEqual([], self.log(leader)[logged:])
        self.assertLessEqual(sum(map(len, self.eve.answers)), self.eve.sent_bytes)
        # The session and the path are those of before, and nothing was lost on them.
        peer = self.asked(victim, "peers")[0]
        self.assertGreaterEqual(peer["handshake_age_seconds"], age + time.monotonic() - began - 0.5)
        self.assertEqual({f"{self.place(leader)}:{AGENT_PORT}"}, {path["address"] for path in peer["paths"]})
        self.assertNotIn(self.place("eve"), str(self.asked(leader, "peers")))
        pinging.send_signal(signal.SIGINT)
        told = pinging.communicate(timeout=10)[0].decode()
        sent, answered = map(int, re.findall(r"(\d+) (?:packets transmitted|received)", told))
        # One may have been under way.
        self.assertLessEqual(sent - answered, 1, told)


class ReferencePlaneTests(HostileCase):
    plane = "reference"

    def test_a_hostile_wire_costs_counters_and_nothing_else(self) -> None:
        self.endure()

    def test_a_flood_of_handshakes_is_asked_for_cookies_and_a_member_gets_in(self) -> None:
        victim, leader = self.victim, self.leader
        small, log_lines = self.resident(), len(self.log(victim))
        with self.flooded():
            self.wait(lambda: self.refused()["cookie_demanded"] > 500, "cookie replies")
            self.assertLessEqual(len(self.log(victim)) - log_lines, 1, self.log(victim)[log_lines:])
            # On a busy machine the other end may be the first to try, and it is not under load.
            for _ in range(RESTARTS_LIMIT):
                self.restart(leader, victim)
                if self.proven_initiations():
                    break
        self.assertTrue(self.proven_initiations(), "no handshake went through with a cookie")
        self.assertLess(self.resident() - small, GROWTH_LIMIT, "kB of growth")
        self.lab.run(leader, ["ping", "-c", "1", "-W", "2", "-I", MESH_DEVICE, str(self.mesh.address(victim))])
        self.assertEqual({(COOKIE_REPLY, COOKIE_REPLY_BYTES)}, {(data[0], len(data)) for data in self.eve.answers})
        self.assertLess(len(self.eve.answers) * COOKIE_REPLY_BYTES, self.eve.sent_bytes)
        self.assertNotIn(self.place("eve"), "".join(self.log(victim)) + str(self.asked(victim, "peers")))


class NativePlaneTests(HostileCase):
    skip = NOT_HERE if is_built() else "the native data plane was not built"
    plane = "auto"

    def test_a_hostile_wire_costs_counters_and_nothing_else(self) -> None:
        self.endure()
