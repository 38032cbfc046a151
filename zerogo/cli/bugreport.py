# -*- test-case-name: zerogo.test.cli.test_bugreport -*-
"""`zerogo bugreport`: one archive with what somebody needs who is to find out what went wrong here, and no secret.

What goes in is text that other commands show anyway, each piece put through `scrub`: the log's own nets
(`zerogo.observe.redact`), lines whose name tells of a secret, and every secret that is on this machine's disk, in the
spellings in which it could have got somewhere. Addresses and names stay in: without them nothing can be understood.
"""

from __future__ import annotations

import base64
import io
import platform
import re
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

import click
import msgspec

from zerogo import __version__
from zerogo.agent.state_dir import LOG_FILE, StateDir, socket_path
from zerogo.cli.agent_client import AgentClient, agent_config, agent_options
from zerogo.cli.doctor import examine, report_of
from zerogo.config.agent import AgentConfig
from zerogo.config.identity_file import IDENTITY_FILE
from zerogo.config.sample import effective
from zerogo.control.token import JoinToken
from zerogo.errors import ParseError, ZeroGoError
from zerogo.observe.redact import HIDDEN, is_telling, without_bearers

PIECE_LIMIT = 4 * 1024 * 1024
"""Of one piece, its end is kept, bytes."""
COMMAND_SECONDS = 10.0
COMMANDS = {
    "addresses.txt": ["ip", "-s", "-d", "address"],
    "rules.txt": ["ip", "rule"],
    "routes.txt": ["ip", "route", "show", "table", "all"],
    "routes6.txt": ["ip", "-6", "route", "show", "table", "all"],
    "sockets.txt": ["ss", "-ulnp"],
    "journal.txt": ["journalctl", "--no-pager", "-n", "5000", "-u", "zerogo*"],
}
FILES = {"resolv.conf": Path("/etc/resolv.conf"), "os-release": Path("/etc/os-release")}
_NAMED_VALUE = re.compile(r"""^(?P<head>[\s\-'"]*(?P<name>[\w-]+)['"]?\s*[:=]\s*)(?P<value>\S.*)$""", re.M)
_NAMED_JSON = re.compile(r'"(?P<name>[\w-]+)":\s*"(?P<value>[^"]+)"')


def spellings(secret: bytes) -> set[str]:
    """How a secret may be written down."""
    base32 = base64.b32encode(secret).decode().rstrip("=")
    base64_text = base64.b64encode(secret).decode().rstrip("=")
    url_safe = base64.urlsafe_b64encode(secret).decode().rstrip("=")
    return {secret.hex(), secret.hex().upper(), base32, base32.lower(), base64_text, url_safe}


def secrets_on_disk(config: AgentConfig) -> set[str]:
    """Every secret this machine's agent keeps, in all spellings; what cannot be read cannot get into the archive."""
    state = StateDir(config.state_dir)
    found = {secret.reveal() for secret in (config.token, config.proxy) if secret is not None}
    raw: list[bytes] = []
    if config.proxy is not None:
        found.add(unquote(urlsplit(config.proxy.reveal()).password or ""))
    with suppress(ParseError):
        token = None if config.token is None else JoinToken.parse(config.token.reveal())
        if token is not None:
            found.add(token.secret)
            raw += [] if token.psk is None else [token.psk]
    with suppress(ZeroGoError, OSError):
        if (state.path / IDENTITY_FILE).exists():
            identity = state.identity()
            raw += [identity.static_private, identity.signing_seed]
    with suppress(ZeroGoError, OSError):
        membership = state.membership()
        if membership is not None:
            raw += [key for key in (membership.psk, membership.token_psk) if key is not None]
            found |= set() if membership.secret is None else {membership.secret}
    with suppress(ZeroGoError, OSError):
        found |= {each.credential.password.reveal() for each in state.relay_credentials(0.0, 0.0)}
    return found.union(*(spellings(key) for key in raw)) - {""}


def scrub(text: str, secrets: Iterable[str]) -> str:
    """`text` without secrets, known ones and such as look like one."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    text = _NAMED_VALUE.sub(_hidden_value, text)
    text = _NAMED_JSON.sub(_hidden_json, text)
    return without_bearers(text)


def _hidden_value(found: re.Match[str]) -> str:
    return found["head"] + HIDDEN if is_telling(found["name"].replace("-", "_")) else found[0]


def _hidden_json(found: re.Match[str]) -> str:
    name = found["name"]
    return f'"{name}": "{HIDDEN}"' if is_telling(name.replace("-", "_")) else found[0]


def run_command(command: Sequence[str]) -> str:
    """What a program prints, or why it does not."""
    try:
        done = subprocess.run(command, capture_output=True, timeout=COMMAND_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{' '.join(command)}: {error}\n"
    return (done.stdout + done.stderr).decode(errors="replace")


def gather(config: AgentConfig) -> dict[str, str]:
    """All pieces by name, as they are; a piece that cannot be had says why."""
    client = AgentClient(socket_path(config), config.state_dir)
    asked: dict[str, Callable[[], bytes]] = {
        "doctor.json": lambda: msgspec.json.encode(report_of(examine(config))),
        "status.json": lambda: msgspec.json.encode(client.status()),
        "peers.json": lambda: msgspec.json.encode(client.peers()),
        "config.yaml": lambda: effective(config).encode(),
    }
    pieces = {"about.txt": f"zerogo {__version__}\nPython {platform.python_version()}\n{' '.join(platform.uname())}\n"}
    for name, ask in asked.items():
        try:
            pieces[name] = ask().decode()
        except (ZeroGoError, OSError) as error:
            pieces[name] = f"{error}\n"
    for name, path in {**FILES, "agent.log": config.state_dir / LOG_FILE}.items():
        try:
            pieces[name] = path.read_text(errors="replace")
        except OSError as error:
            pieces[name] = f"{error}\n"
    for name, command in COMMANDS.items():
        pieces[name] = run_command(command)
    return pieces


def pack(pieces: dict[str, str], secrets: Iterable[str], now: float) -> bytes:
    """A gzipped tar archive of the pieces, scrubbed; `now` is unix time."""
    known = list(secrets)
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for name, text in pieces.items():
            data = scrub(text[-PIECE_LIMIT:], known).encode(errors="replace")
            entry = tarfile.TarInfo(f"zerogo-bugreport/{name}")
            entry.size, entry.mtime, entry.mode = len(data), int(now), 0o600
            tar.addfile(entry, io.BytesIO(data))
    return archive.getvalue()


@click.command()
@agent_options
@click.argument("archive", type=click.Path(path_type=Path, dir_okay=False), default=None, required=False)
def bugreport(config: Path | None, state_dir: Path | None, archive: Path | None) -> None:
    """Write an archive for whoever is to find out what went wrong here. It holds addresses and names, but no secret."""
    found = agent_config(config, state_dir)
    now = time.time()
    path = archive or Path(time.strftime("zerogo-bugreport-%Y%m%d-%H%M%S.tar.gz", time.gmtime(now)))
    data = pack(gather(found), secrets_on_disk(found), now)
    path.touch(mode=0o600, exist_ok=False)
    path.write_bytes(data)
    click.echo(f"{path}, {len(data):,} bytes. Look through it before you send it: tar -xzf {path}")
