"""What is wrong with a policy."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from zerogo.errors import ParseError

FINDINGS_LIMIT = 100


@frozen
class Finding:
    """One thing about a policy that a person should know, and where it stands."""

    is_error: bool
    """Whether such a policy is refused."""
    line: int
    """From 1."""
    column: int
    """From 1."""
    message: str

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.message}"


class PolicyInvalid(ParseError):
    """The policy is not right."""

    code = "E-POLICY"

    def __init__(self, findings: Sequence[Finding]) -> None:
        errors = [finding for finding in findings if finding.is_error]
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        super().__init__(f"the policy is not right: {errors[0]}{more}")
        self.findings = tuple(findings[:FINDINGS_LIMIT])
