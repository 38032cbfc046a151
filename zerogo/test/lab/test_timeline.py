"""Actions happen when their time has come."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.lab.scenario import Action, ActionKind, Link, Role
from zerogo.lab.timeline import Timeline


class Recorder:
    """A network and its processes that write down what is done to them."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []

    def cut(self, a: str, b: str | None = None) -> None:
        self.calls.append(("cut", a, b))

    def heal(self, a: str, b: str | None = None) -> None:
        self.calls.append(("heal", a, b))

    def set_link(self, a: str, link: Link, b: str | None = None) -> None:
        self.calls.append(("link", a, link, b))

    def rebind(self, name: str) -> None:
        self.calls.append(("rebind", name))

    def change_address(self, name: str) -> None:
        self.calls.append(("change-address", name))

    def move(self, name: str, to: str) -> None:
        self.calls.append(("move", name, to))

    def kill(self, host: str, role: Role | None) -> None:
        self.calls.append(("kill", host, role))

    def stop(self, host: str, role: Role | None) -> None:
        self.calls.append(("stop", host, role))

    def start(self, host: str, role: Role | None) -> None:
        self.calls.append(("start", host, role))


class TimelineTests(SynchronousTestCase):
    def test_nothing_happens_early_and_everything_once(self) -> None:
        recorder = Recorder()
        actions = [
            Action(at=1.0, kind=ActionKind.CUT, targets=("a",)),
            Action(at=2.0, kind=ActionKind.HEAL, targets=("a", "b")),
        ]
        timeline = Timeline(actions, recorder, recorder)
        self.assertEqual(timeline.advance(0.9), [])
        self.assertEqual(timeline.advance(1.5), actions[:1])
        self.assertFalse(timeline.is_over)
        timeline.advance(9.0)
        timeline.advance(10.0)
        self.assertTrue(timeline.is_over)
        self.assertEqual(recorder.calls, [("cut", "a", None), ("heal", "a", "b")])

    def test_every_kind_is_carried_out(self) -> None:
        recorder = Recorder()
        link = Link(loss=0.5)
        actions = [
            Action(at=0.0, kind=kind, targets=("a",), role=Role.AGENT, to="site", link=link) for kind in ActionKind
        ]
        Timeline(actions, recorder, recorder).advance(0.0)
        self.assertEqual(
            recorder.calls,
            [
                ("kill", "a", Role.AGENT),
                ("stop", "a", Role.AGENT),
                ("start", "a", Role.AGENT),
                ("kill", "a", Role.AGENT),
                ("start", "a", Role.AGENT),
                ("cut", "a", None),
                ("heal", "a", None),
                ("change-address", "a"),
                ("rebind", "a"),
                ("move", "a", "site"),
                ("link", "a", link, None),
            ],
        )
