"""Earlier events of an account, for decisions that need more than the account's state."""

from collections.abc import Iterable

from txplatform.domain.events import Event
from txplatform.domain.keys import authorization_key, late_authorization_key
from txplatform.domain.transaction import Transaction


class TransactionNotReadError(Exception):
    """A decision needs transactions whose events the caller has not read yet.

    The caller reads the events and decides again. Most decisions do not need earlier events.
    """

    def __init__(self, *transaction_ids: str) -> None:
        super().__init__(*transaction_ids)
        self.transaction_ids = transaction_ids


class PriorEvents(dict[str, Event]):  # created for every decision, so it must be cheap
    """The events read so far for one account, by business key.

    Attributes:
        transactions: The values of `indexed_under` whose events were read completely.
    """

    __slots__ = ("_by_index", "transactions")

    def __init__(self) -> None:
        super().__init__()
        self.transactions: set[str] = set()
        self._by_index: dict[str, dict[str, Event]] = {}

    def __setitem__(self, key: str, event: Event) -> None:
        super().__setitem__(key, event)
        if (index := event.indexed_under) is not None:
            self._by_index.setdefault(index, {})[key] = event

    def require(self, transaction_ids: Iterable[str]) -> None:
        """Check that the events of these transactions were read.

        Raises:
            TransactionNotReadError: Some events were not read. The error lists the transactions.
        """
        if missing := [each for each in transaction_ids if each not in self.transactions]:
            raise TransactionNotReadError(*dict.fromkeys(missing))

    def transaction(self, transaction_id: str) -> Transaction:
        """Build a transaction from its events, or from the corrections of a posting without one.

        Args:
            transaction_id: A transaction's id, or a value of `corrections_of`.

        Raises:
            TransactionNotReadError: The transaction's events were not read.
        """
        self.require((transaction_id,))
        events = dict(self._by_index.get(transaction_id, {}))
        for key in (authorization_key(transaction_id), late_authorization_key(transaction_id)):
            if (event := self.get(key)) is not None:
                events[key] = event
        return Transaction.fold(sorted(events.values(), key=lambda event: event.originator_version))
