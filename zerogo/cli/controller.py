# -*- test-case-name: zerogo.test.cli.test_controller -*-
"""`zerogo controller`: backups, checks and rescue of the controller on this machine, by whoever may read its files."""

from __future__ import annotations

import datetime
import secrets
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import click

from zerogo.cli.controller_option import json_option, print_json
from zerogo.cli.groups import Commands
from zerogo.config.controller import ControllerConfig
from zerogo.config.document import Text
from zerogo.config.identity_file import IDENTITY_FILE, load_identity
from zerogo.config.load import default_path, load
from zerogo.config.private_file import write_private
from zerogo.config.values import DATABASE
from zerogo.control.token import emit_base32
from zerogo.controller.backup import Backup, adopt, back_up, check_stopped, restore, unpacked
from zerogo.controller.places import RESET_FILE, TOKEN_SEED_FILE, database_place
from zerogo.errors import EnvironmentFault, LocalError, RemoteError
from zerogo.secret import Secret
from zerogo.store.check import Finding, examine
from zerogo.store.snapshot import examine_place, move

RESET_SECRET_BYTES = 20
RESCUES = (
    ("zerogo users", "who is there"),
    ("zerogo users password NAME", "a new password, asked for"),
    ("zerogo users reset-second-factor NAME", "where the second factor is lost"),
    ("zerogo users enable NAME", "where NAME is kept out"),
    ("zerogo users role NAME owner", "where no owner is left who can"),
    ("zerogo users create NAME --role owner", "where nobody else is there"),
)
"""What helps an owner who cannot log in, on the controller's machine, and when."""
RESCUE_COLUMNS = max(len(command) for command, _ in RESCUES)
_STANDARD_OUTPUT = Path("-")
_Function = TypeVar("_Function", bound=Callable[..., object])


class ControllerDamaged(RemoteError):
    """The controller's database is not as it must be."""

    code = "E-CONTROLLER-DAMAGED"


@click.group(cls=Commands)
def controller() -> None:
    """The controller of this machine: back up, restore, check, move, reset its owner's password."""


def _options(function: _Function) -> _Function:
    config = click.option(
        "--config",
        "config_path",
        type=click.Path(path_type=Path, dir_okay=False),
        help="The controller's configuration file; else /etc/zerogo/controller.yaml where it is there.",
    )
    state = click.option(
        "--state-dir",
        type=click.Path(path_type=Path, file_okay=False),
        help="The controller's state directory, or the one given to `zerogo up`.",
    )
    return config(state(function))


def _config(config_path: Path | None, state_dir: Path | None) -> ControllerConfig:
    directory = state_dir
    if directory is not None and (directory / "controller").is_dir():
        directory = directory / "controller"
    overrides = {} if directory is None else {"state-dir": str(directory.absolute())}
    return load(config_path or default_path("controller"), ControllerConfig, overrides)


@controller.command("backup")
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True), required=False)
@_options
@json_option
def back_up_(path: Path | None, config_path: Path | None, state_dir: Path | None, as_json: bool) -> None:
    """Write database and keys to the file PATH, or to standard output where it is -; the controller may run.

    The file holds the controller's private key: keep it where only you can read it."""
    config, now = _config(config_path, state_dir), time.time()
    if path == _STANDARD_OUTPUT:
        with tempfile.TemporaryDirectory() as directory:
            whole = Path(directory) / "backup"
            back_up(config, whole, now)
            with whole.open("rb") as file:
                shutil.copyfileobj(file, sys.stdout.buffer)
        return
    stamp = datetime.datetime.fromtimestamp(now, datetime.UTC).strftime("%Y%m%d-%H%M%S")
    destination = (path or Path(f"zerogo-controller-{stamp}.backup")).absolute()
    made = back_up(config, destination, now)
    if as_json:
        print_json({"path": str(destination), "schema": made.manifest.schema, "files": list(made.manifest.sha256)})
        return
    click.echo(f"{destination}: {', '.join(made.manifest.sha256)}; read back and found whole")
    click.echo("It holds the controller's private key: keep it where only you can read it.")
    if config.jwt_secret is not None:
        click.echo("The jwt-secret of the configuration is not in it.")


@controller.command("restore")
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--yes", is_flag=True, help="Do not ask.")
@_options
def restore_(path: Path, yes: bool, config_path: Path | None, state_dir: Path | None) -> None:
    """Put the backup PATH in place of the controller's database; the controller must be stopped."""
    config = _config(config_path, state_dir)
    check_stopped(config)
    with unpacked(path) as backup:
        _describe(backup)
        if not yes:
            click.confirm("Put it in place of what is there?", abort=True)
        kept = restore(config, backup, time.time())
    click.echo("Restored.")
    if kept is not None:
        click.echo(f"What was there is kept as {kept}.")
    click.echo("Members removed after the backup was taken are members again, and tokens revoked since are good again:")
    click.echo("look through `zerogo members` and `zerogo keys` when the controller runs.")


