"""Lets Schemathesis judge the API of a real controller on loopback: no answer is a fault of the server, and every
answer is as the OpenAPI document says.

Three times: as the owner where there is something of everything, as the owner with whatever ids the judge makes up, and
as nobody. The judge's examples follow from a seed. It makes up addresses of webhooks too, and the controller sends to
them: so all of this runs in a network namespace of its own that has nothing but loopback.

`python -m integration.judge_api [EXAMPLES]` runs it, with so many made-up requests for each operation; as root.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.request import urlopen

from attrs import frozen

from integration.api_stock import Stock, fill

BIN = Path(sys.executable).parent
ISOLATED = ("unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")
START_SECONDS = 120.0
SEED = "1"
REQUEST_SECONDS = "30"
COVERAGE_SECONDS = "30"
"""A slow machine does not get to the last of these requests, which are always the same ones."""
_SETTINGS = """\
listen: 127.0.0.1:9394
relay-port: 0
state-dir: {state}
oidc:
  issuer: http://127.0.0.1:9
  client-id: judge
  dashboard: http://127.0.0.1:9394
"""
"""Nobody is at the provider's address."""
_CONFIG = """\
[checks.missing_required_header]
expected-statuses = [400, 401, 403, 406, 415, 422, 428]

[checks.positive_data_acceptance]
enabled = false
"""
"""428 (RFC 6585) is how a missing If-Match is answered; what a schema allows may well be refused for what there is."""


@frozen
class Judgement:
    """What came of it."""

    is_clean: bool
    report: str


def judge(directory: Path, examples: int) -> Judgement:
    """Start a controller in the directory, and judge it; in the namespace this is called in."""
    state = directory / "state"
    state.mkdir(mode=0o700)
    stock = fill(state / "controller.db")
    settings, log = directory / "controller.yaml", directory / "controller.log"
    settings.write_text(_SETTINGS.format(state=state))
    with log.open("wb") as output:
        command = [str(BIN / "twistd"), "-n", "--pidfile=", "zerogo-controller", "--config", str(settings)]
        controller = subprocess.Popen(command, stdout=output, stderr=output, cwd=directory)
    try:
        owner = _wait_for(state / "owner.json", controller, log)
        rounds = (
            (
                "as the owner, edges of what is allowed",
                owner,
                _config(stock),
                ["coverage", "--max-time", COVERAGE_SECONDS],
            ),
            ("as the owner", owner, _config(stock), ["fuzzing", "--max-examples", str(examples)]),
            ("as the owner, with ids that are made up", owner, _CONFIG, ["fuzzing", "--max-examples", "1"]),
            ("as nobody", None, _CONFIG, ["fuzzing", "--max-examples", "1"]),
        )
        outcomes = [_round(directory, *each) for each in rounds]
        is_up = controller.poll() is None
    finally:
        controller.kill()
        controller.wait(10)
    bugs = _bugs(log.read_text(errors="replace"))
    report = "\n".join([*(outcome.report for outcome in outcomes), *bugs])
    return Judgement(is_up and not bugs and all(outcome.is_clean for outcome in outcomes), report)


def _wait_for(owner_file: Path, controller: subprocess.Popen[bytes], log: Path) -> dict[str, str]:
    until = time.monotonic() + START_SECONDS
    while not owner_file.exists():
        if controller.poll() is not None or time.monotonic() > until:
            raise AssertionError(log.read_text(errors="replace")[-4000:])
        time.sleep(0.05)
    found: dict[str, str] = json.loads(owner_file.read_text())
    with urlopen(found["url"] + "/api/v1/health", timeout=START_SECONDS):
        return found


def _round(directory: Path, title: str, owner: dict[str, str] | None, config: str, phases: Sequence[str]) -> Judgement:
    (directory / "schemathesis.toml").write_text(config)
    command = [str(BIN / "schemathesis"), "--config-file", str(directory / "schemathesis.toml"), "--no-color", "run"]
    command += ["http://127.0.0.1:9394/api/v1/openapi.json", "--url", "http://127.0.0.1:9394/api/v1"]
    command += ["--seed", SEED, "--no-shrink", "--phases", *phases]
    command += ["--generation-database", "none", "--suppress-health-check", "all", "--warnings", "off"]
    command += ["--request-timeout", REQUEST_SECONDS]
    if owner is not None:
        command += ["--header", f"Authorization: Bearer {owner['token']}"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=directory)
    return Judgement(done.returncode == 0, f"--- {title}\n{done.stdout}{done.stderr}")


def _config(stock: Stock) -> str:
    lines = [_CONFIG, "[parameters]", *_parameters(stock.kept)]
    for operation, values in stock.operations.items():
        lines += ["[[operations]]", f'include-name = "{operation}"', "[operations.parameters]", *_parameters(values)]
    return "\n".join(lines) + "\n"


def _parameters(values: dict[str, str]) -> list[str]:
    return [f'"path.{name}" = "{value}"' for name, value in values.items()]


def _bugs(log: str) -> list[str]:
    return [line for line in log.splitlines() if "A bug in" in line or "Traceback" in line or "Unhandled" in line]


def judge_apart(examples: int) -> Judgement:
    """The same in a namespace of its own, in another process; needs root."""
    command = [*ISOLATED, sys.executable, "-m", "integration.judge_api", "--here", str(examples)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parent.parent)
    return Judgement(done.returncode == 0, done.stdout + done.stderr)


def main(arguments: list[str]) -> int:
    """The exit status: 0 where all is clean."""
    if arguments[:1] == ["--here"]:
        with tempfile.TemporaryDirectory(prefix="zerogo-judge-") as directory:
            judgement = judge(Path(directory), int(arguments[1]))
    else:
        judgement = judge_apart(int(arguments[0]) if arguments else 20)
    print(judgement.report)
    return 0 if judgement.is_clean else 1


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main(sys.argv[1:]))
