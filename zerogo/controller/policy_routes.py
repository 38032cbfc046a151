# -*- test-case-name: zerogo.test.controller.test_policy_routes -*-
"""Routes about the policy of a network. Members that are connected are told of a new one at once."""

from __future__ import annotations

from collections.abc import Awaitable

from zerogo.controller.desk import Answer, Call, Desk, IfMatch, Route
from zerogo.controller.documents import Page, page
from zerogo.controller.policy_documents import (
    CheckDocument,
    ExplanationDocument,
    PolicyDocument,
    PolicyRequest,
    PolicyTextRequest,
    PreviewDocument,
    RollbackRequest,
)
from zerogo.controller.problems import Problem
from zerogo.policy.errors import PolicyInvalid
from zerogo.policy.filter import PORT_MAX
from zerogo.store import policies, policy_answers
from zerogo.store.errors import NotFound
from zerogo.store.policies import PolicyTestFailed, StoredPolicy
from zerogo.store.policy_answers import Question
from zerogo.store.values import Role


async def get_policy(desk: Desk, call: Call) -> Answer:
    """The policy in force."""
    shown = await desk.store.read(policy_answers.show, call.network)
    return Answer(200, PolicyDocument.shown(shown), shown.policy.tag)


async def put_policy(desk: Desk, call: Call) -> Answer:
    """Put a policy in force; it must be right, and its own tests must hold."""
    body = call.body
    assert isinstance(body, PolicyRequest)
    wanted = (call.network, body.text, call.actor, desk.unix_time(), call.expected, body.comment)
    return await _saved(desk, call, desk.store.write(policies.save_policy, *wanted))


async def roll_back_policy(desk: Desk, call: Call) -> Answer:
    """Put a policy of the history in force again, as a new one."""
    body = call.body
    assert isinstance(body, RollbackRequest)
    wanted = (call.network, body.revision, call.actor, desk.unix_time(), call.expected)
    return await _saved(desk, call, desk.store.write(policies.roll_back, *wanted))


async def _saved(desk: Desk, call: Call, saving: Awaitable[StoredPolicy]) -> Answer:
    try:
        await saving
    except PolicyInvalid as error:
        raise Problem(422, "policy-invalid", str(error)) from error
    except PolicyTestFailed as error:
        raise Problem(422, "policy-test-failed", str(error)) from error
    desk.members.network_changed(call.network)
    return await get_policy(desk, call)


async def check_policy(desk: Desk, call: Call) -> Answer:
    """Lint and tests of a text; nothing is saved."""
    body = call.body
    assert isinstance(body, PolicyTextRequest)
    return Answer(200, CheckDocument.of(await desk.store.read(policy_answers.check, call.network, body.text)))


async def preview_policy(desk: Desk, call: Call) -> Answer:
    """Who would gain and lose access with a text; nothing is saved."""
    body = call.body
    assert isinstance(body, PolicyTextRequest)
    try:
        found = await desk.store.read(policy_answers.preview, call.network, body.text)
    except PolicyInvalid as error:
        raise Problem(422, "policy-invalid", str(error)) from error
    return Answer(200, PreviewDocument.of(found))


async def explain_policy(desk: Desk, call: Call) -> Answer:
    """What the policy does to one packet, and which rule decides. `src` and `dst` are members (name, node id or
    address) or, as `dst`, an address behind one; `protocol` is tcp where a port is given, else icmp."""
    source, target = call.words.get("src", ""), call.words.get("dst", "")
    port = call.query.get("port")
    if not source or not target:
        raise Problem(422, "invalid", "src and dst are needed")
    if port is not None and not (port.is_integer() and port <= PORT_MAX):
        raise Problem(422, "invalid", f"port is a whole number from 0 to {PORT_MAX}")
    question = Question(
        source=source,
        target=target,
        protocol=call.words.get("protocol", ""),
        port=None if port is None else int(port),
    )
    return Answer(200, ExplanationDocument.of(await desk.store.read(policy_answers.explain, call.network, question)))


async def list_policies(desk: Desk, call: Call) -> Answer:
    """All policies that there were, newest first."""
    return Answer(
        200, page(await desk.store.read(policies.page_policies, call.network, call.paging), PolicyDocument.of)
    )


async def get_old_policy(desk: Desk, call: Call) -> Answer:
    """One policy of the history."""
    text = call.path["revision"]
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise NotFound("there is no such policy")
    found = await desk.store.read(policies.find_policy, call.network, int(text))
    return Answer(200, PolicyDocument.of(found), found.tag)


_POLICY = "/networks/<string:network>/policy"
_NOT_RIGHT = ("policy-invalid", "policy-test-failed")

ROUTES = (
    Route(method="GET", path=_POLICY, function=get_policy, needs=Role.AUDITOR, area="policy", answer=PolicyDocument),
    Route(
        method="PUT",
        path=_POLICY,
        function=put_policy,
        needs=Role.ADMIN,
        area="policy",
        body=PolicyRequest,
        answer=PolicyDocument,
        if_match=IfMatch.REQUIRED,
        problems=_NOT_RIGHT,
    ),
    Route(
        method="POST",
        path=f"{_POLICY}/check",
        function=check_policy,
        needs=Role.AUDITOR,
        area="policy",
        body=PolicyTextRequest,
        answer=CheckDocument,
    ),
    Route(
        method="POST",
        path=f"{_POLICY}/preview",
        function=preview_policy,
        needs=Role.AUDITOR,
        area="policy",
        body=PolicyTextRequest,
        answer=PreviewDocument,
        problems=("policy-invalid",),
    ),
    Route(
        method="GET",
        path=f"{_POLICY}/explain",
        function=explain_policy,
        needs=Role.AUDITOR,
        area="policy",
        answer=ExplanationDocument,
        words=("src", "dst", "protocol"),
        query=("port",),
    ),
    Route(
        method="GET",
        path=f"{_POLICY}/history",
        function=list_policies,
        needs=Role.AUDITOR,
        area="policy",
        answer=Page[PolicyDocument],
        cursor=tuple[int],
    ),
    Route(
        method="GET",
        path=f"{_POLICY}/history/<string:revision>",
        function=get_old_policy,
        needs=Role.AUDITOR,
        area="policy",
        answer=PolicyDocument,
    ),
    Route(
        method="POST",
        path=f"{_POLICY}/rollback",
        function=roll_back_policy,
        needs=Role.ADMIN,
        area="policy",
        body=RollbackRequest,
        answer=PolicyDocument,
        if_match=IfMatch.REQUIRED,
        problems=_NOT_RIGHT,
    ),
)
