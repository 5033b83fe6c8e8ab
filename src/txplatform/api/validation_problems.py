"""Problems for invalid fields. A problem names fields and faults, but contains no values."""

import re
from collections.abc import Iterable, Sequence
from itertools import islice

from txplatform.api.problems import ProblemError
from txplatform.contracts.card_numbers import holds_card_number
from txplatform.contracts.cleaning import plain
from txplatform.contracts.cursors import InvalidCursorError
from txplatform.contracts.field_problems import InvalidField
from txplatform.contracts.problems import MAX_FIELD_PROBLEMS, ProblemType
from txplatform.contracts.response_fields import MAX_POINTER
from txplatform.contracts.rulesets import InvalidRuleSetError
from txplatform.domain.commands.outcome import CommandRejectedError, RefusalReason

_LONGEST_NAME = 64
_STEP = re.compile(r"[^.\[\]]+")
"""A step of a path such as `rules[3].window_minutes`."""


def validation_problem(fields: Iterable[InvalidField]) -> ProblemError:
    """Return the problem for invalid fields."""
    return ProblemError(
        ProblemType.VALIDATION,
        "The request has fields that are missing, unknown or invalid; nothing was recorded.",
        "Correct the fields named in errors; /docs describes each.",
        errors=[
            {"pointer": _pointer(field.location), "message": field.problem}
            for field in islice(fields, MAX_FIELD_PROBLEMS)
        ],
    )


def refused_field_problems(error: CommandRejectedError, *place: str | int) -> list[dict[str, str]]:
    """Return a problem for each field, such as `merchant.name`, for which a command was rejected.

    Args:
        error: The rejection.
        place: The location of the command in the body.
    """
    if error.reason in {RefusalReason.CONFLICTING_COPY, RefusalReason.TRANSACTION_ID_REUSED}:
        return repeated_field_problems(error.fields, *place)
    return _field_problems(error.fields, place, error.detail)


def repeated_field_problems(fields: Iterable[str], *place: str | int) -> list[dict[str, str]]:
    """Return a problem for each field in which a repeated command differs from the first one."""
    return _field_problems(fields, place, "differs from what was sent first under this id")


def _field_problems(
    fields: Iterable[str], place: tuple[str | int, ...], message: str
) -> list[dict[str, str]]:
    return [
        {"pointer": _pointer((*place, *name.split("."))), "message": message} for name in fields
    ]


def invalid_cursor_problem(error: InvalidCursorError) -> ProblemError:
    """Return the problem for an invalid cursor."""
    return ProblemError(
        ProblemType.INVALID_CURSOR,
        f"{error.what} {error.why}",
        error.next_step,
        errors=[{"pointer": f"/{error.parameter}", "message": "is not a cursor of this list"}],
    )


def invalid_rules_problem(error: InvalidRuleSetError) -> ProblemError:
    """Return the problem for an invalid rule set or invalid controls."""
    places = [problem.partition(": ") for problem in error.problems]
    return ProblemError(
        ProblemType.VALIDATION,
        f"{error.what} Nothing was recorded.",
        error.next_step,
        errors=[
            {"pointer": _pointer(_steps(place)), "message": message}
            for place, _, message in places[:MAX_FIELD_PROBLEMS]
        ],
    )


def _steps(place: str) -> list[str]:
    return [] if place == "The value" else _STEP.findall(place)


def _pointer(location: Sequence[str | int]) -> str:
    """Return the JSON pointer (RFC 6901) for a location; empty for the whole body."""
    return "".join(f"/{_name(str(part))}" for part in location)[:MAX_POINTER]


def _name(part: str) -> str:
    """Return a field name for a pointer, escaped, and hidden if it looks like a card number."""
    part = plain(part)
    if holds_card_number(part):
        return "(a number)"
    if len(part) > _LONGEST_NAME:
        part = part[:_LONGEST_NAME] + "…"
    return part.replace("~", "~0").replace("/", "~1")
