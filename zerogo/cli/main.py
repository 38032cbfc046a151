# -*- test-case-name: zerogo.test.cli.test_main -*-
"""The `zerogo` command: a group whose subcommands are imported only when one of them is called.

Errors of ours end in one sentence on standard error and exit status 1; `--debug` shows where they came from. Ctrl-C
ends with status 130, without a word.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Sequence

import click

from zerogo import __version__
from zerogo.cli.groups import Commands
from zerogo.errors import ZeroGoError

COMMANDS = {
    "up": "zerogo.cli.up:up",
    "hub": "zerogo.cli.hub:hub",
    "down": "zerogo.cli.down:down",
    "join": "zerogo.cli.join:join",
    "leave": "zerogo.cli.leave:leave",
    "status": "zerogo.cli.status:status",
    "peers": "zerogo.cli.peers:peers",
    "ping": "zerogo.cli.ping:ping",
    "why": "zerogo.cli.why:why",
    "routes": "zerogo.cli.routes:routes",
    "trace": "zerogo.cli.trace:trace",
    "netcheck": "zerogo.cli.netcheck:netcheck",
    "doctor": "zerogo.cli.doctor:doctor",
    "bugreport": "zerogo.cli.bugreport:bugreport",
    "networks": "zerogo.cli.networks:networks",
    "members": "zerogo.cli.members:members",
    "links": "zerogo.cli.links:links",
    "events": "zerogo.cli.links:events",
    "invite": "zerogo.cli.invite:invite",
    "keys": "zerogo.cli.keys:keys",
    "policy": "zerogo.cli.policy:policy",
    "login": "zerogo.cli.login:login",
    "logout": "zerogo.cli.login:logout",
    "account": "zerogo.cli.account:account",
    "relays": "zerogo.cli.relays:relays",
    "names": "zerogo.cli.names:names",
    "lock": "zerogo.cli.lock:lock",
    "users": "zerogo.cli.users:users",
    "tokens": "zerogo.cli.api_tokens:tokens",
    "audit": "zerogo.cli.audit:audit",
    "webhooks": "zerogo.cli.webhooks:webhooks",
    "controller": "zerogo.cli.controller:controller",
    "identity": "zerogo.cli.identity:identity",
    "config": "zerogo.cli.config:config",
    "import": "zerogo.cli.import_:import_",
    "edge": "zerogo.cli.edge:edge",
    "exit-node": "zerogo.cli.exit_node:exit_node",
    "exits": "zerogo.cli.exits:exits",
    "lab": "zerogo.cli.lab:lab",
    "completion": "zerogo.cli.completion:completion",
}
"""Name -> where its click command is. A command whose module this installation lacks is not listed."""
INTERRUPTED = 130


class LazyCommands(Commands):
    """Imports the module of a subcommand when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name, where in COMMANDS.items() if importlib.util.find_spec(where.partition(":")[0])]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command


@click.group(cls=LazyCommands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="zerogo")
@click.option("--debug", is_flag=True, help="Show where an error came from.")
def zerogo(debug: bool) -> None:
    """A self-hosted private network: encrypted Ethernet between your machines, wherever they are."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and exit; `arguments` are those of the process where None."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        status = zerogo.main(given, prog_name="zerogo", standalone_mode=False)
    except (click.exceptions.Abort, KeyboardInterrupt):
        sys.exit(INTERRUPTED)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except ZeroGoError as error:
        _complain(error, str(error) or (type(error).__doc__ or "Something went wrong.").splitlines()[0], given)
    except BrokenPipeError:
        # Whoever read our output has gone, as `head` does; Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        _complain(error, f"{error.filename}: {error.strerror}" if error.filename else str(error), given)
    sys.exit(status if isinstance(status, int) else 0)


def _complain(error: Exception, sentence: str, arguments: Sequence[str]) -> None:
    if "--debug" in arguments:
        traceback.print_exception(error)
    else:
        click.echo(f"zerogo: {sentence}", err=True)
    sys.exit(1)


if __name__ == "__main__":
    main()
