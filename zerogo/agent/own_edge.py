# -*- test-case-name: zerogo.test.agent.test_own_edge -*-
"""An agent that is an edge as well: the same node, the same process, what its owner allows held in the same way.

`zerogo edge join TOKEN --as-agent` says so once, or `edge` in the agent's configuration; what the command said is kept
below the agent's state directory, beside the token, the consent and what the month has carried, so that the next start
of the agent goes on with it. An edge that cannot begin leaves the agent alone: the network matters more.

A join that fails, or that the gateway refuses, is undone: what was kept before it is put back and goes on. One command
is carried out after the other.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import msgspec
from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredLock, inlineCallbacks, maybeDeferred
from twisted.logger import Logger

from zerogo.agent.reports import EdgeReport
from zerogo.config.agent import AgentConfig
from zerogo.config.edge import EdgeConfig
from zerogo.config.identity_file import IDENTITY_FILE
from zerogo.config.load import default_path, load
from zerogo.config.private_file import read_private, write_private
from zerogo.control.edge_token import EdgeToken
from zerogo.edge.state_dir import CONSENT_FILE, FILE_LIMIT, PLACES_FILE, TOKEN_FILE, EdgeState
from zerogo.errors import EnvironmentFault, LocalError, ZeroGoError
from zerogo.net.local_api import Arguments

EDGE_DIRECTORY = "edge"
CHOICE_FILE = "choice.json"
CHOICE_LIMIT = 16 * 1024
_MEMBERSHIP = (TOKEN_FILE, PLACES_FILE, CONSENT_FILE, CHOICE_FILE)
"""The files that a join replaces."""

_CONFIGURED = "The owner set `edge` in the agent's configuration."


class Choice(msgspec.Struct, frozen=True):
    """What the command said."""

    config: str = ""
    """The edge's configuration file; empty: the one that the agent's configuration names, else the installed one."""
    name: str = ""
    country: str = ""


class RunningEdge(Protocol):
    """`zerogo.edge.service.EdgeService`."""

    def startService(self) -> None: ...

    def stopService(self) -> Any: ...

    def standing(self) -> tuple[str, str]:
        """How it stands with its gateways, and why."""


MakeEdge = Callable[[EdgeConfig], RunningEdge]


class OwnEdge(Service):
    """The edge that this agent is, where it is one."""

    log = Logger(namespace="zerogo.agent.edge")

    def __init__(self, config: AgentConfig, make: MakeEdge, unix_time: Callable[[], float]) -> None:
        self._config = config
        self._directory = config.state_dir / EDGE_DIRECTORY
        self._make = make
        self._unix_time = unix_time
        self._edge: RunningEdge | None = None
        self._lock = DeferredLock()
        self._before: dict[str, bytes] = {}
        """What the last join replaced, by the names of the files."""
        self._page = 0

    # ----- Twisted's life cycle

    def startService(self) -> None:
        """Go on where there is something to go on with."""
        super().startService()  # type: ignore[no-untyped-call]
        self._go_on()

    def stopService(self) -> Deferred[None]:
        """Close it with the agent."""
        super().stopService()  # type: ignore[no-untyped-call]
        return self._lock.run(self._stop)

    # ----- what is asked by the command

    def command(self, arguments: Arguments) -> EdgeReport | Deferred[EdgeReport]:
        """`verb` is join (with `token`, `consent` and the keys of `Choice`), undo (the last join), leave or status."""
        verb = arguments.get("verb")
        if verb == "join":
            return self._lock.run(self._join, arguments)
        if verb == "undo":
            return self._lock.run(self._undo)
        if verb == "leave":
            return self._lock.run(self._leave)
        return self.report()

    def report(self) -> EdgeReport:
        """How it does."""
        if self._edge is None:
            return EdgeReport()
        state, reason = self._edge.standing()
        return EdgeReport(state, reason, self._page)

    @property
    def is_wanted(self) -> bool:
        """Whether the owner made this agent an edge."""
        return self._config.edge is not None or self._kept.token() is not None

    @property
    def _kept(self) -> EdgeState:
        return EdgeState(self._directory, self._config.state_dir / IDENTITY_FILE)

    @inlineCallbacks
    def _join(self, arguments: Arguments) -> Any:
        token = EdgeToken.parse(str(arguments.get("token")))
        choice = Choice(*(str(arguments.get(key) or "") for key in ("config", "name", "country")))
        settings = self._settings(choice)
        self._before = self._membership()
        self._kept.save_token(token)
        self._kept.save_consent(self._unix_time(), str(arguments.get("consent") or ""))
        write_private(self._directory / CHOICE_FILE, msgspec.json.encode(choice) + b"\n")
        yield self._stop()
        if token.is_tls and sys.modules.get("OpenSSL", self) is None:
            raise LocalError("the gateway speaks TLS, which this agent loads when it is started: start it again")
        try:
            self._begin(settings)
        except Exception:
            yield self._undo()
            raise
        return self.report()

    @inlineCallbacks
    def _undo(self) -> Any:
        yield self._stop()
        forget(self._directory)
        before, self._before = self._before, {}
        for name, content in before.items():
            write_private(self._directory / name, content)
        self._go_on()
        return self.report()

    @inlineCallbacks
    def _leave(self) -> Any:
        if self._config.edge is not None:
            raise LocalError("the agent's configuration makes this machine an exit: take `edge` out of it")
        yield self._stop()
        was_one = forget(self._directory)
        self._before = {}
        return EdgeReport(was_one=was_one)

    def _begin(self, settings: EdgeConfig) -> None:
        if self._config.edge is not None and not self._kept.consent_at():
            self._kept.save_consent(self._unix_time(), _CONFIGURED)
        self._edge, self._page = self._make(settings), settings.status_port
        try:
            self._edge.startService()
        except Exception:
            self._stop()
            raise

    def _go_on(self) -> None:
        try:
            if self.is_wanted:
                self._begin(self._settings(self._choice()))
        except ZeroGoError as error:
            self.log.error("This machine is no exit: {reason}", reason=str(error))

    def _membership(self) -> dict[str, bytes]:
        paths = [self._directory / name for name in _MEMBERSHIP]
        return {path.name: read_private(path, FILE_LIMIT) for path in paths if path.exists()}

    def _stop(self) -> Deferred[None]:
        edge, self._edge = self._edge, None
        return maybeDeferred(edge.stopService if edge is not None else lambda: None)

    def _choice(self) -> Choice:
        path = self._directory / CHOICE_FILE
        if not path.exists():
            return Choice()
        try:
            return msgspec.json.decode(read_private(path, CHOICE_LIMIT), type=Choice)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise EnvironmentFault(f"{path} is damaged: delete it, and join again") from None

    def _settings(self, choice: Choice) -> EdgeConfig:
        """Raises `ConfigError`."""
        path = Path(choice.config) if choice.config else self._config.edge or default_path("edge")
        ours = {"state-dir": str(self._directory), "identity": str(self._config.state_dir / IDENTITY_FILE)}
        said = {"name": choice.name, "country": choice.country}
        return load(path, EdgeConfig, {**ours, **{key: value for key, value in said.items() if value}}, {})


def edge_wants_tls(config: AgentConfig) -> bool:
    """Whether a gateway that is known speaks TLS, which an agent that needs none leaves out of its memory; False where
    that cannot be read, since the edge says by itself what is wrong."""
    state = EdgeState(config.state_dir / EDGE_DIRECTORY)
    try:
        written = None if config.edge is None else load(config.edge, EdgeConfig, {}, {}).token
        tokens = [state.token(), None if written is None else EdgeToken.parse(written.reveal())]
        places = state.places()
    except ZeroGoError:
        return False
    known = () if places is None else places.places
    return any(token is not None and token.is_tls for token in tokens) or any(place.is_tls for place in known)


def forget(directory: Path) -> bool:
    """Be no edge any more, at the next start either; whether it was one. The owner's month stays on record."""
    state = EdgeState(directory)
    was_one = state.token() is not None
    state.forget_token()
    (directory / CHOICE_FILE).unlink(missing_ok=True)
    return was_one
