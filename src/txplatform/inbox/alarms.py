"""Alarms for parked messages that leave an account free to go on buying.

A freeze or a lower limit must not be forgotten because its message cannot be read. So a parked
change of a limit raises an alarm. A parked change of a status does too, unless the status can be
read and is `active`. The alarm ends when the message is retried or discarded, or when the account
has the same or a higher version.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import psycopg

from txplatform.contracts.cloudevents import EnvelopeError, open_envelope
from txplatform.contracts.messages import AccountStatusChangedMessage, CreditLimitChangedMessage
from txplatform.domain.account import Account
from txplatform.domain.advices import CreditLimitChange, StatusChange
from txplatform.domain.ids import AccountId
from txplatform.domain.status import AccountStatus
from txplatform.eventstore.accounts import Accounts
from txplatform.inbox.message import ReceivedMessage
from txplatform.inbox.reader import StoredMessage, parked_changes
from txplatform.pluralize import pluralize

_VERSIONS = {
    AccountStatusChangedMessage.TOPIC: StatusChange.VERSION,
    CreditLimitChangedMessage.TOPIC: CreditLimitChange.VERSION,
}
"""The field with the version, in the body and in the account, by topic."""

_NAMES = {
    AccountStatusChangedMessage.TOPIC: "parked status change",
    CreditLimitChangedMessage.TOPIC: "parked limit change",
}

_APPLY_WAITED = f"""
UPDATE inbound_messages m
SET status = 'applied', account_version = e.originator_version,
    event_id = convert_from(e.state, 'UTF8')::json ->> 'event_id'
FROM events e
WHERE m.topic = '{CreditLimitChangedMessage.TOPIC}' AND m.status = 'waiting' AND m.reason IS NULL
  AND (e.event_key, e.originator_id) >= (m.business_key, 'account-' || m.account_id)
  AND (e.event_key, e.originator_id) <= (m.business_key, 'account-' || m.account_id)
"""  # the topic is a constant of this package


class Alarm(NamedTuple):
    """A parked message that may leave an account too much freedom.

    Attributes:
        account_id: The account of the message's key; None if the key is no account id.
    """

    message_id: int
    topic: str
    account_id: str | None


def find_alarms(connection: psycopg.Connection[Any]) -> list[Alarm]:
    """Return the parked messages that raise an alarm, oldest first."""
    accounts: dict[str, Account | None] = {}
    found = []
    for message in parked_changes(connection):
        body, account_id = _body_of(message.received), message.summary.account_id
        if _reads_active(body):
            continue
        if account_id is not None and account_id not in accounts:
            accounts[account_id] = _read(connection, AccountId(account_id))
        account = None if account_id is None else accounts[account_id]
        if not _overtaken(message, body, account):
            found.append(Alarm(message.summary.id, message.summary.topic, account_id))
    return found


def apply_waited(connection: psycopg.Connection[Any]) -> None:
    """Mark waiting limit changes as applied if they were, so that they are not read again."""
    connection.execute(_APPLY_WAITED, prepare=False)


def describe_alarms(alarms: Sequence[Alarm]) -> str:
    """Return the alarms as text; empty if there are none."""
    if not alarms:
        return ""
    counts = Counter(alarm.topic for alarm in alarms)
    kinds = " and ".join(pluralize(counts[topic], _NAMES[topic]) for topic in sorted(counts))
    first = alarms[0]
    account = "an unknown account" if first.account_id is None else f"account {first.account_id}"
    return (
        f"{kinds} without effect; the first is message {first.message_id} for {account}."
        " Retry or discard it, or have it sent again in a form that can be read."
    )


def _body_of(message: ReceivedMessage) -> dict[str, Any]:
    try:
        data = open_envelope(message.headers, message.body).data
    except EnvelopeError:
        return {}
    return data if isinstance(data, dict) else {}


def _reads_active(body: dict[str, Any]) -> bool:
    status = body.get("status")
    return isinstance(status, str) and status.strip().lower() == AccountStatus.ACTIVE


def _overtaken(message: StoredMessage, body: dict[str, Any], account: Account | None) -> bool:
    field = _VERSIONS[message.summary.topic]
    version = body.get(field)
    if account is None or not isinstance(version, int) or isinstance(version, bool):
        return False
    return bool(0 < version <= getattr(account, field))


def _read(connection: psycopg.Connection[Any], account_id: AccountId) -> Account | None:
    try:
        return Accounts(connection).account(account_id)
    except psycopg.Error:
        raise
    except Exception:  # noqa: BLE001  # an account that cannot be read ends no alarm
        return None
