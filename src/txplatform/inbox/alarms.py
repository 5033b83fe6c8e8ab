"""Alarms for parked messages that leave an account free to go on buying.

A freeze or a lower limit must not be forgotten because its message cannot be read. So a parked
change of a limit raises an alarm. A parked change of a status does too, unless the status can be
read and is `active`. The alarm ends when the message is retried or discarded, or when a message of
that topic and account with the same or a higher version is applied. The same version does not end
the alarm of a conflicting copy, since that version was applied with other fields.

The inbox row has the version that ends the alarm, since the contents may be withheld or dropped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import psycopg

from txplatform.contracts.inbound_messages import MessageStatus
from txplatform.contracts.messages import AccountStatusChangedMessage, CreditLimitChangedMessage
from txplatform.domain.commands.outcome import RefusalReason
from txplatform.domain.ids import AccountId, account_stream
from txplatform.domain.keys import credit_limit_key, rejected_key
from txplatform.domain.status import AccountStatus
from txplatform.eventstore.statements import row_equals
from txplatform.inbox.message import MessageOutcome, ReceivedMessage, readable_body
from txplatform.pluralize import pluralize

_NAMES = {
    AccountStatusChangedMessage.TOPIC: "parked status change",
    CreditLimitChangedMessage.TOPIC: "parked limit change",
}
CHANGES = (*_NAMES,)
"""The topics whose parked messages may leave an account too much freedom."""

UNTIL_SETTLED = 2**53
"""Above every version: only an operator ends the alarm."""

_NAMED = 3
"""The most messages of a topic that are named."""

_MOST = 10_000
"""The most parked messages that one query examines, so that it is short."""

_ENDED = 1_000
"""The most alarms that one statement ends, so that it is within the time limit on a slow server."""

_TIME_LIMIT = "SET LOCAL statement_timeout = '1s'"

_PARKED = f"""
(
    SELECT id, topic, account_id, alarms_until, reason FROM inbound_messages
    WHERE alarms_until IS NOT NULL AND status = 'parked' ORDER BY id LIMIT {_MOST}
)
"""

_STREAM = account_stream(AccountId(""))
_REJECTED_LIMIT = rejected_key(credit_limit_key(""))
_KEY_OF_REJECTED = f"substr(e.event_key, {len(rejected_key('')) + 1})"
_ACCOUNT_OF_REJECTED = f"substr(e.originator_id, {len(_STREAM) + 1})"

_REJECTED = f"""
SELECT waited.id, waited.topic, account_id, alarms_until, reason
FROM events e CROSS JOIN LATERAL (
    SELECT id, topic, account_id, alarms_until, reason, status
    FROM inbound_messages
    WHERE {row_equals("business_key, account_id", f"{_KEY_OF_REJECTED}, {_ACCOUNT_OF_REJECTED}")}
      AND first_status = 'waiting'
    OFFSET 0
) waited
WHERE e.event_key >= '{_REJECTED_LIMIT}' AND e.event_key < '{_REJECTED_LIMIT[:-1]};'
  AND waited.status = 'waiting' AND alarms_until IS NOT NULL
