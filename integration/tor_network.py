"""A private Tor network on loopback: three authorities, two relays, and the Tors of two machines.

Nothing leaves this machine: the network has authorities of its own, and all its addresses are 127.0.0.1. It takes about
half a minute until circuits can be built.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

AUTHORITIES = ("auth0", "auth1", "auth2")
RELAYS = ("relay0", "relay1")
MACHINES = ("server", "client")
BOOTSTRAP_SECONDS = 120.0
_COMMON = """\
TestingTorNetwork 1
DataDirectory {directory}
Nickname {name}
Log notice file {directory}/log
ShutdownWaitLength 0
ControlSocket {directory}/control
CookieAuthentication 1
AssumeReachable 1
PathsNeededToBuildCircuits 0.25
TestingDirAuthVoteExit *
TestingDirAuthVoteHSDir *
TestingDirAuthVoteGuard *
V3AuthNIntervalsValid 2
TestingV3AuthInitialVotingInterval 5
TestingV3AuthInitialVoteDelay 2
TestingV3AuthInitialDistDelay 2
V3AuthVotingInterval 10
V3AuthVoteDelay 2
V3AuthDistDelay 2
"""
_RELAY = "ORPort 127.0.0.1:{port} IPv4Only\nSocksPort 0\nExitRelay 0\nAddress 127.0.0.1\n"
_AUTHORITY = (
    "DirPort 127.0.0.1:{directory_port}\nAuthoritativeDirectory 1\nV3AuthoritativeDirectory 1\n"
    "ContactInfo nobody@example.net\nTestingMinTimeToReportBandwidth 1\n"
)


def is_installed() -> bool:
    """Whether there is a Tor here."""
    return shutil.which("tor") is not None and shutil.which("tor-gencert") is not None


class TorNetwork:
    """The network; `close` ends it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._processes: list[subprocess.Popen[bytes]] = []
        self._authorities: list[str] = []
        self.socks_port = _free_port()
        """Of the client's Tor."""

    def control(self, machine: str) -> str:
        """The path of the control socket of a machine's Tor."""
        return str(self._directory / machine / "control")

    def start(self) -> None:
        """Start all of it, and wait until both machines' Tors can build circuits; raises `AssertionError`."""
        ports = {name: (_free_port(), _free_port()) for name in (*AUTHORITIES, *RELAYS)}
        for name in (*AUTHORITIES, *RELAYS, *MACHINES):
            (self._directory / name / "keys").mkdir(mode=0o700, parents=True)
            (self._directory / name).chmod(0o700)
        makers = [self._begin_keys(name, ports[name][1]) for name in AUTHORITIES]
        for maker in makers:
            assert maker.wait(60) == 0
        self._authorities = [self._authority(name, *ports[name]) for name in AUTHORITIES]
        for name, (port, directory_port) in ports.items():
            lines = _RELAY.format(port=port)
            if name in AUTHORITIES:
                lines += _AUTHORITY.format(directory_port=directory_port)
            self._start(name, lines)
        self._start("server", "SocksPort 0\n")
        self._start("client", f"SocksPort 127.0.0.1:{self.socks_port}\n")
        self._wait()

    def close(self) -> None:
        """End all processes."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()

    def _begin_keys(self, name: str, directory_port: int) -> subprocess.Popen[bytes]:
        keys = self._directory / name / "keys"
        command = ["tor-gencert", "--create-identity-key", "--passphrase-fd", "0", "-m", "12"]
        command += ["-a", f"127.0.0.1:{directory_port}", "-i", str(keys / "authority_identity_key")]
        command += ["-s", str(keys / "authority_signing_key"), "-c", str(keys / "authority_certificate")]
        quiet = subprocess.DEVNULL
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=quiet, stderr=quiet)
        assert process.stdin is not None
        process.stdin.write(b"of no worth\n")
        process.stdin.close()
        return process

    def _authority(self, name: str, port: int, directory_port: int) -> str:
        directory = self._directory / name
        certificate = (directory / "keys" / "authority_certificate").read_text()
        identity = re.search(r"^fingerprint ([0-9A-F]{40})", certificate, re.MULTILINE)
        assert identity is not None
        first = directory / "torrc.first"
        nobody = f"DirAuthority x 127.0.0.1:1 {'f' * 40}"
        first.write_text(
            f"ORPort {port}\nDataDirectory {directory}\nNickname {name}\nAddress 127.0.0.1\n{nobody}\nLog err stderr\n"
        )
        done = subprocess.run(["tor", "--list-fingerprint", "-f", str(first), "--hush"], capture_output=True, text=True)
        fingerprint = done.stdout.strip().splitlines()[-1].partition(" ")[2].replace(" ", "")
        return f"DirAuthority {name} orport={port} no-v2 v3ident={identity[1]} 127.0.0.1:{directory_port} {fingerprint}"

    def _start(self, name: str, lines: str) -> None:
        directory = self._directory / name
        file = directory / "torrc"
        text = _COMMON.format(directory=directory, name=name)
        file.write_text("\n".join([text, *self._authorities, lines]))
        with (directory / "output").open("wb") as output:
            command = ["tor", "-f", str(file), "--hush"]
            self._processes.append(subprocess.Popen(command, stdout=output, stderr=output))

    def _wait(self) -> None:
        until = time.monotonic() + BOOTSTRAP_SECONDS
        while not all(self._is_ready(name) for name in MACHINES):
            assert time.monotonic() < until, "the private Tor network did not come up"
            time.sleep(0.5)

    def _is_ready(self, name: str) -> bool:
        log = self._directory / name / "log"
        return log.exists() and "Bootstrapped 100%" in log.read_text(errors="replace")


@contextlib.contextmanager
def tor_network(directory: Path) -> Iterator[TorNetwork]:
    """A network that runs, until the end of the block."""
    network = TorNetwork(directory)
    try:
        network.start()
        yield network
    finally:
        network.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
