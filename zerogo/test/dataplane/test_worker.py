from __future__ import annotations

import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

HEAVY = (
    "twisted",
    "asyncio",
    "hashlib",
    "msgspec",
    "logging",
    "typing_extensions",
    "nacl",
    "noise",
    "ssl",
)


class WorkerTests(SynchronousTestCase):
    def test_it_imports_as_little_as_it_can(self) -> None:
        program = "import zerogo.dataplane.worker, sys; print(*sorted(sys.modules))"
        done = subprocess.run([sys.executable, "-P", "-S", "-c", with_paths(program)], capture_output=True, text=True)
        self.assertEqual("", done.stderr)
        modules = done.stdout.split()
        self.assertIn("zerogo.dataplane.ingress", modules)
        self.assertEqual([], [name for name in HEAVY if name in modules])
        self.assertEqual(
            [], [name for name in modules if name.startswith(("zerogo.agent", "zerogo.mesh", "zerogo.net"))]
        )


def with_paths(program: str) -> str:
    """`site` itself may import things; without it the paths must be told."""
    return f"import sys; sys.path[:0] = {sys.path!r}; " + program
