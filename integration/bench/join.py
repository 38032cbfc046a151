"""How long from joining to the first ping, in the lab: port-restricted NATs on both sides, 20 ms links.

    python -m integration.bench.join

Run as root, about a minute. It runs the lab's scenario `join-time` (20 joins of a machine that is new each time, the
start of its agent included) and ends as that does: exit status 0 only where p50 is below 2 s and p99 below 5 s.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def main() -> None:
    """Run the scenario of the `zerogo` that belongs to this interpreter."""
    zerogo = Path(sys.executable).with_name("zerogo")
    raise SystemExit(subprocess.run([zerogo, "lab", "run", "join-time"], check=False).returncode)


if __name__ == "__main__":
    main()
