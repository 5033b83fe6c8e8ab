"""The result of a check, with advice if something is wrong."""

from dataclasses import dataclass
from enum import StrEnum


class FindingStatus(StrEnum):
    """The status of a finding; `skipped` if the check could not run."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check.

    Attributes:
        check: The name of the check, such as `clock`.
        detail: The finding as a sentence.
        advice: The next step for the operator; empty if nothing is wrong.
    """

    check: str
    status: FindingStatus
    detail: str
    advice: str = ""


def ok(check: str, detail: str) -> Finding:
    """Report that nothing is wrong."""
    return Finding(check, FindingStatus.OK, detail)


def warning(check: str, detail: str, advice: str) -> Finding:
    """Report that a guarantee is weaker than it could be, although the system works."""
    return Finding(check, FindingStatus.WARNING, detail, advice)


def failed(check: str, detail: str, advice: str) -> Finding:
    """Report something that does not work."""
    return Finding(check, FindingStatus.FAILED, detail, advice)


def skipped(check: str, detail: str, advice: str = "") -> Finding:
    """Report that a check could not run."""
    return Finding(check, FindingStatus.SKIPPED, detail, advice)
