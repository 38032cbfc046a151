"""A user who reads 10 kB/s, beside one who reads all there is, by the same edge.

    python -m integration.bench.exits_slow [--megabytes 150] [--rounds 8] [--slow 4]

No root; loopback. A round is four fetches of the fast user: alone, twice beside the slow ones, alone. What the machine
does meanwhile changes by more than what is looked for, so each round is compared with itself, and what drifts evenly
through a round falls out. Of the rounds' ratios the median is told, and half of them lie between the two beside it.
Processor time for a byte, of gateway and edge, is compared likewise: it says what slow users cost where the machine is
busy and speeds say little. The gateway's memory is looked at before the slow ones first come, and in each round while
they are there.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from attrs import define

from integration.bench.exits import Target, answers, bulk, connect, cpu_seconds, memory, zerogo

BYTES_PER_SECOND = 10_000
SETTLE_SECONDS = 0.5
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


@define
class Fast:
    """The fast user's fetches: all of one kind in a round."""

    port: int
    target: int
    size: int
    processes: list[subprocess.Popen[bytes]]

    def fetch(self) -> tuple[float, float]:
        """Seconds, and those of the processors."""
        before, began = cpu_seconds(self.processes), time.monotonic()
        bulk(self.port, self.target, self.size, 1)
        return time.monotonic() - began, cpu_seconds(self.processes) - before


def one_round(fast: Fast, slow: int) -> tuple[float, float, int, int]:
    """Speed and processor time beside the slow users, in parts of those alone; the gateway's memory; what the slow
    ones got."""
    alone = [fast.fetch()]
    users = [SlowUser(fast.port, fast.target) for _ in range(slow)]
    for user in users:
        user.start()
    time.sleep(SETTLE_SECONDS)
    beside = [fast.fetch(), fast.fetch()]
    held = memory(fast.processes[0])
    for user in users:
        user.is_stopping = True
    for user in users:
        user.join()
    time.sleep(SETTLE_SECONDS)
    alone.append(fast.fetch())
    seconds, work = (sum(each[at] for each in alone) / sum(each[at] for each in beside) for at in (0, 1))
    return seconds, 1 / work, held, sum(user.read for user in users)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=150)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--slow", type=int, default=4)
    options = parser.parse_args()
    target = Target()
    target.start()
    print(f"load before: {os.getloadavg()[0]:.1f}; {os.cpu_count()} processors")
    with tempfile.TemporaryDirectory() as directory, zerogo(Path(directory)) as (port, processes):
        answers(port, target.port)
        fast = Fast(port, target.port, options.megabytes * 1_000_000, processes)
        fast.fetch()
        before = memory(processes[0])
        rounds = [one_round(fast, options.slow) for _ in range(options.rounds)]
    speeds, work, held, read = zip(*rounds, strict=True)
    print(f"beside {options.slow} slow users, of the speed alone: {_middle(speeds)}")
    print(f"processor time for a byte beside them, of that alone: {_middle(work)}")
    print(f"memory of the gateway, more than before: {', '.join(f'{(one - before) / 1e6:.1f}' for one in held)} MB")
    print(f"all slow users of a round together got {min(read) / 1000:.0f} kB or more")
    print(f"load after: {os.getloadavg()[0]:.1f}; {GOAL}")


def _middle(ratios: tuple[float, ...]) -> str:
    low, middle, high = statistics.quantiles(ratios, n=4)
    return f"{middle:.2f} (half of the rounds {low:.2f} to {high:.2f})"


if __name__ == "__main__":
    main()
