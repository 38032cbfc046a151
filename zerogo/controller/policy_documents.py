# -*- test-case-name: zerogo.test.controller.test_policy_routes -*-
"""The JSON documents of policies."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from zerogo.controller.documents import RequestBody, rfc3339
from zerogo.policy.errors import Finding
from zerogo.policy.judge import Change
from zerogo.store.policies import StoredPolicy
from zerogo.store.policy_answers import Checked, Explanation, Preview, Shown

_Comment = Annotated[str, Meta(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
Verdict = Literal["allow", "deny"]


class PolicyRequest(RequestBody, frozen=True):
    """A policy to put in force."""

    text: str
    """YAML or JSON, see docs/POLICY.md. One that is too long is not right, like any other mistake."""
    comment: _Comment = ""


class PolicyTextRequest(RequestBody, frozen=True):
    """A policy to look at."""

    text: str


class RollbackRequest(RequestBody, frozen=True):
    """Which policy to put in force again."""

    revision: Annotated[int, Meta(ge=1, le=2**31 - 1)]


class PolicyDocument(msgspec.Struct, frozen=True):
    """A policy. Revision 0 is that of a network that never had one: everything may pass."""

    revision: int
    etag: str
    text: str
    comment: str
    created_by: str
    created_at: str | None
    unenforced: list[str] = []
    """Members whose agent is too old to hold filters: only the other end of each pair enforces."""

    @classmethod
    def of(cls, policy: StoredPolicy, unenforced: tuple[str, ...] = ()) -> PolicyDocument:
        """As stored."""
        return cls(
            revision=policy.revision,
            etag=policy.tag,
            text=policy.text,
            comment=policy.comment,
            created_by=policy.created_by,
            created_at=rfc3339(policy.created_at) if policy.revision else None,
            unenforced=list(unenforced),
        )

    @classmethod
    def shown(cls, shown: Shown) -> PolicyDocument:
        """The one in force."""
        return cls.of(shown.policy, shown.unenforced)


class FindingDocument(msgspec.Struct, frozen=True):
    """Something about a text, and where."""

    severity: Literal["error", "warning"]
    line: int
    column: int
    message: str

    @classmethod
    def of(cls, finding: Finding) -> FindingDocument:
        """As found."""
        severity: Literal["error", "warning"] = "error" if finding.is_error else "warning"
        return cls(severity, finding.line, finding.column, finding.message)


class PolicyTestDocument(msgspec.Struct, frozen=True):
    """A test of a policy."""

    number: int
    line: int
    test: str
    passes: bool
    detail: str
    """Why it fails."""


class CheckDocument(msgspec.Struct, frozen=True):
    """What is to be said about a text."""

    is_right: bool
    """Whether it could be saved."""
    findings: list[FindingDocument]
    tests: list[PolicyTestDocument]

    @classmethod
    def of(cls, checked: Checked) -> CheckDocument:
        """As checked."""
        failed = {failure.test.number: str(failure) for failure in checked.failures}
        tests = [
            PolicyTestDocument(
                number=test.number,
                line=test.place.line,
                test=test.text,
                passes=test.number not in failed,
                detail=failed.get(test.number, ""),
            )
            for test in checked.tests
        ]
        return cls(checked.is_right, [FindingDocument.of(finding) for finding in checked.findings], tests)


class ChangeDocument(msgspec.Struct, frozen=True, rename={"sources": "from", "targets": "to"}):
    """What some members may open towards others, other than before."""

    sources: list[str]
    targets: list[str]
    gained: list[str]
    lost: list[str]

    @classmethod
    def of(cls, change: Change) -> ChangeDocument:
        """As compared."""
        return cls(list(change.sources), list(change.targets), list(change.gained), list(change.lost))


class PreviewDocument(msgspec.Struct, frozen=True):
    """Who would gain and lose access."""

    changes: list[ChangeDocument]
    unenforced: list[str]

    @classmethod
    def of(cls, preview: Preview) -> PreviewDocument:
        """As compared."""
        return cls([ChangeDocument.of(change) for change in preview.changes], list(preview.unenforced))


class ExplanationDocument(msgspec.Struct, frozen=True, rename={"source": "from", "target": "to"}):
    """What becomes of a packet."""

    verdict: Verdict
    reason: str
    source: str
    target: str
    destination: str | None
    """Where it is behind the member."""
    traffic: str
    rule: int | None
    """The rule that decides, from 1."""
    line: int | None
    enforced_by: list[str]
    """Ends that hold filters; an agent that is too old does not."""

    @classmethod
    def of(cls, found: Explanation) -> ExplanationDocument:
        """As found."""
        return cls(
            verdict="allow" if found.allows else "deny",
            reason=found.reason,
            source=found.source.name,
            target=found.target.name,
            destination=found.traffic.destination,
            traffic=str(found.traffic),
            rule=found.rule_number,
            line=found.line,
            enforced_by=list(found.enforced_by),
        )
