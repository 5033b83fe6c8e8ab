"""An account's history: every event, and the account's state after it."""

from collections.abc import Iterator

import psycopg

from txplatform.domain.account import Account
from txplatform.domain.ids import AccountId, account_stream
from txplatform.errors import TxPlatformError
from txplatform.eventstore.log import read_stream
from txplatform.eventstore.statements import LoggedEvent


class UnknownAccountError(TxPlatformError):
    """Raised if the log has no event of this account."""

    def __init__(self, account_id: AccountId) -> None:
        super().__init__(
            f"Account {account_id} is unknown.",
            why="The log has no event of this account.",
            next_step="`txplatform accounts` lists all accounts.",
        )


def account_history(
    connection: psycopg.Connection, account_id: AccountId
) -> Iterator[tuple[LoggedEvent, Account]]:
    """Yield the account's events in order, each with the account's state after the event.

    Every step yields the same `Account` object, updated in place.

    Raises:
        UnknownAccountError: The account has no events.
    """
    account = Account.unopened(account_id)
    while events := read_stream(connection, account_stream(account_id), account.version):
        for logged in events:
            logged.event.mutate(account)
            yield logged, account
    if account.version == 0:
        raise UnknownAccountError(account_id)
