"""What a decision may look up of an account's stream beside the account's state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from txplatform.domain.events import authorization_key, late_authorization_key
from txplatform.domain.transaction import Transaction

if TYPE_CHECKING:
    from txplatform.domain.events import AccountEvent
    from txplatform.domain.ids import TransactionId


class TransactionNotReadError(Exception):
    """A decision needs a transaction's events; read them and decide again.

    No refusal: it tells who runs the decision what to fetch. Most decisions need nothing, so
    nothing is fetched for them.
    """

    def __init__(self, transaction_id: TransactionId) -> None:
        super().__init__(transaction_id)
        self.transaction_id = transaction_id


class Stored(dict[str, "AccountEvent"]):  # one a decision: it has to be cheap
    """Events of one account's stream by business key, as far as they were read.

    Attributes:
        transactions: Those of which every event is here.
    """

    __slots__ = ("transactions",)

    def __init__(self) -> None:
        super().__init__()
        self.transactions: set[TransactionId] = set()

    def transaction(self, transaction_id: TransactionId) -> Transaction:
        """A transaction as its events say.

        Raises:
            TransactionNotReadError: They were not read.
        """
        if transaction_id not in self.transactions:
            raise TransactionNotReadError(transaction_id)
        keys = (authorization_key(transaction_id), late_authorization_key(transaction_id))
        return Transaction.fold(
            sorted(
                (
                    event
                    for key, event in self.items()
                    if key in keys or event.transaction_id == transaction_id
                ),
                key=lambda event: event.originator_version,
            )
        )
