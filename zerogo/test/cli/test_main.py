"""The command as a user meets it."""

from __future__ import annotations

import importlib
import io
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

import click
from twisted.trial.unittest import SynchronousTestCase

from zerogo import __version__
from zerogo.cli import main as cli
from zerogo.errors import EnvironmentFault


def run(*arguments: str) -> tuple[object, str, str]:
    """(exit status, standard output, standard error) of the command."""
    out, err = io.StringIO(), io.StringIO()
    status: object = 0
    with redirect_stdout(out), redirect_stderr(err):
        try:
            cli.main(arguments)
        except SystemExit as stop:
            status = stop.code
    return status, out.getvalue(), err.getvalue()


class CommandTests(SynchronousTestCase):
    """`zerogo`."""

    def provide(self, error: BaseException) -> None:
        """Make `zerogo boom` raise `error`."""

        @click.command()
        def boom() -> None:
            raise error

        module = mock.Mock(boom=boom)
        self.patch(cli, "COMMANDS", {"boom": "zerogo_test_boom:boom"})
        self.patch(cli.importlib.util, "find_spec", lambda name: object())
        self.patch(sys, "modules", {**sys.modules, "zerogo_test_boom": module})

    def test_version(self) -> None:
        self.assertEqual(run("--version"), (0, f"zerogo, version {__version__}\n", ""))

    def test_every_command_that_is_listed_can_be_called(self) -> None:
        context = click.Context(cli.zerogo)
        for name in cli.zerogo.list_commands(context):
            status, out, err = run(name, "--help")
            self.assertEqual((status, err), (0, ""), name)
            self.assertIn("Usage: zerogo", out)

    def test_commands_are_listed_in_the_help(self) -> None:
        _, out, _ = run("--help")
        for name in cli.zerogo.list_commands(click.Context(cli.zerogo)):
            self.assertRegex(out, rf"(?m)^  {name} ")

    def test_command_whose_module_is_missing_is_not_listed(self) -> None:
        self.patch(cli, "COMMANDS", {"nothing": "zerogo.cli.nothing:nothing"})
        self.assertEqual(cli.zerogo.list_commands(click.Context(cli.zerogo)), [])
        status, _, err = run("nothing")
        self.assertEqual(status, 2)
        self.assertIn("No such command", err)

    def test_start_imports_no_subcommand(self) -> None:
        for name in [name for name in sys.modules if name.startswith("zerogo.cli.")]:
            self.patch(sys, "modules", {key: value for key, value in sys.modules.items() if key != name})
        importlib.import_module("zerogo.cli.main")
        self.assertEqual([name for name in sys.modules if name.startswith("zerogo.cli.")], ["zerogo.cli.main"])

    def test_our_errors_end_in_one_sentence_and_status_one(self) -> None:
        self.provide(EnvironmentFault("the disk is full"))
        self.assertEqual(run("boom"), (1, "", "zerogo: the disk is full\n"))

    def test_error_without_words_is_told_by_its_class(self) -> None:
        self.provide(EnvironmentFault())
        self.assertEqual(run("boom")[2], f"zerogo: {(EnvironmentFault.__doc__ or '').splitlines()[0]}\n")

    def test_debug_shows_where_an_error_came_from(self) -> None:
        self.provide(EnvironmentFault("the disk is full"))
        status, _, err = run("--debug", "boom")
        self.assertEqual(status, 1)
        self.assertIn("Traceback", err)

    def test_faults_of_the_machine_are_told_without_a_traceback(self) -> None:
        self.provide(PermissionError(13, "Permission denied", "/dev/net/tun"))
        self.assertEqual(run("boom"), (1, "", "zerogo: /dev/net/tun: Permission denied\n"))

    def test_interrupt_is_quiet(self) -> None:
        self.provide(KeyboardInterrupt())
        status, out, err = run("boom")
        self.assertEqual((status, out.strip(), err.strip()), (130, "", ""))

    def test_wrong_usage_is_status_two(self) -> None:
        status, _, err = run("no-such-thing")
        self.assertEqual(status, 2)
        self.assertIn("No such command 'no-such-thing'", err)


class IdentityTests(SynchronousTestCase):
    """`zerogo identity`."""

    def test_generated_identity_is_shown_again_and_kept(self) -> None:
        path = str(Path(self.mktemp()).absolute() / "identity.key")
        status, made, _ = run("identity", "generate", "--path", path)
        self.assertEqual(status, 0)
        self.assertEqual(run("identity", "show", "--path", path), (0, made, ""))
        status, _, err = run("identity", "generate", "--path", path)
        self.assertEqual(status, 1)
        self.assertIn("not touched", err)

    def test_private_keys_are_not_shown(self) -> None:
        path = Path(self.mktemp()).absolute() / "identity.key"
        _, out, _ = run("identity", "generate", "--path", str(path), "--json")
        self.assertNotIn(path.read_text().strip(), out)

    def test_missing_file_is_one_sentence(self) -> None:
        path = Path(self.mktemp()).absolute() / "identity.key"
        status, _, err = run("identity", "show", "--path", str(path))
        self.assertEqual((status, err.count("\n")), (1, 1))
        self.assertIn(str(path.parent), err)


class ConfigTests(SynchronousTestCase):
    """`zerogo config`."""

    def write(self, text: str) -> str:
        path = Path(self.mktemp()).absolute()
        path.write_text(text)
        return str(path)

    def test_check_names_file_line_and_nearest_key(self) -> None:
        path = self.write("tap-devise: x\n")
        status, out, err = run("config", "check", "agent", path)
        self.assertEqual((status, out), (1, ""))
        self.assertEqual(err, f"zerogo: {path}:1: tap-devise: there is no such key; did you mean 'tap-device'?\n")

    def test_show_prints_what_is_in_force(self) -> None:
        path = self.write("port: 0\n")
        status, out, _ = run("config", "show", "agent", "--config", path)
        self.assertEqual(status, 0)
        self.assertIn("\nport: 0\n", out)

    def test_sample_passes_the_check(self) -> None:
        for role in ("agent", "controller", "relay"):
            path = self.write(run("config", "sample", role)[1])
            self.assertEqual(run("config", "check", role, path), (0, f"{path}: fine\n", ""))
