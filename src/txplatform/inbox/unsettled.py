"""Messages without effect, counted with their money: those that are parked, and those that wait.

The inbox row of a message that was parked or waited has its amount, since the contents may be
withheld or dropped. Amounts are added up without regard to the direction of a presentment.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple

import psycopg
from pydantic import TypeAdapter, ValidationError

from txplatform.contracts.fields import AmountOrZero, CurrencyCode
from txplatform.contracts.inbound_messages import MessageStatus
from txplatform.domain.currencies import format_money
from txplatform.domain.ids import AccountId, account_stream
from txplatform.domain.keys import rejected_key
from txplatform.eventstore.statements import row_equals
from txplatform.inbox.contents import keepable
from txplatform.inbox.message import MessageOutcome, ReceivedMessage, readable_body
from txplatform.pluralize import pluralize

MOST = 10_000
"""The most messages that one query examines, so that it is short."""

_AMOUNT: TypeAdapter[int] = TypeAdapter(AmountOrZero)
_CURRENCY: TypeAdapter[str] = TypeAdapter(CurrencyCode)
_STREAM = account_stream(AccountId(""))
_REJECTED = rejected_key("")

_PARKED = f"""
SELECT topic, currency, count(*), coalesce(sum(amount_minor), 0)::bigint,
    extract(epoch FROM now() - min(since))::float8
FROM (
    (
        SELECT topic, currency, amount_minor, received_at AS since FROM inbound_messages
        WHERE status = 'parked' ORDER BY id LIMIT {MOST}
    ) UNION ALL (
        SELECT waited.topic, waited.currency, waited.amount_minor, real_time(e.recorded_at)
        FROM events e CROSS JOIN LATERAL (
            SELECT topic, currency, amount_minor, status FROM inbound_messages
            WHERE {
    row_equals(
        "business_key, account_id",
        f"substr(e.event_key, {len(_REJECTED) + 1}), substr(e.originator_id, {len(_STREAM) + 1})",
    )
} AND first_status = 'waiting'
            OFFSET 0
        ) waited
        WHERE e.event_key >= '{_REJECTED}' AND e.event_key < '{_REJECTED[:-1]};'
          AND waited.status = 'waiting'
        LIMIT {MOST}
    )
) parked
GROUP BY topic, currency
"""  # constants of this package
"""With the messages that waited and were then rejected; their rows still say `waiting`."""


class Unsettled(NamedTuple):
    """Messages of a topic without effect, with the same currency.

    Attributes:
        currency: None if a message has no amount, or none that can be read.
        amount_minor: The sum of their amounts in minor units; 0 without a currency.
        oldest_s: The age of the oldest in seconds.
    """

    topic: str
    currency: str | None
    messages: int
    amount_minor: int
    oldest_s: float


def money_in(
    message: ReceivedMessage, outcome: MessageOutcome
) -> tuple[int, str] | tuple[None, None]:
    """Return amount and currency of a message that is parked or waits, if both can be read."""
    if outcome.status not in (MessageStatus.PARKED, MessageStatus.WAITING):
        return None, None
    if message.body is None or keepable(None, (), message.body).withheld:
        return None, None
    body = readable_body(message)
    try:
        amount = _AMOUNT.validate_python(body.get("amount"))
        return amount, _CURRENCY.validate_python(body.get("currency"))
    except ValidationError:
        return None, None


def parked_messages(connection: psycopg.Connection[Any]) -> list[Unsettled]:
    """Count the parked messages, at most 10,000."""
    return [Unsettled(*row) for row in connection.execute(_PARKED, prepare=False)]


def describe_unsettled(found: Sequence[Unsettled]) -> str:
    """Return the number of messages of each topic with their money, as text."""
    by_topic = groupby(sorted(found, key=lambda each: each.topic), lambda each: each.topic)
    texts = []
    for topic, group in by_topic:
        rows = [*group]
        money = ", ".join(
            format_money(each.amount_minor, each.currency) for each in rows if each.currency
        )
        messages = pluralize(sum(each.messages for each in rows), "message")
        texts.append(f"{topic}: {messages}" + (f" with {money}" if money else ""))
    return "; ".join(texts)
