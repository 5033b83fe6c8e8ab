"""The field types of responses and published messages: the forms and bounds that readers can use.

Their patterns and bounds only go into the schemas; responses are not validated. A description of
the field in the docstring of its class takes precedence over that of the type.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from txplatform.contracts.cleaning import (
    CURRENCY_FORM,
    MAX_ID,
    MAX_TEXT,
    URL_ID_FORM,
)
from txplatform.contracts.cursors import CURSOR_FORM, MAX_CURSOR
from txplatform.contracts.fields import MetadataForm
from txplatform.domain.flags import Flag
from txplatform.domain.money import MAX_AMOUNT, MAX_BALANCE, MAX_EXACT
from txplatform.domain.reasons import Reason
from txplatform.domain.rules import ALWAYS
from txplatform.domain.rulesets import MAX_RULES, MAX_RULESET_ID, RULESET_ID_FORM
from txplatform.domain.transaction import MAX_REVERSED

MAX_SENTENCE = 500
"""The most characters of a sentence about one thing, such as a reason or an invalid field."""

MAX_DETAIL = 4000
"""The most characters of a text that lists several problems."""

MAX_POINTER = 1000
"""The most characters of a JSON pointer to an invalid field. A longer one is cut."""

MAX_TOPIC = 249
"""The most characters of a name of a Kafka topic."""

MAX_PAGE = 500
"""The most items of a page, and so the largest `limit` of most lists."""


def _text(form: str, longest: int, description: str) -> Any:
    return Field(pattern=f"^{form}$", max_length=longest, description=description)


def _any_text(longest: int, description: str, shortest: int | None = None) -> Any:
    return Field(min_length=shortest, max_length=longest, description=description)


def _integer(least: int, most: int, description: str) -> Any:
    return Field(ge=least, le=most, description=description)


AccountId = Annotated[str, _text(URL_ID_FORM, MAX_ID, "The account's id.")]
TransactionId = Annotated[str, _text(URL_ID_FORM, MAX_ID, "The purchase's id.")]
RequestId = Annotated[str, _text(URL_ID_FORM, MAX_ID, "The id in the request.")]
BusinessId = Annotated[str, _any_text(MAX_ID, "The id in the message or request.", 1)]
BusinessKey = Annotated[str, _any_text(100, "A kind and an id, such as `payment:p-7`.")]
EventId = Annotated[str, _any_text(MAX_ID, "The event's id, unique among all events.", 1)]
EventName = Annotated[
    str, _text("[a-z]+(-[a-z]+)*", 64, "The event's name, such as `hold-expired`.")
]
RuleSetId = Annotated[
    str,
    _text(RULESET_ID_FORM, MAX_RULESET_ID, "The name and version of the rule set."),
]
Sha256 = Annotated[str, _text("[0-9a-f]{64}", 64, "SHA-256, hexadecimal.")]
Traceparent = Annotated[str, _any_text(55, "W3C Trace Context.")]
Tracestate = Annotated[str, _any_text(512, "Of W3C Trace Context, if the cause had one.")]
TraceId = Annotated[str, _text("[0-9a-f]{32}", 32, "The id of a trace.")]
Cursor = Annotated[str, _text(CURSOR_FORM, MAX_CURSOR, "An opaque place in the list.")]
ResponseCode = Annotated[str, _text("[0-9A-Z]{2}", 2, "ISO 8583:1987 field 39.")]
AuthorizationCode = Annotated[str, _text("[0-9A-Z]{6}", 6, "ISO 8583:1987 field 38.")]
CurrencyCode = Annotated[str, _text(CURRENCY_FORM, 3, "ISO 4217.")]
Time = Annotated[str, Field(description="RFC 3339 UTC.", json_schema_extra={"format": "date-time"})]
Text = Annotated[str, _any_text(MAX_TEXT, "Text for people.")]
Sentence = Annotated[str, _any_text(MAX_SENTENCE, "A sentence for people.")]
Detail = Annotated[str, _any_text(MAX_DETAIL, "Sentences for people.")]
Author = Annotated[
    str, _any_text(MAX_TEXT + 40, "The name and id of an API key, or a user of the command line.")
]
ReasonCode = Annotated[str, _text("[a-z0-9_]+", 64, "A stable code, such as `wrong_direction`.")]
FieldName = Annotated[str, _any_text(MAX_POINTER, "The name of a field.")]
TopicName = Annotated[str, _any_text(MAX_TOPIC, "The name of a Kafka topic.")]
ClusterId = Annotated[str, _any_text(MAX_TOPIC, "The id of a Kafka cluster.")]
Pointer = Annotated[str, _any_text(MAX_POINTER, "A JSON pointer into the request body (RFC 6901).")]
Reference = Annotated[str, _any_text(MAX_ID, "The sender's reference.", 1)]
Metadata = Annotated[MetadataForm, Field(description="The sender's texts by name.")]

Amount = Annotated[int, _integer(0, MAX_AMOUNT, "Minor units of the currency.")]
SignedAmount = Annotated[
    int,
    _integer(-MAX_BALANCE, MAX_BALANCE, "A change of the amount owed, minor units."),
]
Posted = Annotated[
    int,
    _integer(-MAX_BALANCE, MAX_BALANCE, "The amount owed, minor units; negative if overpaid."),
]
Available = Annotated[int, _integer(-MAX_EXACT, MAX_EXACT, "The rest of the limit, minor units.")]
Held = Annotated[int, _integer(0, MAX_EXACT, "Minor units of holds.")]
Sum = Annotated[int, _integer(0, MAX_REVERSED, "A sum of amounts, minor units.")]
AccountVersion = Annotated[
    int, _integer(0, MAX_EXACT, "The account's version; 0 if nothing was recorded for it.")
]
Position = Annotated[int, _integer(0, MAX_EXACT, "A position in the log.")]
Number = Annotated[int, _integer(0, MAX_EXACT, "A number that grows with each new record.")]
Count = Annotated[int, _integer(0, MAX_EXACT, "How many there are.")]
HttpStatus = Annotated[int, _integer(400, 599, "The status code of the response.")]

Decided = Annotated[
    Literal["approved", "declined"], Field(description="The decision of the rules.")
]
MAX_REASONS = len(ALWAYS) + 2 * MAX_RULES
Reasons = Annotated[
    tuple[Reason, ...],
    Field(
        max_length=MAX_REASONS,
        description="The reasons of all rules that refused, most important first.",
    ),
]
Flags = Annotated[
    tuple[Flag, ...],
    Field(
        max_length=len(Flag),
        description="Unusual circumstances, and flaws of the description. "
        "They never prevent posting.",
    ),
]
DifferingFields = Annotated[
    tuple[FieldName, ...],
    Field(
        max_length=50,
        description="Of a repeat, the describing fields that differ from the first copy.",
    ),
]
