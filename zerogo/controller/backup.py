# -*- test-case-name: zerogo.test.controller.test_backup -*-
"""Backups of a controller: one file with its database and the keys without which the database is of no use.

A backup is a tar archive, mode 0600, with `manifest.json` first: when it was taken, of which controller, and the
SHA-256 of every other file in it. These are `controller.db` (SQLite, whatever database the controller uses),
`identity.key`, which agents know the controller by, `api-token.key`, unless the configuration has a `jwt-secret`, and
`onion.json`, where there is an onion service. Whoever has a backup can be this controller: it belongs where only its
owner reads.

It is taken while the controller runs, in one read transaction, and is unpacked and examined before it gets its name.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from attrs import frozen

from zerogo import __version__
from zerogo.config.controller import ControllerConfig
from zerogo.config.identity_file import IDENTITY_FILE, load_identity
from zerogo.config.private_file import make_private_directory, read_private, write_private
from zerogo.controller.places import DATABASE_FILE, ONION_FILE, TOKEN_SEED_FILE, database_place
from zerogo.errors import EnvironmentFault, RemoteError
from zerogo.store.check import Finding, examine
from zerogo.store.snapshot import check_unused, inspect, install, take

FORMAT = 1
MANIFEST_FILE = "manifest.json"
MANIFEST_LIMIT = 16 * 1024
KEY_LIMIT = 4096
KEY_FILES = (IDENTITY_FILE, TOKEN_SEED_FILE, ONION_FILE)
_CHUNK = 1024 * 1024


class BackupRefused(RemoteError):
    """The file is not a whole backup of a controller."""

    code = "E-BACKUP"


class RestoreRefused(EnvironmentFault):
    """The backup was not restored."""

    code = "E-RESTORE"


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup says of itself."""

    format: int
    taken_at: float
    """Unix seconds."""
    release: str
    schema: str
    controller: str
    """The controller's node id."""
    sha256: dict[str, str]
    """Of each other file, in hex."""


@frozen
class Backup:
    """A backup that was unpacked, and found to be whole."""

    manifest: Manifest
    directory: Path
    findings: tuple[Finding, ...]

    @property
    def database(self) -> Path:
        """Its SQLite file."""
        return self.directory / DATABASE_FILE


def back_up(config: ControllerConfig, destination: Path, unix_now: float) -> Backup:
    """Write a backup to a file that is not there yet; raises `EnvironmentFault` and its kinds, or `BackupRefused` where
    what was written is not whole, and then leaves nothing behind."""
    if destination.exists():
        raise EnvironmentFault(f"{destination} is there already; it was not touched")
    with _directory(destination.parent) as directory:
        schema = take(database_place(config), directory / DATABASE_FILE)
        for name in KEY_FILES:
            if (config.state_dir / name).exists():
                write_private(directory / name, read_private(config.state_dir / name, KEY_LIMIT))
        identity = load_identity(directory / IDENTITY_FILE)
        manifest = Manifest(
            format=FORMAT,
            taken_at=unix_now,
            release=__version__,
            schema=schema,
            controller=str(identity.node_id),
            sha256={path.name: _digest(path) for path in sorted(directory.iterdir())},
        )
        whole = directory / "whole"
        _pack(directory, manifest, whole)
        with unpacked(whole) as backup:
            os.link(whole, destination)
            _sync(destination)
            return backup


@contextmanager
def unpacked(path: Path) -> Iterator[Backup]:
    """A backup in a private directory, gone at the end; raises `BackupRefused` where it is not whole."""
    with _directory(Path(tempfile.gettempdir())) as directory:
        manifest = _unpack(path, directory)
        try:
            findings = tuple(inspect(directory / DATABASE_FILE, examine))
            own = load_identity(directory / IDENTITY_FILE)
        except EnvironmentFault as error:
            raise BackupRefused(f"{path} is damaged: {error}") from error
        faults = [finding.sentence for finding in findings if finding.is_fault]
        if faults:
            raise BackupRefused(f"the database in {path} is damaged: {faults[0]}")
        if str(own.node_id) != manifest.controller:
            raise BackupRefused(f"the key in {path} is not the one of controller {manifest.controller}")
        yield Backup(manifest, directory, findings)


def check_stopped(config: ControllerConfig) -> None:
    """Raise `DatabaseInUse` where a controller runs on the database that a backup would replace."""
    check_unused(database_place(config))


