"""The scopes, the path parameter and the change function that the rule set endpoints share."""

from collections.abc import Callable
from typing import Annotated, TypeVar

import psycopg
from fastapi import Path

from txplatform.api.dependencies import requires
from txplatform.api.services import Services
from txplatform.api_keys import ApiKey, Scope
from txplatform.contracts.json_schemas import Documented
from txplatform.decisions.errors import OutcomeUnknownError, StoreUnavailableError
from txplatform.domain.rulesets import MAX_RULESET_ID, RULESET_ID_FORM

T = TypeVar("T")

RuleSetId = Annotated[
    str,
    Documented(maxLength=MAX_RULESET_ID),
    Path(
        pattern=rf"^{RULESET_ID_FORM}$",
        description="The name and version.",
        examples=["retail@3"],
    ),
]
Writer = Annotated[ApiKey, requires(Scope.RULES_WRITE)]

READING = [requires(Scope.RULES_READ)]


async def change_rules(services: Services, change: Callable[[psycopg.Connection], T]) -> T:
    """Make a change to the rule book, and return its result.

    Raises:
        OutcomeUnknownError: The database did not respond; the change may have been recorded.
    """
    try:
        return await services.queries.run(change)
    except StoreUnavailableError as error:
        raise OutcomeUnknownError from error
