"""Tries deferred messages again, as soon as their accounts can be read.

A message is deferred if its account fails: the account's events cannot be read, because they were
altered or a newer version wrote them, or the decision fails because of a defect.

A deferred message whose contents are not stored can never be tried again, so it is parked.
"""

from dataclasses import dataclass

import psycopg

from txplatform.consumers.parked_messages import NotParkedError, retry_message
from txplatform.contracts.inbound_messages import MessageStatus
from txplatform.domain.cause import PartCause
from txplatform.domain.ids import AccountId, account_stream
from txplatform.eventstore.query import run_queries
from txplatform.eventstore.statements import LOCK_LOG
from txplatform.inbox.message import MessageOutcome
from txplatform.inbox.reader import stored_message
from txplatform.inbox.writer import settle
from txplatform.processing.unit_of_work import UnitOfWork

_MOST_ACCOUNTS = 100
_MOST_MESSAGES = 100
"""The most messages of an account to try before the consumer polls again."""

_CONSUMER = PartCause("consumer")
_NOT_STORED = (
    "The account could not be decided on, and the contents to try again are not stored. Have the"
    " message sent again once the account is repaired, then discard this one."
)

_ACCOUNTS = """
SELECT account_id, count(*) FROM inbound_messages
WHERE status = 'waiting' AND reason IS NOT NULL
GROUP BY account_id ORDER BY min(id) LIMIT %s
"""

_WITHOUT_CONTENTS = """
SELECT m.id, m.reason FROM inbound_messages m LEFT JOIN LATERAL (
    SELECT message_id FROM inbound_contents
    WHERE message_id = m.id AND received_at = m.received_at OFFSET 0
) contents ON true
WHERE m.status = 'waiting' AND m.reason IS NOT NULL AND (m.withheld OR message_id IS NULL)
ORDER BY m.account_id, m.id LIMIT %s
"""
"""Only the index of deferred messages has this order."""

_MESSAGES = """
SELECT id FROM inbound_messages
WHERE account_id = %s AND status = 'waiting' AND reason IS NOT NULL ORDER BY id LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class Deferred:
    """The deferred messages that remain.

    Attributes:
        account_id: The account of the oldest one; None if none remain.
        retried: The number of messages that were just retried successfully.
    """

    messages: int = 0
    account_id: str | None = None
    retried: int = 0


def retry_deferred(connection: psycopg.Connection) -> Deferred:
    """Try deferred messages again, account by account."""
    _park_without_contents(connection)
    remaining, oldest, retried = 0, None, 0
    for account_id, messages in connection.execute(_ACCOUNTS, (_MOST_ACCOUNTS,)).fetchall():
        settled = _retry_account(connection, account_id)
        retried += settled
        if settled < messages:
            remaining += messages - settled
            oldest = oldest or account_id
    return Deferred(remaining, oldest, retried)


def _park_without_contents(connection: psycopg.Connection) -> None:
    """Park the deferred messages whose contents were withheld or dropped."""
    for message_id, reason in connection.execute(_WITHOUT_CONTENTS, (_MOST_MESSAGES,)).fetchall():
        outcome = MessageOutcome(MessageStatus.PARKED, reason=reason, detail=_NOT_STORED)
        with connection.transaction():
            connection.execute(LOCK_LOG)
            stored = stored_message(connection, message_id, for_update=True)
            if stored is not None and stored.deferred:
                settle(connection, message_id, outcome, _CONSUMER)


def _retry_account(connection: psycopg.Connection, account_id: AccountId) -> int:
    work, stream = UnitOfWork(), account_stream(account_id)
    work.include_newest(stream)
    run_queries(connection, work.load())
    if stream in work.failed:
        return 0
    settled = 0
    for (message_id,) in connection.execute(_MESSAGES, (account_id, _MOST_MESSAGES)).fetchall():
        try:
            retry_message(connection, message_id, _CONSUMER)
        except NotParkedError:
            pass  # another process has settled it
        except psycopg.Error:
            raise
        except Exception:  # noqa: BLE001, S112  # logged when the message was deferred
            continue
        settled += 1
    return settled
