"""A user who reads 10 kB/s, beside one who reads all there is, by the same edge.

    python -m integration.bench.exits_slow [--megabytes 200] [--rounds 5] [--slow 4]

No root; loopback. In each round the fast user fetches alone, then beside the slow ones; the ratio of the two speeds is
that of one round, since the machine's speed changes from one to the next. The gateway's memory is looked at before the
slow ones come, and in each round while they are there.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import threading
import time
from pathlib import Path

from integration.bench.exits import Target, answers, bulk, connect, memory, zerogo

BYTES_PER_SECOND = 10_000
GOAL = "goal: at least 0.9 of the speed alone; memory that does not grow"


class SlowUser(threading.Thread):
    """Wants a gigabyte, ten times a second a little of it."""

    def __init__(self, proxy: int, target: int) -> None:
        super().__init__(daemon=True)
        self.is_stopping = False
        self.read = 0
        self._stream = connect(proxy, target)
        self._stream.sendall(b"1000000000")

    def run(self) -> None:
        with self._stream:
            while not self.is_stopping:
                self.read += len(self._stream.recv(BYTES_PER_SECOND // 10))
                time.sleep(0.1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--slow", type=int, default=4)
    options = parser.parse_args()
    target = Target()
    target.start()
    size = options.megabytes * 1_000_000
    print(f"load before: {os.getloadavg()[0]:.1f}; {os.cpu_count()} processors")
    ratios, speeds, grown = [], [], []
    with tempfile.TemporaryDirectory() as directory, zerogo(Path(directory)) as (port, processes):
        answers(port, target.port)
        bulk(port, target.port, size, 1)
        before = memory(processes[0])
        for _ in range(options.rounds):
            alone = bulk(port, target.port, size, 1)
            users = [SlowUser(port, target.port) for _ in range(options.slow)]
            for user in users:
                user.start()
            time.sleep(1.0)
            beside = bulk(port, target.port, size, 1)
            grown.append(memory(processes[0]) - before)
            for user in users:
                user.is_stopping = True
            for user in users:
                user.join()
            ratios.append(beside / alone)
            speeds.append(sum(user.read for user in users))
    print(f"beside {options.slow} slow users, of the speed alone: {statistics.median(ratios):.2f} ({_all(ratios)})")
    print(f"memory of the gateway grew by {', '.join(f'{more / 1e6:.1f}' for more in grown)} MB until each round's end")
    print(f"all slow users of a round together got {min(speeds) / 1000:.0f} kB or more")
    print(GOAL)


def _all(ratios: list[float]) -> str:
    return ", ".join(f"{ratio:.2f}" for ratio in ratios)


if __name__ == "__main__":
    main()
