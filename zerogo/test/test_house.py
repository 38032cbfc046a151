# -*- test-case-name: zerogo.test.test_house -*-
"""The rules of the house that import-linter cannot hold, read from the syntax trees of all modules.

Each failure names file, line and rule. The layers themselves are the import-linter contract in setup.cfg.
"""

from __future__ import annotations

import ast
import configparser
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

import zerogo

PACKAGE = Path(zerogo.__file__).parent
ROOT = PACKAGE.parent

PURE = (
    *("errors.py", "ids.py", "secret.py", "core.py"),
    *("wire/", "stun/", "policy/", "noise/", "ice/", "turn/", "portmap/", "switch/", "routing/", "exit/"),
    *("mesh/", "reach/", "control/"),
)
IMPURE_MODULES = frozenset(
    {"twisted", "autobahn", "klein", "socket", "asyncio", "time", "random", "os", "threading", "logging"}
)
DISTRIBUTIONS = {
    **{"argon2": "argon2-cffi", "jwt": "pyjwt", "nacl": "pynacl", "noise": "noiseprotocol", "yaml": "pyyaml"},
    "zope": "zope.interface",
}
"""Import name -> name of the package, where they differ."""
FILE_LINES = 500
FUNCTION_LINES = 60
PARAMETERS = 7
FORBIDDEN_WORDS = re.compile(r"(^|_)(handler|manager|processor|engine|helper|helpers|util|utils|common|misc)(_|$)")
CASE_NAME = re.compile(r"^# -\*- test-case-name: ([\w.]+) -\*-$")
WORKPLACE = re.compile(r"(?<![\w.])/(?:" + "work|farm" + r")/|/root/|/home/\w+/|/tmp/[a-z]+\.(?:sh|py)\b")
PLACEHOLDER_SECRETS = re.compile(r"(?im)^[ \t]*(?:token|jwt[-_]secret|password|secret)[ \t]*[:=][ \t]*(\S+)")
TEXT_SUFFIXES = frozenset(
    {"", ".py", ".md", ".yaml", ".yml", ".toml", ".cfg", ".ini", ".sh", ".json", ".service", ".txt", ".lock", ".mako"}
)


