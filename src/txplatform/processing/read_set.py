"""The accounts and earlier events that a unit of work has to read."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from txplatform.domain.ids import account_of
from txplatform.domain.keys import authorization_key, late_authorization_key
from txplatform.errors import TxPlatformError
from txplatform.eventstore.query import Query
from txplatform.eventstore.statements import (
    READ_KEYS,
    READ_STREAMS,
    READ_TRANSACTIONS,
    StreamRow,
    column_arrays,
)
from txplatform.processing.pending_command import PendingCommand

RowReader = Callable[[Iterable[StreamRow]], None]


class AccountUnreadableError(TxPlatformError):
    """An account's events cannot be read, so no command for the account can be decided."""

    def __init__(self, stream: str, cause: Exception) -> None:
        super().__init__(
            f"Account {account_of(stream)} cannot be read.",
            why=str(cause) if isinstance(cause, TxPlatformError) else f"{type(cause).__name__}.",
            next_step="Run `txplatform verify` with the newest version.",
        )


class ReadSet:
    """The accounts and events that the next read has to find.

    Attributes:
        streams: The accounts.
        keys: Business keys, each with its stream.
        transactions: Transaction ids, each with its stream.
    """

    __slots__ = ("keys", "streams", "transactions")

    def __init__(self) -> None:
        self.streams: set[str] = set()
        self.keys: set[tuple[str, str]] = set()
        self.transactions: set[tuple[str, str]] = set()

    @property
    def is_empty(self) -> bool:
        """True if nothing has to be read; `transactions` is empty if `keys` is."""
        return not (self.streams or self.keys)

    def look_up(self, pending: PendingCommand) -> None:
        """Look up a command's business keys, and read its account."""
        self.streams.add(pending.stream)
        self.keys.update((pending.stream, key) for key in pending.command.keys)

    def look_up_transactions(self, stream: str, ids: Iterable[str]) -> None:
        """Look up transactions of an account, with their authorizations."""
        for transaction_id in ids:
            self.transactions.add((stream, transaction_id))
            self.keys.add((stream, authorization_key(transaction_id)))
            self.keys.add((stream, late_authorization_key(transaction_id)))

    def queries(self, after: Mapping[str, int], fold: RowReader, add: RowReader) -> Iterator[Query]:
        """Yield the queries.

        Business keys and transactions are looked up after the accounts. If another process appends
        an event in between, the look-up may find an event that the account lacks. The account is
        then stale, so an append to it conflicts.

        Args:
            after: The streams to read, and for each the version after which its events are read.
            fold: Called with the rows of the streams.
            add: Called with the events that were looked up.
        """
        if after:
            yield Query(READ_STREAMS, (list(after), list(after.values())), fold)
        if self.keys:
            yield Query(READ_KEYS, column_arrays(self.keys), add)
        if self.transactions:
            yield Query(READ_TRANSACTIONS, column_arrays(self.transactions), add)
