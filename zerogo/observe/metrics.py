# -*- test-case-name: zerogo.test.observe.test_metrics -*-
"""Figures of a role for Prometheus: its text format 0.0.4, served by HTTP at `/metrics`.

Whoever reaches the address reads the figures; that is why roles keep it on loopback unless they are told otherwise.
Nothing in them names a person, a node or an address.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from attrs import frozen
from twisted.web.http import Request
from twisted.web.resource import Resource
from twisted.web.server import Site

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


def exposition(metrics: Iterable[Metric]) -> bytes:
    """The text that Prometheus reads."""
    lines: list[str] = []
    for metric in metrics:
        lines += [f"# HELP {metric.name} {metric.text}", f"# TYPE {metric.name} {metric.kind}"]
        for value, number in metric.values.items():
            labels = f'{{{metric.label}="{value}"}}' if metric.label else ""
            lines.append(f"{metric.name}{labels} {number:g}" if number % 1 else f"{metric.name}{labels} {number:.0f}")
    return "\n".join([*lines, ""]).encode()


class _MetricsResource(Resource):
    isLeaf = True

    def __init__(self, collect: Collect) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._collect = collect

    def render_GET(self, request: Request) -> bytes:
        request.setHeader(b"content-type", CONTENT_TYPE)
        return exposition(self._collect())


def metrics_site(collect: Collect) -> Site:
    """What to listen with; `collect` is called for each reading."""
    root = Resource()
    root.putChild(b"metrics", _MetricsResource(collect))
    site = Site(root, timeout=IDLE_SECONDS)
    site.noisy = False
    # One line for each reading is no log.
    site.log = lambda request: None  # type: ignore[method-assign]
    return site