def restore(config: ControllerConfig, backup: Backup, unix_now: float) -> Path | None:
    """Put a backup in place of what is there; the controller must not run. Returns where the replaced database was
    kept. Raises `RestoreRefused`, or what `install` raises; nothing was changed then."""
    make_private_directory(config.state_dir)
    _check_identity(config, backup)
    kept = install(backup.database, database_place(config), config.state_dir, backup.manifest.taken_at, unix_now)
    _write_keys(config, backup)
    return kept


def adopt(config: ControllerConfig, backup: Backup) -> None:
    """Take over the keys alone, for one more controller of the same database; raises `RestoreRefused`."""
    make_private_directory(config.state_dir)
    _check_identity(config, backup)
    _write_keys(config, backup)


def _write_keys(config: ControllerConfig, backup: Backup) -> None:
    for name in KEY_FILES:
        source = backup.directory / name
        if source.exists():
            write_private(config.state_dir / name, read_private(source, KEY_LIMIT))


def _check_identity(config: ControllerConfig, backup: Backup) -> None:
    path = config.state_dir / IDENTITY_FILE
    if path.exists() and str(load_identity(path).node_id) != backup.manifest.controller:
        raise RestoreRefused(
            f"{path} is the key of another controller than {backup.manifest.controller}, whose backup this is; "
            "move it away if it is not wanted any more"
        )


def _pack(directory: Path, manifest: Manifest, path: Path) -> None:
    try:
        with path.open("xb") as file:
            os.fchmod(file.fileno(), 0o600)
            with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
                text = msgspec.json.encode(manifest)
                archive.addfile(_entry(MANIFEST_FILE, len(text), manifest.taken_at), io.BytesIO(text))
                for name in manifest.sha256:
                    source = directory / name
                    with source.open("rb") as content:
                        archive.addfile(_entry(name, source.stat().st_size, manifest.taken_at), content)
    except OSError as error:
        raise EnvironmentFault(f"the backup cannot be written: {error.strerror}") from error
    _sync(path)


def _entry(name: str, size: int, taken_at: float) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.mtime = size, 0o600, int(taken_at)
    return entry


def _unpack(path: Path, directory: Path) -> Manifest:
    try:
        with tarfile.open(path, mode="r:") as archive:
            manifest = _manifest(archive)
            for name in (DATABASE_FILE, *KEY_FILES):
                if name in manifest.sha256:
                    _extract(archive, name, directory / name)
    except (OSError, tarfile.TarError, EOFError, msgspec.MsgspecError, ValueError, KeyError) as error:
        raise BackupRefused(f"{path} is not a backup of a controller, or is damaged") from error
    missing = {DATABASE_FILE, IDENTITY_FILE} - set(manifest.sha256)
    if manifest.format != FORMAT or missing or set(manifest.sha256) - {DATABASE_FILE, *KEY_FILES}:
        raise BackupRefused(f"{path} is a backup in a form that this release does not know")
    for name, digest in manifest.sha256.items():
        if _digest(directory / name) != digest:
            raise BackupRefused(f"{path} is damaged: {name} is not what was put in")
    return manifest


def _manifest(archive: tarfile.TarFile) -> Manifest:
    entry = archive.next()
    if entry is None or entry.name != MANIFEST_FILE or not entry.isreg() or entry.size > MANIFEST_LIMIT:
        raise ValueError("no manifest")
    content = archive.extractfile(entry)
    assert content is not None
    return msgspec.json.decode(content.read(MANIFEST_LIMIT), type=Manifest)


def _extract(archive: tarfile.TarFile, name: str, path: Path) -> None:
    entry = archive.getmember(name)
    content = archive.extractfile(entry) if entry.isreg() else None
    if content is None or (name in KEY_FILES and entry.size > KEY_LIMIT):
        raise ValueError(name)
    with path.open("xb") as file:
        os.fchmod(file.fileno(), 0o600)
        shutil.copyfileobj(content, file, _CHUNK)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _directory(parent: Path) -> Iterator[Path]:
    """A private directory on the file system of `parent`, gone at the end."""
    try:
        made = Path(tempfile.mkdtemp(prefix=".zerogo-", dir=parent))
    except OSError as error:
        raise EnvironmentFault(f"nothing can be written in {parent}: {error.strerror}") from error
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _sync(path: Path) -> None:
    for each, flags in ((path, os.O_RDONLY), (path.parent, os.O_RDONLY | os.O_DIRECTORY)):
        descriptor = os.open(each, flags | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