"""  # constants of this package
"""The limit changes that waited and were then rejected; their rows still say `waiting`."""

_OVERTAKEN = f"""
EXISTS (
    SELECT FROM inbound_messages newer
    WHERE (newer.topic, newer.account_id, newer.change_version) >= (m.topic, m.account_id,
        m.alarms_until + (m.reason IS NOT DISTINCT FROM '{RefusalReason.CONFLICTING_COPY}')::int)
      AND (newer.topic, newer.account_id, newer.change_version)
        <= (m.topic, m.account_id, {UNTIL_SETTLED})
      AND newer.change_version IS NOT NULL
      AND newer.status IN ('applied', 'waiting')
      AND (newer.status = 'applied' OR EXISTS (
        SELECT FROM events WHERE {
    row_equals("event_key, originator_id", f"newer.business_key, '{_STREAM}' || newer.account_id")
}
      ))
    OFFSET 0
)
"""  # constants of this package
"""SQL condition that a newer change than `m` is applied, perhaps after it waited."""

_ALARMS = f"""
SELECT id, topic, account_id, of_topic FROM (
    SELECT m.id, m.topic, m.account_id, count(*) OVER (PARTITION BY m.topic) AS of_topic,
        row_number() OVER (PARTITION BY m.topic ORDER BY m.id) AS nth
    FROM ({_PARKED} UNION ALL {_REJECTED}) m
    WHERE NOT {_OVERTAKEN}
) alarms
WHERE nth <= {_NAMED} ORDER BY id
"""

_END_OVERTAKEN = f"""
UPDATE inbound_messages SET alarms_until = NULL
FROM (SELECT m.id FROM {_PARKED} m WHERE {_OVERTAKEN} LIMIT {_ENDED}) overtaken
WHERE inbound_messages.id = overtaken.id
"""


class Alarm(NamedTuple):
    """A parked message that may leave an account too much freedom.

    Attributes:
        account_id: The account of the message's row; None if it is unknown.
        of_topic: The number of messages of this topic that raise an alarm.
    """

    message_id: int
    topic: str
    account_id: str | None
    of_topic: int


@dataclass(frozen=True, slots=True)
class Alarms:
    """The result of looking for alarms.

    Attributes:
        first: The first few messages of each topic that raise an alarm, oldest first.
        fault: Why they could not be looked up; empty if they could.
    """

    first: Sequence[Alarm] = ()
    fault: str = ""

    @property
    def counts(self) -> Mapping[str, int]:
        """The number of messages that raise an alarm, by topic; at most 10,000 are looked at."""
        return {alarm.topic: alarm.of_topic for alarm in self.first}

    def followed_by(self, newer: "Alarms") -> "Alarms":
        """Return the newer result; if it has a fault, with the alarms that were known before."""
        return replace(self, fault=newer.fault) if newer.fault else newer


def alarms_until(message: ReceivedMessage, outcome: MessageOutcome) -> int | None:
    """Return the version of a change that ends the alarm of a message, once it is applied.

    None if the message raises no alarm. A message that waits raises one if it is then rejected.
    """
    unsettled = outcome.status in (MessageStatus.PARKED, MessageStatus.WAITING)
    if message.topic not in CHANGES or not unsettled:
        return None
    body = readable_body(message)
    if message.topic == AccountStatusChangedMessage.TOPIC and _reads_active(body):
        return None
    account_id = body.get("account_id")
    if outcome.business_key is None or not isinstance(account_id, str):
        return UNTIL_SETTLED
    if account_id.strip(" ") != outcome.account_id:
        return UNTIL_SETTLED  # key and body name two accounts, so no version is certainly newer
    return int(outcome.business_key.partition(":")[2])


def find_alarms(connection: psycopg.Connection[Any]) -> Alarms:
    """Find alarms, with a time limit. If the query fails, the result has the fault.

    Raises:
        psycopg.Error: The connection is lost.
    """
    try:
        with connection.transaction():
            connection.execute(_TIME_LIMIT)
            rows = connection.execute(_ALARMS, prepare=False).fetchall()
    except psycopg.Error as error:
        return _fault(connection, error)
    return Alarms([Alarm(*row) for row in rows])


def end_overtaken(connection: psycopg.Connection[Any]) -> Alarms:
    """End the first alarms that a newer version has overtaken, then look for the others.

    Raises:
        psycopg.Error: The connection is lost.
    """
    try:
        with connection.transaction():
            connection.execute(_TIME_LIMIT)
            connection.execute(_END_OVERTAKEN, prepare=False)
    except psycopg.Error as error:
        return _fault(connection, error)
    return find_alarms(connection)


def describe_alarms(alarms: Alarms) -> str:
    """Return the alarms as text; empty if there are none."""
    found = []
    if alarms.first:
        counts = alarms.counts
        kinds = " and ".join(pluralize(counts[topic], _NAMES[topic]) for topic in sorted(counts))
        named = ", ".join(
            f"message {alarm.message_id} for "
            + ("an unknown account" if alarm.account_id is None else f"account {alarm.account_id}")
            for alarm in alarms.first
        )
        least = "At least " if sum(counts.values()) >= _MOST else ""
        found.append(
            f"{least}{kinds} without effect, the first of them: {named}. Retry or discard them, or"
            " have them sent again in a form that can be read."
        )
    if alarms.fault:
        found.append(
            f"Parked changes of a status or a limit could not be looked up: {alarms.fault}."
            " See `txplatform inbound list`."
        )
    return " ".join(found)


def _fault(connection: psycopg.Connection[Any], error: psycopg.Error) -> Alarms:
    if connection.closed:
        raise error
    return Alarms(fault=type(error).__name__)


def _reads_active(body: dict[str, Any]) -> bool:
    status = body.get("status")
    return isinstance(status, str) and status.strip().lower() == AccountStatus.ACTIVE
