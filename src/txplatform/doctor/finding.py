"""What a check found, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class FindingStatus(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check.

    Attributes:
        check: What was checked.
        detail: What was found, in a sentence.
        advice: What to do; empty where nothing is wrong.
    """

    check: str
    status: FindingStatus
    detail: str
    advice: str = ""


def ok(check: str, detail: str) -> Finding:
    """Nothing is wrong."""
    return Finding(check, FindingStatus.OK, detail)


def warning(check: str, detail: str, advice: str) -> Finding:
    """It works, but a promise is weaker than it could be."""
    return Finding(check, FindingStatus.WARNING, detail, advice)


def failed(check: str, detail: str, advice: str) -> Finding:
    """It does not work."""
    return Finding(check, FindingStatus.FAILED, detail, advice)


def skipped(check: str, detail: str) -> Finding:
    """It could not be looked at."""
    return Finding(check, FindingStatus.SKIPPED, detail)
