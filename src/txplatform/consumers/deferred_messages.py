"""Tries deferred messages again, as soon as their accounts can be read.

A message is deferred if its account fails: its events cannot be read, because they were altered or
a newer version wrote them, or the decision fails because of a defect.
"""

from dataclasses import dataclass

import psycopg

from txplatform.consumers.parked_messages import NotParkedError, retry_message
from txplatform.domain.ids import AccountId, account_stream
from txplatform.eventstore.query import run_queries
from txplatform.processing.unit_of_work import UnitOfWork

_MOST_ACCOUNTS = 100
_MOST_MESSAGES = 100
"""The most messages of an account to try before the consumer polls again."""

_ACCOUNTS = """
SELECT account_id, count(*) FROM inbound_messages
WHERE status = 'waiting' AND reason IS NOT NULL
GROUP BY account_id ORDER BY min(id) LIMIT %s
"""

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
    remaining, oldest, retried = 0, None, 0
    for account_id, messages in connection.execute(_ACCOUNTS, (_MOST_ACCOUNTS,)).fetchall():
        settled = _retry_account(connection, account_id)
        retried += settled
        if settled < messages:
            remaining += messages - settled
            oldest = oldest or account_id
    return Deferred(remaining, oldest, retried)


def _retry_account(connection: psycopg.Connection, account_id: AccountId) -> int:
    work, stream = UnitOfWork(), account_stream(account_id)
    work.include_newest(stream)
    run_queries(connection, work.load())
    if stream in work.failed:
        return 0
    settled = 0
    for (message_id,) in connection.execute(_MESSAGES, (account_id, _MOST_MESSAGES)).fetchall():
        try:
            retry_message(connection, message_id)
        except NotParkedError:
            pass  # another process has settled it
        except psycopg.Error:
            raise
        except Exception:  # noqa: BLE001, S112  # logged when the message was deferred
            continue
        settled += 1
    return settled
