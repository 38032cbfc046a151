"""The wheel, installed: everything is in it, the command starts, twistd knows the roles."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).resolve().parents[2]


class WheelTests(SynchronousTestCase):
    """Built once, installed beside nothing but the dependencies."""

    def build(self) -> Path:
        """The wheel, built from the files that git knows, so that what is not tracked is missed."""
        tree, dist = Path(self.mktemp()).absolute(), Path(self.mktemp()).absolute()
        tree.mkdir()
        files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
        there = [name for name in files.decode().split("\0") if name and (ROOT / name).exists()]
        subprocess.run(["cp", "--parents", "--no-dereference", *there, str(tree)], cwd=ROOT, check=True)
        command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(dist), str(tree)]
        environment = {**os.environ, "CARGO_TARGET_DIR": str(ROOT / "rust" / "target")}
        built = subprocess.run(command, capture_output=True, text=True, env=environment)
        self.assertEqual(built.returncode, 0, built.stdout[-2000:] + built.stderr[-2000:])
        (wheel,) = dist.glob("zerogo-*.whl")
        return wheel

    def test_installed_wheel_is_complete(self) -> None:
        wheel = self.build()
        target = Path(self.mktemp()).absolute()
        with zipfile.ZipFile(wheel) as archive:
            names = set(archive.namelist())
            archive.extractall(target)
        self.assertEqual(self.missing_data(names), [])
        self.assertEqual(self.missing_dashboard(names), [])
        self.assertIn("twisted/plugins/zerogo_plugin.py", names)
        if shutil.which("cargo"):
            self.assertIn("zerogo/_native.abi3.so", names)
        self.assertEqual({"twisted/__init__.py", "twisted/plugins/__init__.py"} & names, set())
        help_text = self.run_installed(target, "from twisted.scripts.twistd import run; run()", "--help")
        for role in (name.split("/")[1] for name in names if name.endswith("/twistd.py")):
            self.assertIn(f"zerogo-{role} ", help_text)
        shown = self.run_installed(target, "from zerogo.cli.main import main; main()", "config", "sample", "agent")
        self.assertEqual(shown, (ROOT / "etc" / "zerogo" / "agent.yaml").read_text())

    def missing_data(self, names: set[str]) -> list[str]:
        """Tracked files of the package that the wheel lacks."""
        listed = subprocess.run(["git", "ls-files", "zerogo"], cwd=ROOT, capture_output=True, text=True, check=True)
        return sorted(name for name in listed.stdout.split() if name not in names and (ROOT / name).exists())

    def missing_dashboard(self, names: set[str]) -> list[str]:
        """Tracked files of the dashboard that the wheel lacks."""
        listed = subprocess.run(["git", "ls-files", "web-static"], cwd=ROOT, capture_output=True, text=True, check=True)
        there = {name.partition(".data/data/share/zerogo/")[2] for name in names}
        return sorted(name for name in listed.stdout.split() if name not in there and (ROOT / name).exists())

    def run_installed(self, target: Path, code: str, *arguments: str) -> str:
        """What a program prints that sees the unpacked wheel and the dependencies, and not this tree."""
        environment = {**os.environ, "PYTHONPATH": f"{target}:{sysconfig.get_path('purelib')}", "COLUMNS": "200"}
        command = [sys.executable, "-S", "-c", code, *arguments]
        done = subprocess.run(command, cwd=target, env=environment, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr[-2000:])
        return done.stdout
