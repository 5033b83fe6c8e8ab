"""The read model of the advices that wait: for their account's opening, or for another advice.

It gives their number and the oldest of them, such as a clearing for a mistyped account, without
reading all advices that ever waited.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple, get_args, get_type_hints

import psycopg
from typing_extensions import override

from txplatform.contracts.messages import TOPIC_OF
from txplatform.domain.account import Account
from txplatform.domain.events import EVENT_TYPES, WaitingMessageRejected
from txplatform.domain.events.waiting import WAITING, MessageWaiting, WaitingKind
from txplatform.domain.ids import AccountId, account_stream
from txplatform.domain.keys import rejected_key, waiting_key
from txplatform.eventstore.statements import LoggedEvent, row_equals
from txplatform.inbox.unsettled import MOST, Unsettled
from txplatform.projections.projection import ExpectedRows, Projection


class WaitingAdviceRow(NamedTuple):
    """An advice that waits.

    Attributes:
        account_version: The account's version since which the advice waits.
        recorded_at: When the wait was recorded, by the database's clock, UTC.
    """

    account_id: AccountId
    business_key: str
    account_version: int
    recorded_at: datetime


_BEGINNINGS = tuple(kind.TOPIC for kind in get_args(WaitingKind))
_ENDS = tuple(
    kind.TOPIC
    for kind in EVENT_TYPES
    if kind is WaitingMessageRejected
    or (kind.TOPIC not in _BEGINNINGS and get_type_hints(kind).get(kind.COMMAND) in WAITING)
)
"""The kinds of events that end a wait: the advice's own event, or its rejection."""

_FOLD = f"""
WITH batch AS MATERIALIZED (
    SELECT originator_id, originator_version, event_key, topic, recorded_at
    FROM events
    WHERE position > %s AND position <= %s AND topic IN {_BEGINNINGS + _ENDS}
), ended AS MATERIALIZED (
    SELECT substr(originator_id, {len(account_stream(AccountId(""))) + 1}) AS account_id,
        CASE topic WHEN '{WaitingMessageRejected.TOPIC}'
            THEN substr(event_key, {len(rejected_key("")) + 1}) ELSE event_key
        END AS business_key
    FROM batch WHERE topic IN {_ENDS}
), waits_no_more AS (
    DELETE FROM {{table}} WHERE ctid = ANY (ARRAY(
        SELECT found.ctid FROM ended CROSS JOIN LATERAL (
            SELECT ctid FROM {{table}}
            WHERE {row_equals("account_id, business_key", "ended.account_id, ended.business_key")}
            OFFSET 0
        ) found
    ))
), begun AS (
    SELECT substr(originator_id, {len(account_stream(AccountId(""))) + 1}) AS account_id,
        substr(event_key, {len(waiting_key("")) + 1}) AS business_key,
        originator_version AS account_version, recorded_at
    FROM batch WHERE topic IN {_BEGINNINGS}
)
INSERT INTO {{table}} (account_id, business_key, account_version, recorded_at)
SELECT account_id, business_key, account_version, recorded_at FROM begun
WHERE (account_id, business_key) NOT IN (SELECT account_id, business_key FROM ended)
"""  # constants of this package
"""An advice waits at most once, so an end in the same batch follows the beginning."""

_OLDEST = """
SELECT count(*) OVER (), extract(epoch FROM decision_clock() - recorded_at)::float8,
    account_id, business_key
FROM waiting_advices ORDER BY recorded_at LIMIT 1
"""

_STREAM, _WAITING = account_stream(AccountId("")), waiting_key("")
_COMMANDS = " ".join(
    f"WHEN '{kind.TOPIC}' THEN '{kind.COMMAND}'"
    for kind in get_args(WaitingKind)
    if "amount" in get_type_hints(get_type_hints(kind)[kind.COMMAND])
)
_TOPICS = " ".join(
    f"WHEN '{kind.TOPIC}' THEN '{TOPIC_OF[get_type_hints(kind)[kind.COMMAND]]}'"
    for kind in get_args(WaitingKind)
)
_BY_TOPIC = f"""
SELECT topic, money ->> 'currency', count(*),
    coalesce(sum((money ->> 'amount')::bigint), 0)::bigint,
    extract(epoch FROM decision_clock() - min(recorded_at))::float8
FROM (
    SELECT account_id, business_key, recorded_at FROM waiting_advices
    ORDER BY recorded_at LIMIT {MOST}
) waiting
CROSS JOIN LATERAL (
    SELECT CASE topic {_TOPICS} END AS topic,
        convert_from(state, 'UTF8')::json -> CASE topic {_COMMANDS} END AS money
    FROM events
    WHERE {
    row_equals(
        "event_key, originator_id",
        f"'{_WAITING}' || waiting.business_key, '{_STREAM}' || waiting.account_id",
    )
}
    OFFSET 0
) advice
GROUP BY 1, 2
"""  # constants of this package


class _ExpectedWaitingAdvices(ExpectedRows):
    def __init__(self) -> None:
        self._begun: dict[str, LoggedEvent] = {}

    @override
    def add(self, logged: LoggedEvent) -> None:
        if isinstance(logged.event, MessageWaiting):
            self._begun[logged.event.message.key] = logged

    @override
    def rows(self, account: Account) -> Iterable[WaitingAdviceRow]:
        for key in account.waiting:
            logged = self._begun[key]
            version = logged.event.originator_version
            yield WaitingAdviceRow(account.account_id, key, version, logged.recorded_at)


class WaitingAdvices(Projection):
    """The read model of the advices that wait."""

    name = "waiting-advices"
    table = "waiting_advices"
    row = WaitingAdviceRow
    key = ("account_id", "business_key")
    fold = _FOLD
    totals = (("waiting", "count(t)"),)
    pause_s = 1.0  # few events concern it, and only alarms and reports read it

    @override
    def expected(self) -> ExpectedRows:
        return _ExpectedWaitingAdvices()


WAITING_ADVICES = WaitingAdvices()


class Waiting(NamedTuple):
    """The advices that wait.

    Attributes:
        advices: Their number.
        oldest_s: The age of the oldest in seconds; 0 if none waits.
        account_id: The account of the oldest; empty if none waits.
        business_key: The business key of the oldest; empty if none waits.
    """

    advices: int = 0
    oldest_s: float = 0
    account_id: str = ""
    business_key: str = ""


def waiting_advices(connection: psycopg.Connection) -> Waiting:
    """Return the number of advices that wait, and the oldest, as far as the projector has read."""
    row = connection.execute(_OLDEST).fetchone()
    return Waiting() if row is None else Waiting(*row)


def waiting_by_topic(connection: psycopg.Connection) -> list[Unsettled]:
    """Count the advices that wait, at most 10,000, with their money."""
    return [Unsettled(*row) for row in connection.execute(_BY_TOPIC, prepare=False)]
