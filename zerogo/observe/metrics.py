# -*- test-case-name: zerogo.test.observe.test_metrics -*-
"""Figures of a role for Prometheus: its text format 0.0.4, served by HTTP at `/metrics`.

Whoever reaches the address reads the figures; that is why roles keep it on loopback unless they are told otherwise.
Nothing in them names a person, a node or an address.

Where a role can say whether it is able to work, it does so at `/ready`, 200 or 503 with the reason; `/health` answers
200 as long as the process does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from attrs import frozen
from twisted.internet.defer import Deferred, succeed
from twisted.web.http import Request
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
IDLE_SECONDS = 30.0


@frozen
class Metric:
    """One figure, or a row of them that differ in one label."""

    name: str
    kind: str
    """`counter` or `gauge`."""
    text: str
    values: Mapping[str, float]
    """By the label's value; `""` alone: without label."""
    label: str = ""


Collect = Callable[[], Iterable[Metric]]
Look = Callable[[], Deferred[str]]
"""Why the role cannot work; empty: it can. Never fails."""


def exposition(metrics: Iterable[Metric]) -> bytes:
    """The text that Prometheus reads."""
    lines: list[str] = []
    for metric in metrics:
        lines += [f"# HELP {metric.name} {metric.text}", f"# TYPE {metric.name} {metric.kind}"]
        for value, number in metric.values.items():
            labels = f'{{{metric.label}="{value}"}}' if metric.label else ""
            lines.append(f"{metric.name}{labels} {number!r}" if number % 1 else f"{metric.name}{labels} {number:.0f}")
    return "\n".join([*lines, ""]).encode()


class _MetricsResource(Resource):
    isLeaf = True

    def __init__(self, collect: Collect) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._collect = collect

    def render_GET(self, request: Request) -> bytes:
        request.setHeader(b"content-type", CONTENT_TYPE)
        return exposition(self._collect())


class _HealthResource(Resource):
    isLeaf = True

    def __init__(self, look: Look) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._look = look

    def render_GET(self, request: Request) -> int:
        request.setHeader(b"content-type", b"text/plain; charset=utf-8")
        is_over: list[object] = []
        request.notifyFinish().addErrback(is_over.append)
        self._look().addCallback(self._answer, request, is_over)
        return NOT_DONE_YET

    def _answer(self, reason: str, request: Request, is_over: list[object]) -> None:
        if is_over:
            return
        request.setResponseCode(503 if reason else 200)
        request.write((reason or "ok").encode() + b"\n")
        request.finish()


def metrics_site(collect: Collect, ready: Look | None = None) -> Site:
    """What to listen with; `collect` is called for each reading, `ready` for each question at `/ready`."""
    root = Resource()
    root.putChild(b"metrics", _MetricsResource(collect))
    if ready is not None:
        root.putChild(b"health", _HealthResource(lambda: succeed("")))
        root.putChild(b"ready", _HealthResource(ready))
    site = Site(root, timeout=IDLE_SECONDS)
    site.noisy = False
    # One line for each reading is no log.
    site.log = lambda request: None  # type: ignore[method-assign]
    return site
