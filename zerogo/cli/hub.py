# -*- test-case-name: zerogo.test.cli.test_hub -*-
"""`zerogo hub`: one server in the middle: controller, relay, and a member that carries for those who cannot meet.

It is `zerogo up` with the ways decided: straight between members where that works (the default), or, with `--no-p2p`,
everything by this server, whose port can be fixed. The join line that it prints has the same decision for the others.
"""

from __future__ import annotations

from typing import Any

import click

from zerogo.cli.routing_options import agent_arguments, join_words, routing_options
from zerogo.cli.up import network_options, run_network


@click.command()
@network_options
@routing_options
def hub(**given: Any) -> None:
    """Run a network with this server in the middle. With --no-p2p, members send everything by it."""
    run_network(given, agent_arguments(given), join_words(given))
