# -*- test-case-name: zerogo.test.observe.test_service -*-
"""The outermost service of a role: has twistd log in our format, at our levels.

twistd asks the application for its log observer before the services start; this service puts ours there as soon as it
is given to an application. twistd's own `--logfile` and `--nodaemon` keep their meaning: without a file, a foreground
role logs to standard output and a daemon to `twistd.log`; files are rotated at 10 MB, ten are kept. Only their owner
may read them: they tell who is where.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TextIO, cast

from twisted.application.service import IServiceCollection, MultiService
from twisted.logger import ILogObserver
from twisted.python.components import Componentized
from twisted.python.logfile import LogFile

from zerogo.errors import EnvironmentFault, LocalError
from zerogo.observe.levels import Levels
from zerogo.observe.log import observer

ROTATE_BYTES = 10_000_000
ROTATED_FILES = 10
_STATUS_BYTES = 98
"""twistd reads no more of what its daemon tells it, after a digit and a space."""
FILE_MODE = 0o600


class LoggedService(MultiService):
    """Give it the role's services as children, and to twistd as the role's service.

    `twistd` is the mapping of twistd's own options: `options.parent` of a role's `Options`, which may be None.
    `levels.set(text)` changes the levels while running. An `EnvironmentFault` or `LocalError` of a child that starts (a
    port in use, no right to open a device) ends the process with one sentence in place of a traceback.
    """

    def __init__(self, log_level: str, log_format: str, twistd: Mapping[str, object] | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.levels = Levels(log_level)
        self._log_format = log_format
        self._twistd = twistd or {}
        if log_format not in ("text", "json"):
            raise LocalError(f"{log_format!r} is not a log format; write text or json")

    def setServiceParent(self, parent: IServiceCollection) -> None:
        application: object = parent
        if isinstance(application, Componentized):
            application.setComponent(ILogObserver, observer(self.levels, self._log_format, _stream(self._twistd)))
        super().setServiceParent(parent)  # type: ignore[no-untyped-call]

    def privilegedStartService(self) -> None:
        with self._one_sentence():
            super().privilegedStartService()  # type: ignore[no-untyped-call]

    def startService(self) -> None:
        with self._one_sentence():
            super().startService()  # type: ignore[no-untyped-call]

    @contextmanager
    def _one_sentence(self) -> Iterator[None]:
        try:
            yield
        except (EnvironmentFault, LocalError) as error:
            self._release_parent(str(error))
            raise SystemExit(f"zerogo: {error}") from error

    def _release_parent(self, sentence: str) -> None:
        """Tell the process that started a daemon that it failed.

        twistd does so for an `Exception` only; after a `SystemExit` its parent would wait for ever, since it holds the
        writing end of the pipe itself.
        """
        pipe = self._twistd.get("statusPipe")
        if isinstance(pipe, int):
            os.write(pipe, b"1 " + sentence.encode("ascii", "replace")[:_STATUS_BYTES])


def _stream(twistd: Mapping[str, object]) -> TextIO:
    name = str(twistd.get("logfile") or "")
    if name == "-" or (not name and twistd.get("nodaemon", True)):
        return sys.stdout
    # LogFile takes text and flushes; it is no TextIO by inheritance.
    file = LogFile.fromFullPath(
        name or "twistd.log", rotateLength=ROTATE_BYTES, maxRotatedFiles=ROTATED_FILES, defaultMode=FILE_MODE
    )
    return cast(TextIO, file)
