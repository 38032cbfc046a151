# -*- test-case-name: zerogo.test.cli.test_login -*-
"""`zerogo login` and `zerogo logout`: administer a controller on another machine.

The password is asked for once and not kept: what is kept is an API token, which ends by itself, is listed by `zerogo
tokens`, and can be deleted there.
"""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from zerogo.cli.invite import Duration
from zerogo.cli.logins import DamagedLogin, forget_access, store_access, stored_access
from zerogo.cli.owner_api import Access, ControllerRefused, ControllerSilent, OwnerApi, RemoteApi, send
from zerogo.cli.passwords import ask_password
from zerogo.control.netmap import NAME_LIMIT
from zerogo.controller.user_routes import SCOPES
from zerogo.errors import LocalError

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class NoUrl(LocalError):
    """That is not where a controller can be called."""

    code = "E-URL"


def base_url(text: str, *, is_insecure: bool) -> str:
    """The controller's URL without a path; raises `NoUrl`."""
    parts = urlsplit(text if "://" in text else f"https://{text}")
    try:
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if parts.scheme not in ("http", "https") or not host or parts.username or parts.query or parts.fragment:
        raise NoUrl(f"{text[:80]!r} is not a controller's URL: write https://HOST:PORT")
    if parts.scheme == "http" and host not in _LOOPBACK and not is_insecure:
        raise NoUrl("http:// would show your password to the network: use https://, or --insecure where it is safe")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/').removesuffix('/api/v1')}"


def token_name(host: str) -> str:
    """What the API token of this machine is called, in the letters that names have."""
    return ("login-" + "".join(c for c in host if c.isalnum() or c in "-_."))[:NAME_LIMIT]


def log_in(api: OwnerApi, body: dict[str, str]) -> dict[str, Any]:
    """Tokens for name and password, and for a code of the second factor where there is one."""
    try:
        session: dict[str, Any] = api.call("POST", "/auth/login", body)
    except ControllerRefused as refused:
        if refused.problem != "second-factor":
            raise
        session = api.call("POST", "/auth/login", {**body, "code": click.prompt("Code")})
    return session


@click.command()
@click.argument("url")
@click.option("--user", help="Your name there; else it is asked for.")
@click.option("--expires", type=Duration(), default="30d", show_default=True, help="How long it is good: 24h, 30d.")
@click.option("--ca", type=click.Path(path_type=Path, dir_okay=False, exists=True), help="Certificates to trust too.")
@click.option("--insecure", is_flag=True, help="Allow http:// to another machine.")
def login(url: str, user: str | None, expires: float, ca: Path | None, insecure: bool) -> None:
    """Administer the controller at URL from here: networks, members, invites, users and so on are then its own."""
    there = Access(base_url(url, is_insecure=insecure), "", "" if ca is None else str(ca.absolute()))
    name = user or click.prompt("User")
    session = log_in(RemoteApi(there), {"name": name, "password": ask_password()})
    caller = Access(there.url, session["token"], there.ca)
    body = {
        "name": token_name(socket.gethostname()),
        "scopes": list(SCOPES),
        "expires_seconds": expires,
    }
    made = send(caller, "POST", "/tokens", body)
    path = store_access(Access(there.url, made["token"], there.ca), made["id"])
    click.echo(f"{name} at {there.url}, until {made['expires_at']}; the token is in {path}")


@click.command()
def logout() -> None:
    """Forget the controller that was logged in to, and have it delete the token."""
    try:
        access = stored_access()
    except DamagedLogin:
        forget_access()
        click.echo("the login was damaged; it is gone from here, and `zerogo tokens` there may still list its token")
        return
    if access is None:
        click.echo("nobody is logged in")
        return
    token_id = forget_access()
    try:
        if token_id:
            send(access, "DELETE", f"/tokens/{token_id}")
    except (ControllerRefused, ControllerSilent) as error:
        click.echo(f"the token is gone from here; {access.url} was not told: {error}", err=True)
        return
    click.echo(f"logged out of {access.url}")
