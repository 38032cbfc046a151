# -*- test-case-name: zerogo.test.ice.test_binding -*-
"""Connectivity checks and their answers as STUN messages (RFC 8445 sections 7.1 and 7.3, RFC 8489 section 9.1).

A request is protected with the receiver's password and so is its answer; the user name is `receiver:sender`. Messages
carry HMAC-SHA1, which every ICE agent knows, or HMAC-SHA256 where both ends are ours; an answer uses what its request
used.
"""

from __future__ import annotations

from attrs import frozen

from zerogo.ice.credentials import Credentials
from zerogo.ids import SocketAddress
from zerogo.stun.attributes import (
    Attribute,
    ErrorCode,
    IceControlled,
    IceControlling,
    Priority,
    UseCandidate,
    Username,
    XorMappedAddress,
)
from zerogo.stun.integrity import Integrity
from zerogo.stun.message import Message, MessageClass, Method, check_integrity, emit, integrity_of

ROLE_CONFLICT = 487
ROLE_CONFLICT_REASON = "Role Conflict"


@frozen(kw_only=True)
class Check:
    """What a connectivity check says."""

    controlling: bool
    tie_breaker: int
    priority: int
    nominates: bool = False


def addressed_ufrag(message: Message) -> str | None:
    """The ufrag of the agent that a request is for; None where it is no check."""
    username = message.get(Username)
    if username is None or message.message_class is not MessageClass.REQUEST or message.method != Method.BINDING:
        return None
    ufrag, colon, _ = username.text.partition(":")
    return ufrag if colon else None


def emit_check(
    check: Check, transaction_id: bytes, local: Credentials, remote: Credentials, integrity: Integrity
) -> bytes:
    """A request from `local` to `remote`."""
    role = (IceControlling if check.controlling else IceControlled)(check.tie_breaker)
    attributes: tuple[Attribute, ...] = (Username(f"{remote.ufrag}:{local.ufrag}"), Priority(check.priority), role)
    if check.nominates:
        attributes += (UseCandidate(),)
    request = Message(Method.BINDING, MessageClass.REQUEST, transaction_id, attributes)
    return emit(request, remote.key, integrity=integrity)


def read_check(message: Message, raw: bytes, local: Credentials, remote: Credentials) -> Check | None:
    """What a request says; None where it is not an authentic check from `remote` to `local`."""
    username = message.get(Username)
    if username is None or username.text != f"{local.ufrag}:{remote.ufrag}":
        return None
    if not check_integrity(raw, local.key) or message.unknown_required:
        return None
    priority, role = message.get(Priority), message.get(IceControlling) or message.get(IceControlled)
    if priority is None or role is None:
        return None
    return Check(
        controlling=isinstance(role, IceControlling),
        tie_breaker=role.value,
        priority=priority.value,
        nominates=message.get(UseCandidate) is not None,
    )


def emit_answer(request: Message, source: SocketAddress, local: Credentials) -> bytes:
    """The success response to an authentic check that came from `source`."""
    return _emit_response(request, MessageClass.SUCCESS, XorMappedAddress(source), local)


def emit_role_conflict(request: Message, local: Credentials) -> bytes:
    """The error response that makes the sender of an authentic check switch its role."""
    return _emit_response(request, MessageClass.ERROR, ErrorCode(ROLE_CONFLICT, ROLE_CONFLICT_REASON), local)


def _emit_response(request: Message, message_class: MessageClass, attribute: Attribute, local: Credentials) -> bytes:
    response = Message(Method.BINDING, message_class, request.transaction_id, (attribute,))
    return emit(response, local.key, integrity=integrity_of(request) or Integrity.SHA1)
