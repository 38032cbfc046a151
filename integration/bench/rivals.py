"""Other people's tunnels between the two hosts of a wire, each as its manual sets it up; only those that are installed.

Debian's builds are looked for in PATH. A newer build joins by an environment variable with its path:
`BENCH_WIREGUARD_GO`, `BENCH_NEBULA` (`nebula-cert` is looked for beside it).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from pathlib import Path

from integration.bench.measure import Running
from zerogo.test.dataplane.kernel import Host, Wire, run

TARGET = "10.78.0.2"
UP_WITHIN_SECONDS = 15.0
_PORT = 51820

Rival = Callable[[Wire], AbstractContextManager[Running]]


def _inner(host: Host) -> str:
    return f"10.78.0.{host.number}"


def _outer(host: Host) -> str:
    return f"192.0.2.{host.number}"


@contextlib.contextmanager
def _directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="zerogo-bench-") as name:
        yield Path(name)


@contextlib.contextmanager
def _daemon(host: Host, *command: str, log: Path) -> Iterator[Path]:
    """A program in the foreground in a host's namespace; yields its directory in /proc."""
    with log.open("ab") as output:
        process = subprocess.Popen(host.command(*command), stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        yield Path(f"/proc/{process.pid}")
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for_device(host: Host, name: str) -> None:
    deadline = time.monotonic() + UP_WITHIN_SECONDS
    while subprocess.run(host.command("ip", "link", "show", name), capture_output=True).returncode:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{name} did not appear")
        time.sleep(0.05)


def _set_up(host: Host, device: str, mtu: int | None = None) -> None:
    _wait_for_device(host, device)
    host.run("ip", "addr", "replace", f"{_inner(host)}/24", "dev", device)
    host.run("ip", "link", "set", device, "up", *(("mtu", str(mtu)) if mtu else ()))


def _wait_until_answered(wire: Wire, log: Path) -> None:
    deadline = time.monotonic() + UP_WITHIN_SECONDS
    ping = wire.hosts[0].command("ping", "-n", "-c", "1", "-W", "1", TARGET)
    while subprocess.run(ping, capture_output=True).returncode:
        if time.monotonic() > deadline:
            raise RuntimeError(f"the tunnel did not come up: {log.read_text(errors='replace')[-500:]}")
        time.sleep(0.1)


def _running(processes: Sequence[Path]) -> Running:
    return Running(TARGET, tuple(process / "stat" for process in processes))


@contextlib.contextmanager
def wireguard_go(wire: Wire, program: str) -> Iterator[Running]:
    """wireguard-go, ChaChaPoly, layer 3."""
    with _directory() as directory, ExitStack() as stack:
        log = directory / "log"
        processes, names, keys = [], [], []
        for host in wire.hosts:
            names.append(f"wg{host.namespace}")
            keys.append(directory / f"key{host.number}")
            keys[-1].write_text(run("wg", "genkey"))
            processes.append(stack.enter_context(_daemon(host, program, "-f", names[-1], log=log)))
        for host in wire.hosts:
            other = wire.hosts[2 - host.number]
            public = subprocess.run(["wg", "pubkey"], input=keys[2 - host.number].read_bytes(), capture_output=True)
            _wait_for_device(host, names[host.number - 1])
            peer: tuple[str, ...] = ("peer", public.stdout.decode().strip(), "allowed-ips", "0.0.0.0/0")
            peer += ("endpoint", f"{_outer(other)}:{_PORT}")
            private = ("private-key", str(keys[host.number - 1]), "listen-port", str(_PORT))
            host.run("wg", "set", names[host.number - 1], *private, *peer)
            _set_up(host, names[host.number - 1], 1420)
        _wait_until_answered(wire, log)
        yield _running(processes)


_NEBULA = """\
pki: {{ca: {d}/ca.crt, cert: {d}/{n}.crt, key: {d}/{n}.key}}
static_host_map: {{"{other_inner}": ["{other_outer}:4242"]}}
lighthouse: {{am_lighthouse: false, hosts: []}}
listen: {{host: 0.0.0.0, port: 4242, batch: 64}}
cipher: {cipher}
tun: {{dev: neb, mtu: 1400, tx_queue: 500}}
logging: {{level: error}}
firewall: {{outbound: [{{port: any, proto: any, host: any}}], inbound: [{{port: any, proto: any, host: any}}]}}
"""


@contextlib.contextmanager
def nebula(wire: Wire, program: str, certificates: str, cipher: str) -> Iterator[Running]:
    """Nebula, layer 3."""
    with _directory() as directory, ExitStack() as stack:
        log = directory / "log"
        ca = ("-ca-crt", f"{directory}/ca.crt", "-ca-key", f"{directory}/ca.key")
        run(certificates, "ca", "-name", "bench", "-out-crt", ca[1], "-out-key", ca[3])
        processes = []
        for host in wire.hosts:
            out = ("-out-crt", f"{directory}/{host.number}.crt", "-out-key", f"{directory}/{host.number}.key")
            run(certificates, "sign", "-name", str(host.number), "-ip", f"{_inner(host)}/24", *ca, *out)
            other = wire.hosts[2 - host.number]
            text = _NEBULA.format(
                d=directory, n=host.number, other_inner=_inner(other), other_outer=_outer(other), cipher=cipher
            )
            (directory / f"{host.number}.yaml").write_text(text)
            configuration = ("-config", str(directory / f"{host.number}.yaml"))
            processes.append(stack.enter_context(_daemon(host, program, *configuration, log=log)))
        _wait_until_answered(wire, log)
        yield _running(processes)


@contextlib.contextmanager
def fastd(wire: Wire, method: str) -> Iterator[Running]:
    """fastd on a TAP, layer 2."""
    with _directory() as directory, ExitStack() as stack:
        log = directory / "log"
        keys = [dict(line.split(": ") for line in run("fastd", "--generate-key").splitlines()[-2:]) for _ in wire.hosts]
        processes = []
        for host in wire.hosts:
            mine, other = keys[host.number - 1], wire.hosts[2 - host.number]
            path = directory / f"{host.number}.conf"
            path.write_text(
                f'mode tap; interface "fd0"; method "{method}"; bind 0.0.0.0:10000; mtu 1400;\n'
                f'secret "{mine["Secret"]}";\n'
                f'peer "x" {{ key "{keys[2 - host.number]["Public"]}"; remote {_outer(other)}:10000; }}\n'
            )
            processes.append(stack.enter_context(_daemon(host, "fastd", "-c", str(path), log=log)))
            _set_up(host, "fd0")
        _wait_until_answered(wire, log)
        yield _running(processes)


@contextlib.contextmanager
def tinc(wire: Wire) -> Iterator[Running]:
    """tinc 1.0 with its default cipher, layer 2."""
    with _directory() as directory, ExitStack() as stack:
        log = directory / "log"
        for host in wire.hosts:
            home = directory / f"n{host.number}"
            (home / "hosts").mkdir(parents=True)
            other = f"ConnectTo = n{3 - host.number}\n"
            (home / "tinc.conf").write_text(
                f"Name = n{host.number}\nMode = switch\nDeviceType = tap\nInterface = tn0\n{other}"
            )
            (home / "hosts" / f"n{host.number}").write_text(f"Address = {_outer(host)}\n")
            subprocess.run(["tincd", "-c", home, "-K", "2048"], input=b"\n\n", capture_output=True, check=True)
        for host in wire.hosts:
            shutil.copy(directory / f"n{host.number}/hosts/n{host.number}", directory / f"n{3 - host.number}/hosts/")
        processes = []
        for host in wire.hosts:
            pid = directory / f"{host.number}.pid"
            command = ("tincd", "-D", "-c", str(directory / f"n{host.number}"), f"--pidfile={pid}")
            processes.append(stack.enter_context(_daemon(host, *command, log=log)))
            _set_up(host, "tn0", 1400)
        _wait_until_answered(wire, log)
        yield _running(processes)


@contextlib.contextmanager
def openvpn(wire: Wire, cipher: str) -> Iterator[Running]:
    """OpenVPN 2.6 in user space on a TAP, keys by TLS, layer 2."""
    with _directory() as directory, ExitStack() as stack:
        log = directory / "log"
        prints = []
        for host in wire.hosts:
            base = directory / str(host.number)
            out = ("-keyout", f"{base}.key", "-out", f"{base}.crt", "-subj", f"/CN={host.number}")
            run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp384r1", "-nodes", *out)
            shown = run("openssl", "x509", "-fingerprint", "-sha256", "-noout", "-in", f"{base}.crt")
            prints.append(shown.strip().split("=", 1)[1])
        processes = []
        for host in wire.hosts:
            base, other = directory / str(host.number), wire.hosts[2 - host.number]
            role = ("--tls-server", "--dh", "none") if host.number == 1 else ("--tls-client",)
            keys = ("--cert", f"{base}.crt", "--key", f"{base}.key", "--peer-fingerprint", prints[2 - host.number])
            link = (
                "--dev",
                "ov0",
                "--dev-type",
                "tap",
                "--proto",
                "udp",
                "--remote",
                _outer(other),
                "--tun-mtu",
                "1400",
            )
            command = ("openvpn", *role, *keys, *link, "--disable-dco", "--data-ciphers", cipher, "--cipher", cipher)
            processes.append(stack.enter_context(_daemon(host, *command, "--verb", "1", log=log)))
            _set_up(host, "ov0")
        _wait_until_answered(wire, log)
        yield _running(processes)


def installed() -> dict[str, Rival]:
    """The rivals that can run here, by the name they are shown under."""
    found: dict[str, Rival] = {}
    for title, program in (
        ("wireguard-go new", os.environ.get("BENCH_WIREGUARD_GO")),
        ("wireguard-go", "wireguard-go"),
    ):
        if program and shutil.which(program) and shutil.which("wg"):
            found[title] = partial(wireguard_go, program=program)
    for title, program in (("nebula new", os.environ.get("BENCH_NEBULA")), ("nebula", "nebula")):
        if not program or not (path := shutil.which(program)):
            continue
        certificates = f"{path}-cert"
        for cipher in ("aes", "chachapoly"):
            found[f"{title} {cipher}"] = partial(nebula, program=path, certificates=certificates, cipher=cipher)
    if shutil.which("fastd"):
        found["fastd aes128-gcm"] = partial(fastd, method="aes128-gcm")
    if shutil.which("tincd", path=f"{os.environ['PATH']}:/usr/sbin"):
        found["tinc"] = tinc
    if shutil.which("openvpn", path=f"{os.environ['PATH']}:/usr/sbin"):
        found["openvpn aes-256-gcm"] = partial(openvpn, cipher="AES-256-GCM")
    return found
