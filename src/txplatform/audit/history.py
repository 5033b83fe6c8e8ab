"""An account's history: every event and the state of the account after it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import psycopg

from txplatform.domain.account import Account
from txplatform.domain.events import AccountEvent
from txplatform.domain.ids import AccountId, account_stream
from txplatform.domain.money import Balance
from txplatform.errors import TxPlatformError
from txplatform.eventstore.mapper import decode_event

_READ = """
SELECT position, originator_version, topic, state, recorded_at
FROM events
WHERE originator_id = %s AND originator_version > %s
ORDER BY originator_version
LIMIT %s
"""
_READ_EVENTS = 1000


class UnknownAccountError(TxPlatformError):
    """The log holds no event of this account."""

    def __init__(self, account_id: AccountId) -> None:
        super().__init__(
            f"Account {account_id} is unknown.",
            why="The log holds no event of it.",
            next_step="`txplatform accounts` lists those there are.",
        )


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """An event and what the account was after it.

    Attributes:
        position: The event's place in the log.
        recorded_at: The database's time at the insert, UTC.
        currency: None until the account is opened.
        balance: The money after it, minor units.
        limit_version: The version of the limit in force.
        waiting: Business keys of the messages that wait for what they need.
    """

    event: AccountEvent
    position: int
    recorded_at: datetime
    currency: str | None
    balance: Balance
    limit_version: int
    waiting: tuple[str, ...]


def account_history(
    connection: psycopg.Connection, account_id: AccountId
) -> Iterator[HistoryEntry]:
    """The account's events in order, replayed from the first one.

    Raises:
        UnknownAccountError: It has none.
    """
    stream = account_stream(account_id)
    account = Account.unopened(account_id)
    with connection.cursor(binary=True) as cursor:
        while rows := cursor.execute(_READ, (stream, account.version, _READ_EVENTS)).fetchall():
            for position, version, topic, state, recorded_at in rows:
                event = decode_event(stream, version, topic, state)
                event.mutate(account)
                yield HistoryEntry(
                    event,
                    position,
                    recorded_at,
                    account.currency,
                    account.balance,
                    account.limit_version,
                    tuple(account.waiting),
                )
    if account.version == 0:
        raise UnknownAccountError(account_id)
