# -*- test-case-name: zerogo.test.net.test_polling -*-
"""The reactor's loop over descriptors, without the context that Twisted's older log has for each.

For every event Twisted enters a context that names the descriptor for lines of `twisted.python.log`, ten calls that our
own log has no use for: a connection through an exit is six events. The loop here reads where that is all that there is
to do, and calls the same `_doReadOrWrite` for everything else.
"""

from __future__ import annotations

from select import EPOLLIN
from typing import Any

from twisted.internet.epollreactor import EPollReactor
from twisted.logger import Logger

_log = Logger(namespace="zerogo.net.polling")


def poll_plainly(reactor: object) -> bool:
    """Have a reactor of Twisted's epoll kind loop so; whether it is one. To be called before it runs."""
    if type(reactor) is not EPollReactor:
        return False
    loop: Any = reactor
    poller, descriptors, act, end = loop._poller, loop._selectables, loop._doReadOrWrite, loop._disconnectSelectable

    def do_poll(timeout: float | None) -> None:
        for number, event in poller.poll(-1 if timeout is None else timeout, max(1, len(descriptors))):
            # One that was handled before it may have closed this one.
            found = descriptors.get(number)
            if found is not None:
                try:
                    if event == EPOLLIN:
                        why = _read(found)
                        if why:
                            end(found, why, True)
                    else:
                        act(found, number, event)
                except Exception:
                    _log.failure("A bug in what reads or writes a descriptor")

    loop.doPoll = loop.doIteration = do_poll
    return True


def _read(descriptor: Any) -> BaseException | None:
    """Why it has to be given up, if it has."""
    try:
        why: BaseException | None = descriptor.doRead()
    except Exception as error:
        _log.failure("A bug in what reads a descriptor")
        return error
    return why
