# -*- test-case-name: zerogo.test.cli.test_networks -*-
"""`zerogo relays`: the relays that members are told of."""

from __future__ import annotations

from pathlib import Path

import click

from zerogo.cli.controller_option import controller_api, json_option, print_json, print_table, state_dir_option

_NONE = "members are told of no relay: see `relays` and `relay-port` in controller.yaml"


@click.command()
@state_dir_option
@json_option
def relays(state_dir: Path | None, as_json: bool) -> None:
    """Relays that carry where members do not reach each other, as members are told of them."""
    found = controller_api(state_dir).call("GET", "/relays")["items"]
    if as_json:
        print_json(found)
        return
    rows = [
        (one["id"], one["host"] or "(the controller)", *(str(one[kind] or "-") for kind in ("udp", "tcp", "tls")))
        for one in found
    ]
    print_table(("NAME", "HOST", "UDP", "TCP", "TLS"), rows, _NONE)
