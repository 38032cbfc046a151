# -*- test-case-name: zerogo.test.gateway.test_controlled -*-
"""What a gateway answers when its controller asks: streams that are open, and which edge would be chosen and why."""

from __future__ import annotations

from typing import Any

import msgspec

from zerogo.control.gateway_messages import Ask
from zerogo.errors import ParseError
from zerogo.exit.choose import Demand
from zerogo.exit.frames import Command
from zerogo.exit.target import Target
from zerogo.exit.username import parse_username
from zerogo.gateway.hub import Hub
from zerogo.gateway.users import UserDesk, allowed

SHOWN = 200
"""Streams in one answer."""


def report(question: Ask, hub: Hub, desk: UserDesk) -> bytes:
    """The answer, as JSON."""
    match question.what:
        case "streams":
            document: Any = live_streams(desk)
        case "explain":
            document = explanation(question.argument, hub, desk)
        case _:
            document = {"error": "this gateway does not know that question"}
    return msgspec.json.encode(document)


def live_streams(desk: UserDesk) -> dict[str, Any]:
    """The youngest."""
    now = desk.clock.seconds()
    live = desk.counted
    return {
        "total": len(live),
        "streams": [
            {
                "number": one.live.record.number,
                "user": one.live.record.user,
                "source": one.live.record.source,
                "edge": one.live.record.edge,
                "exit_address": one.live.record.exit_address,
                "target": str(one.live.record.target),
                "seconds": round(now - one.live.record.began_at, 1),
                "up": one.up,
                "down": one.down,
            }
            for one in live[-SHOWN:]
        ],
    }


def explanation(argument: str, hub: Hub, desk: UserDesk) -> dict[str, Any]:
    """For `USERNAME HOST:PORT`."""
    username, _, place = argument.partition(" ")
    try:
        name = parse_username(username)
        host, _, port = place.rpartition(":")
        target = Target(host.strip("[]"), int(port))
    except (ParseError, ValueError) as error:
        return {"error": str(error)}
    grant = desk.grant_of(name.name)
    if grant is None:
        return {"error": f"there is no user {name.name!r}, or the account is paused or expired"}
    demand = allowed(grant, Demand(command=Command.CONNECT, target=target, wish=name.wish))
    found = hub.explain(demand, grant)
    return {
        "policy": found.policy.value,
        "chosen": found.chosen,
        "fitting": found.fitting,
        "excluded": found.excluded,
        "candidates": [
            {
                "edge": one.edge,
                "name": one.name,
                "cost": one.cost,
                "rtt_ms": None if one.rtt is None else round(one.rtt * 1000, 2),
                "streams": one.streams,
            }
            for one in found.candidates
        ],
    }