@cache
def modules() -> list[tuple[str, str, ast.Module]]:
    """(path below zerogo/, source, tree) of every module, tests included."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        found.append((path.relative_to(PACKAGE).as_posix(), source, ast.parse(source, str(path))))
    return found


@cache
def nodes(tree: ast.Module) -> list[ast.AST]:
    """All nodes of a module: most rules look at them."""
    return list(ast.walk(tree))


def imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of everything that a module imports, also inside functions."""
    for node in nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """All functions and methods of a module."""
    return (node for node in nodes(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def tracked_files() -> list[Path]:
    """What git knows of this tree; skips where this is no git work tree."""
    if not (ROOT / ".git").exists():
        raise SkipTest("not a git work tree")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


class HouseTests(SynchronousTestCase):
    """Every broken rule of the tree at once."""

    def assertNone(self, broken: list[str]) -> None:
        self.assertEqual(broken, [], "\n" + "\n".join(broken))

    def test_pure_rooms_import_nothing_that_has_effects(self) -> None:
        self.assertNone(
            [
                f"zerogo/{path}:{line}: ring A may not import {name} (docs/ARCHITECTURE.md)"
                for path, _, tree in modules()
                if path.startswith(PURE)
                for line, name in imports(tree)
                if name.partition(".")[0] in IMPURE_MODULES
            ]
        )

    def test_reactor_is_imported_by_twistd_modules_and_the_command_only(self) -> None:
        self.assertNone(
            [
                f"zerogo/{path}:{line}: only */twistd.py and cli/ import the reactor; take a clock as a parameter"
                for path, _, tree in modules()
                if not path.startswith(("cli/", "test/")) and not path.endswith("/twistd.py")
                for line, name in imports(tree)
                if name.startswith(("twisted.internet.reactor", "twisted.internet.default"))
            ]
        )

    def test_packages_that_are_imported_are_named_in_setup_cfg_and_no_others(self) -> None:
        if not (ROOT / "setup.cfg").exists():
            raise SkipTest("not in the source tree")
        settings = configparser.ConfigParser()
        settings.read(ROOT / "setup.cfg")
        wanted = {re.split(r"[\[<>=~ ]", line)[0] for line in settings["options"]["install_requires"].split()}
        imported = {
            name.partition(".")[0]
            for path, _, tree in modules()
            if not path.startswith("test/")
            for _, name in imports(tree)
        }
        foreign = imported - sys.stdlib_module_names - {"zerogo"}
        self.assertEqual({DISTRIBUTIONS.get(name, name) for name in foreign}, wanted)

    def test_native_module_is_imported_in_one_place(self) -> None:
        self.assertNone(
            [
                f"zerogo/{path}:{line}: only dataplane/native.py imports zerogo._native"
                for path, _, tree in modules()
                if path != "dataplane/native.py"
                for line, name in imports(tree)
                if name.startswith("zerogo._native")
            ]
        )

    def test_files_are_short(self) -> None:
        self.assertNone(
            [
                f"zerogo/{path}:{FILE_LINES + 1}: {len(source.splitlines())} lines, at most {FILE_LINES}; split it"
                for path, source, _ in modules()
                if len(source.splitlines()) > FILE_LINES
            ]
        )

    def test_functions_are_short(self) -> None:
        self.assertNone(
            [
                f"zerogo/{path}:{node.lineno}: {node.name} has {(node.end_lineno or 0) - node.lineno + 1} lines, "
                f"at most {FUNCTION_LINES}"
                for path, _, tree in modules()
                for node in functions(tree)
                if (node.end_lineno or 0) - node.lineno >= FUNCTION_LINES
            ]
        )

    def test_functions_have_few_parameters(self) -> None:
        self.assertNone(
            [
                f"zerogo/{path}:{node.lineno}: {node.name} takes {count} parameters, at most {PARAMETERS}"
                for path, _, tree in modules()
                for node in functions(tree)
                # A command's parameters are its options, and a property draws what it needs.
                if not path.startswith("test/") and not (path.startswith("cli/") and node.decorator_list)
                if (count := parameter_count(node)) > PARAMETERS
            ]
        )

    def test_names_say_what_things_are(self) -> None:
        self.assertNone(
            [
                f"zerogo/{path}: the name says nothing; use a word of the domain (docs/CODING.md)"
                for path, _, _ in modules()
                if any(FORBIDDEN_WORDS.search(part) for part in path.removesuffix(".py").split("/"))
            ]
        )

    def test_modules_say_what_they_are(self) -> None:
        self.assertNone(
            [
                f"zerogo/{path}:1: no docstring"
                for path, source, tree in modules()
                if not path.startswith("test/") and ast.get_docstring(tree) is None
            ]
        )

    def test_tests_do_not_sleep(self) -> None:
        self.assertNone(
            [
                f"zerogo/{path}:{node.lineno}: a test may not sleep; move a fake clock"
                for path, _, tree in modules()
                if path.startswith("test/")
                for node in nodes(tree)
                if isinstance(node, ast.Call) and ast.unparse(node.func) in ("time.sleep", "sleep")
            ]
        )

    def test_no_error_is_swallowed_unseen(self) -> None:
        self.assertNone(
            [
                f"zerogo/{path}:{node.lineno}: catches everything and says nothing"
                for path, _, tree in modules()
                for node in nodes(tree)
                if isinstance(node, ast.ExceptHandler)
                and (node.type is None or ast.unparse(node.type) in ("Exception", "BaseException"))
                and len(node.body) == 1
                and isinstance(node.body[0], ast.Pass)
            ]
        )

    def test_modules_name_their_tests(self) -> None:
        self.assertNone([row for path, source, _ in modules() if (row := case_name_problem(path, source))])

    def test_plugin_directories_are_no_packages(self) -> None:
        if not (ROOT / "setup.cfg").exists():
            raise SkipTest("installed: Twisted's own package is here")
        self.assertNone(
            [
                f"{path}: an __init__.py here hides Twisted itself, or our plugins from it"
                for path in ("twisted/__init__.py", "twisted/plugins/__init__.py")
                if (ROOT / path).exists()
            ]
        )

    def test_files_name_no_machine(self) -> None:
        self.assertNone(
            [
                f"{path.relative_to(ROOT)}:{number}: a path of one machine: {line.strip()[:80]}"
                for path, number, line in tracked_lines()
                if WORKPLACE.search(line) and path.name != "test_house.py"
            ]
        )

    def test_files_hold_no_placeholder_secret(self) -> None:
        from zerogo.config.values import placeholder_reason

        self.assertNone(
            [
                f"{path.relative_to(ROOT)}:{number}: a placeholder that somebody will forget to replace: {found[1]}"
                for path, number, line in tracked_lines()
                if path.suffix in (".yaml", ".yml", ".service", ".ini", ".cfg", ".sh", "")
                and (found := PLACEHOLDER_SECRETS.match(line.replace("#", " ", 1)))
                and placeholder_reason(found[1])
            ]
        )


def parameter_count(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Parameters that a caller passes: `self` and `cls` do not count."""
    arguments = node.args
    names = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    return len(names) - (names[:1] in (["self"], ["cls"]))


def case_name_problem(path: str, source: str) -> str | None:
    """What is wrong with the first line of a module, given the test modules that exist."""
    found = CASE_NAME.match(source.partition("\n")[0])
    if found is not None:
        named = ROOT / (found[1].replace(".", "/") + ".py")
        package = named.with_suffix("") / "__init__.py"
        return None if named.exists() or package.exists() else f"zerogo/{path}:1: there is no {found[1]}"
    if path.startswith("test/") or path.endswith("__init__.py"):
        return None
    directory, _, module = path.rpartition("/")
    if not (PACKAGE / "test" / directory / f"test_{module}").exists():
        return None
    expected = ".".join(filter(None, ("zerogo.test", directory.replace("/", "."), f"test_{module[:-3]}")))
    return f"zerogo/{path}:1: the first line must be `# -*- test-case-name: {expected} -*-`"


def tracked_lines() -> Iterator[tuple[Path, int, str]]:
    """(path, line number, line) of all tracked text files but test data."""
    for path in tracked_files():
        if path.suffix not in TEXT_SUFFIXES or "vectors" in path.parts:
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            yield path, number, line
