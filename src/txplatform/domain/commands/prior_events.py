"""Earlier events of an account's stream that a decision looks up beside the account's state."""

from __future__ import annotations

from collections.abc import Iterable

from txplatform.domain.events import Event
from txplatform.domain.ids import TransactionId
from txplatform.domain.keys import authorization_key, late_authorization_key
from txplatform.domain.transaction import Transaction


class TransactionNotReadError(Exception):
    """A decision needs transactions' events; read them and decide again.

    It is no refusal: it names what the caller has to fetch. Most decisions need nothing, so
    nothing is fetched for them.
    """

    def __init__(self, *transaction_ids: TransactionId) -> None:
        super().__init__(*transaction_ids)
        self.transaction_ids = transaction_ids


class PriorEvents(dict[str, Event]):  # one a decision: it has to be cheap
    """Events of one account's stream by business key, as far as they were read.

    Attributes:
        transactions: Those of which every event is here.
    """

    __slots__ = ("_by_transaction", "transactions")

    def __init__(self) -> None:
        super().__init__()
        self.transactions: set[TransactionId] = set()
        self._by_transaction: dict[TransactionId, dict[str, Event]] = {}

    def __setitem__(self, key: str, event: Event) -> None:
        super().__setitem__(key, event)
        if (transaction_id := event.transaction_id) is not None:
            self._by_transaction.setdefault(transaction_id, {})[key] = event

    def require(self, transaction_ids: Iterable[TransactionId]) -> None:
        """See that every event of these is here: all of them are fetched at once.

        Raises:
            TransactionNotReadError: Some were not read.
        """
        if missing := [each for each in transaction_ids if each not in self.transactions]:
            raise TransactionNotReadError(*dict.fromkeys(missing))

    def transaction(self, transaction_id: TransactionId) -> Transaction:
        """A transaction as its events say.

        Raises:
            TransactionNotReadError: They were not read.
        """
        self.require((transaction_id,))
        events = dict(self._by_transaction.get(transaction_id, {}))
        for key in (authorization_key(transaction_id), late_authorization_key(transaction_id)):
            if (event := self.get(key)) is not None:
                events[key] = event
        return Transaction.fold(sorted(events.values(), key=lambda event: event.originator_version))