@controller.command("adopt")
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@_options
def adopt_(path: Path, config_path: Path | None, state_dir: Path | None) -> None:
    """Take over the keys in the backup PATH, and nothing else: this machine then runs one more controller of the same
    PostgreSQL database."""
    config = _config(config_path, state_dir)
    with unpacked(path) as backup:
        adopt(config, backup)
        click.echo(f"{config.state_dir} has the keys of controller {backup.manifest.controller}.")


def _describe(backup: Backup) -> None:
    taken = datetime.datetime.fromtimestamp(backup.manifest.taken_at, datetime.UTC).isoformat(timespec="seconds")
    click.echo(f"Taken {taken} of controller {backup.manifest.controller}, release {backup.manifest.release}:")
    for finding in backup.findings:
        click.echo(f"  {finding.sentence}")


@controller.command()
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False, exists=True), required=False)
@_options
@json_option
def check(path: Path | None, config_path: Path | None, state_dir: Path | None, as_json: bool) -> None:
    """Examine the controller's database and keys, or those in the backup PATH; the controller may run."""
    if path is None:
        findings = _own_findings(_config(config_path, state_dir))
    else:
        with unpacked(path) as backup:
            findings = list(backup.findings)
    faults = [finding for finding in findings if finding.is_fault]
    if as_json:
        print_json([{"part": one.part, "sentence": one.sentence, "is_fault": one.is_fault} for one in findings])
    else:
        for finding in findings:
            click.echo(f"{'FAULT' if finding.is_fault else 'ok':<5}  {finding.part:<10} {finding.sentence}")
    if faults:
        raise ControllerDamaged(f"{len(faults)} faults were found" if len(faults) > 1 else "a fault was found")


def _own_findings(config: ControllerConfig) -> list[Finding]:
    findings = examine_place(database_place(config), examine)
    try:
        identity = load_identity(config.state_dir / IDENTITY_FILE)
        findings.append(Finding("keys", f"the controller is {identity.node_id}"))
    except EnvironmentFault as error:
        findings.append(Finding("keys", str(error), True))
    if config.jwt_secret is None and not (config.state_dir / TOKEN_SEED_FILE).exists():
        findings.append(Finding("keys", f"there is no {TOKEN_SEED_FILE}; the next start makes one, and logins end"))
    return findings


@controller.command("move")
@click.argument("target", metavar="DATABASE")
@_options
def move_(target: str, config_path: Path | None, state_dir: Path | None) -> None:
    """Copy the controller's database into DATABASE: postgresql://USER@HOST/NAME, or the path of a new SQLite file. The
    controller must be stopped; a password belongs into ~/.pgpass."""
    config = _config(config_path, state_dir)
    place = _place(target)
    source = database_place(config)
    for name, held in move(source, place, config.state_dir).items():
        click.echo(f"{name:<18} {held.rows:>8} rows  {held.sum:064x}")
    click.echo("Both databases hold the same.")
    if isinstance(source, Path):
        kept = source.with_name(f"{source.name}.moved")
        source.rename(kept)
        click.echo(f"The old one is kept as {kept}.")
    click.echo(f"Write into the controller's configuration:\n  database: {target}")


def _place(text: str) -> Path | Secret:
    place = DATABASE.parse(Text(text, None))
    if isinstance(place, Secret) and urlsplit(text).password is not None:
        raise LocalError("a password on the command line is seen by others: write it into ~/.pgpass")
    return place


@controller.command("reset-admin")
@_options
def reset_admin(config_path: Path | None, state_dir: Path | None) -> None:
    """For an owner who cannot log in: tell what helps on this machine, and make a secret, good once and for a day, with
    which somebody elsewhere sets a new password."""
    config = _config(config_path, state_dir)
    if not (config.state_dir / IDENTITY_FILE).exists():
        raise EnvironmentFault(f"there is no controller in {config.state_dir}")
    secret = emit_base32(secrets.token_bytes(RESET_SECRET_BYTES))
    write_private(config.state_dir / RESET_FILE, secret.encode() + b"\n")
    option = "" if state_dir is None else f" --state-dir {shlex.quote(str(state_dir.absolute()))}"
    click.echo("On this machine no login is needed, nor the secret below. While the controller runs, as root:")
    for command, reason in RESCUES:
        click.echo(f"  {command + option:<{RESCUE_COLUMNS + len(option)}}  # {reason}")
    click.echo(f"For somebody who is elsewhere, a secret, good once within 24 hours: {secret}")
    click.echo(
        "  curl -H 'Content-Type: application/json' -d @- URL/api/v1/bootstrap  # the dashboard's URL; then type"
    )
    click.echo(f'  {{"secret": "{secret}", "name": "NAME", "password": "NEW PASSWORD"}}')
    click.echo("The user NAME then is an owner with that password, and all sessions of that user end.")
