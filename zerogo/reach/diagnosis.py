# -*- test-case-name: zerogo.test.reach.test_diagnosis -*-
"""What is wrong with a machine that does not connect: findings in the order in which one would look, and one verdict.

The verdict is the first fault, since what comes later mostly follows from it: without a clock that is right relays
refuse credentials, without names the controller is not found. What is only worth knowing is a note.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator

from attrs import frozen

from zerogo.reach.network import Greeting, NetworkFacts

SKEW_LIMIT_SECONDS = 60.0
"""A clock that is further off breaks credentials of relays and certificates."""
MTU_LIMIT = 1280
"""Smallest packet that IPv6 promises to carry; less breaks more than ZeroGo, bytes."""
DISK_LIMIT = 1024 * 1024
"""The state directory needs less than this, bytes."""


class Standing(enum.StrEnum):
    """How it stands with one thing."""

    FINE = "fine"
    NOTE = "note"
    FAULT = "fault"


@frozen
class Finding:
    """One thing that was looked at."""

    subject: str
    standing: Standing
    sentence: str
    advice: str = ""


@frozen(kw_only=True)
class MachineFacts:
    """What was found of the machine itself."""

    has_tun: bool = True
    """Whether there is /dev/net/tun."""
    may_make_devices: bool = True
    state_complaint: str = ""
    """Why the state directory cannot be used, and what to do about it."""
    disk_free: int | None = None
    """Bytes, where the state is; None where it cannot be told."""
    unresolved: tuple[str, ...] = ()
    """Names of servers that the resolver does not know."""


@frozen(kw_only=True)
class AgentFacts:
    """What the agent says, or why it says nothing."""

    is_joined: bool
    """Whether there is a membership on disk."""
    silence: str = ""
    """Why no agent answers; empty where one does."""
    state: str = ""
    sentence: str = ""
    controller: str = ""
    """`connected`, or how far it is."""
    complaints: tuple[str, ...] = ()
    plane: str = ""
    members: int = 0
    connected: int = 0


def diagnose(machine: MachineFacts, agent: AgentFacts, network: NetworkFacts) -> list[Finding]:
    """All findings, in order."""
    return [
        *_machine(machine),
        _agent(agent),
        *_names(machine),
        _controller(network),
        _clock(network),
        _udp(network, agent),
        _relays(network),
        _mtu(network),
        *_traffic(agent),
    ]


def verdict(findings: list[Finding]) -> str:
    """One sentence: the first fault, with what to do about it."""
    fault = next((each for each in findings if each.standing is Standing.FAULT), None)
    if fault is None:
        return "Nothing is wrong here."
    return f"{fault.subject}: {fault.sentence}" + (f" {fault.advice}" if fault.advice else "")


def _fine(subject: str, sentence: str) -> Finding:
    return Finding(subject, Standing.FINE, sentence)


def _machine(machine: MachineFacts) -> Iterator[Finding]:
    if not machine.has_tun:
        yield Finding(
            "device",
            Standing.FAULT,
            "There is no /dev/net/tun.",
            "Load the module (`modprobe tun`); in a container, give it `--device /dev/net/tun`.",
        )
    elif not machine.may_make_devices:
        yield Finding(
            "device",
            Standing.NOTE,
            "This user may make no network devices.",
            "Run this with sudo; give a container NET_ADMIN.",
        )
    else:
        yield _fine("device", "Ethernet devices can be made.")
    if machine.state_complaint:
        yield Finding("disk", Standing.FAULT, machine.state_complaint)
    elif machine.disk_free is not None and machine.disk_free < DISK_LIMIT:
        yield Finding("disk", Standing.FAULT, f"Only {machine.disk_free} bytes are free.", "Make room for its state.")
    else:
        yield _fine("disk", "The state can be written.")


def _agent(agent: AgentFacts) -> Finding:
    if agent.silence and not agent.is_joined:
        return Finding(
            "agent", Standing.FAULT, "This machine is in no network.", "Get a token (`zerogo invite`) and join with it."
        )
    if agent.silence:
        return Finding("agent", Standing.FAULT, _sentence(agent.silence), "")
    if agent.state != "member":
        what = "waits for its owner's approval" if agent.state == "pending" else f"is {agent.state}"
        advice = "Approve it with `zerogo members approve`." if agent.state == "pending" else ""
        return Finding("agent", Standing.FAULT, _sentence(f"It {what}. {agent.sentence}".strip()), advice)
    return _fine("agent", f"It runs, on the {agent.plane or 'no'} data plane.")


def _names(machine: MachineFacts) -> Iterator[Finding]:
    if machine.unresolved:
        known = ", ".join(machine.unresolved)
        yield Finding("DNS", Standing.FAULT, f"The resolver does not know {known}.", "Look at /etc/resolv.conf.")


def _controller(network: NetworkFacts) -> Finding:
    if not network.controllers:
        return Finding("controller", Standing.NOTE, "None is known yet.", "")
    greetings = [each.greeting for each in network.controllers]
    if Greeting.GENUINE in greetings:
        return _fine("controller", "It answers, with the keys of the join token.")
    where = ", ".join(each.address for each in network.controllers)
    if Greeting.FOREIGN in greetings:
        return Finding(
            "controller",
            Standing.FAULT,
            f"At {where} another controller answers.",
            "Where it was set up anew without its keys, every machine needs a new token.",
        )
    if Greeting.INTERCEPTED in greetings:
        return Finding(
            "controller",
            Standing.FAULT,
            f"At {where} somebody else answers.",
            "Look for a portal that wants a log-in, or a proxy that lets no WebSocket through.",
        )
    return Finding(
        "controller",
        Standing.FAULT,
        f"Nobody answers at {where}.",
        "See whether it runs, and whether a firewall lets its TCP port in; the mesh goes on without it meanwhile.",
    )


def _clock(network: NetworkFacts) -> Finding:
    skews = [each.skew for each in network.controllers if each.skew is not None]
    if not skews:
        return Finding("clock", Standing.NOTE, "There is nothing to compare it with.", "")
    skew = min(skews, key=abs)
    if abs(skew) <= SKEW_LIMIT_SECONDS:
        return _fine("clock", f"It agrees with the controller's to {abs(skew):.0f} s.")
    word = "behind" if skew > 0 else "ahead of"
    return Finding(
        "clock", Standing.FAULT, f"It is {abs(skew):.0f} s {word} the controller's.", "Have both set by NTP."
    )


def _udp(network: NetworkFacts, agent: AgentFacts) -> Finding:
    if not network.servers:
        return Finding("UDP", Standing.NOTE, "No server is known that would answer.", "")
    if network.has_udp:
        return _fine("UDP", "It gets through.")
    is_bearable = agent.connected > 0 or any(each.best is not None for each in network.relays)
    return Finding(
        "UDP",
        Standing.NOTE if is_bearable else Standing.FAULT,
        "None gets through" + (", so members are reached through relays, by TCP or TLS." if is_bearable else "."),
        f"Have the firewall let UDP out from port {network.port}.",
    )


def _relays(network: NetworkFacts) -> Finding:
    silent = [each.name for each in network.relays if each.best is None]
    if not network.relays:
        return Finding("relays", Standing.NOTE, "The network has none: pairs behind hard NATs may not connect.", "")
    if len(silent) == len(network.relays):
        return Finding("relays", Standing.FAULT, f"None answers ({', '.join(silent)}).", "See whether they run.")
    if silent:
        return Finding("relays", Standing.NOTE, f"{', '.join(silent)} does not answer.", "")
    return _fine("relays", "All answer.")


def _mtu(network: NetworkFacts) -> Finding:
    size = network.survey.mtu
    if size is None:
        return Finding("MTU", Standing.NOTE, "It could not be measured.", "")
    if size < MTU_LIMIT:
        return Finding("MTU", Standing.FAULT, f"Packets of more than {size} bytes are lost.", "Mend the line's MTU.")
    return _fine("MTU", f"Packets of {size} bytes get through.")


def _traffic(agent: AgentFacts) -> Iterator[Finding]:
    for complaint in agent.complaints:
        yield Finding("routes", Standing.NOTE, _sentence(complaint), "")
    others = agent.members - 1
    if agent.silence or others < 1:
        return
    if agent.connected:
        yield _fine("members", f"Of {others} others {agent.connected} are connected.")
    else:
        yield Finding(
            "members", Standing.NOTE, f"None of {others} others is connected.", "`zerogo why NAME` says why, of each."
        )


def _sentence(text: str) -> str:
    stripped = text.strip()
    return stripped[:1].upper() + stripped[1:] + ("" if stripped.endswith((".", "!", "?")) else ".")
