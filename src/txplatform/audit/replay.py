"""Replays one account from its stored events and holds each event against the account."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from txplatform.audit.differences import Differences
from txplatform.audit.rerun import Decision, Rerun
from txplatform.domain.account import Account
from txplatform.domain.events import (
    AccountEvent,
    AccountOpened,
    AuthorizationApproved,
    AuthorizationDeclined,
    AuthorizationIncremented,
    AuthorizationReversed,
    ClearingCorrected,
    HoldExpired,
    IncrementDeclined,
    PurchaseCleared,
    PurchaseRefunded,
    TransactionStarted,
)
from txplatform.domain.ids import AccountId, TransactionId, account_stream
from txplatform.domain.money import Balance
from txplatform.domain.transaction import Transaction
from txplatform.errors import TxPlatformError
from txplatform.eventstore.mapper import decode_event
from txplatform.eventstore.streams import StoredRow

_BALANCE = ("credit_limit", "posted", "pending", "available")


class BrokenStreamError(TxPlatformError):
    """An account's versions have a gap: what follows it means nothing."""

    def __init__(self, account_id: AccountId, expected: int, found: int) -> None:
        super().__init__(
            f"Account {account_id} goes on at version {found} where {expected} has to come.",
            why="Events were removed, or versions changed.",
            next_step="Restore the log from a backup.",
        )
        self.expected = expected
        self.found = found


class Replay:
    """One account on its way from its first event to its last.

    Attributes:
        account: Its state after the events applied so far.
        opened_at: As in the directory.
        updated_at: When its last event was decided; None before the first.
    """

    def __init__(self, account_id: AccountId, rerun: Rerun, differences: Differences) -> None:
        self.account = Account.unopened(account_id)
        self.account_id = account_id
        self.opened_at: datetime | None = None
        self.updated_at: datetime | None = None
        self._stream = account_stream(account_id)
        self._position = 0
        self._lives: dict[TransactionId, Transaction] = {}
        self._rerun = rerun
        self._differences = differences

    def read(self, row: StoredRow) -> AccountEvent:
        """The next event, checked against its columns and the one before it.

        Raises:
            BrokenStreamError: It does not follow the one before (I7).
            TxPlatformError: It is of a kind that this version does not know.
            ValueError, TypeError, LookupError, AttributeError: Its bytes are no such event.
        """
        version = row.originator_version
        if version != self.account.version + 1:
            raise BrokenStreamError(self.account_id, self.account.version + 1, version)
        event = decode_event(self._stream, version, row.topic, row.state)
        if event.key != row.event_key:
            self._differ(version, "event_key", event.key, row.event_key)
        if event.transaction_id != row.transaction_id:
            self._differ(version, "transaction_id", event.transaction_id, row.transaction_id)
        if row.position <= self._position:
            self._differ(version, "log position", f"above {self._position}", row.position)
        self._position = row.position
        return event

    def apply(self, event: AccountEvent) -> None:
        """Run a decision again, let the event change the account, compare the money it names."""
        account = self.account
        transaction_id = _transaction_of(event)
        if isinstance(event, Decision):
            self._rerun.compare(account, event, self._differ)
            self._compare_inputs(event)
        match event:
            case AuthorizationApproved():
                available = account.available + event.already_posted
                if event.purchase.amount > available:
                    self._differ(
                        event.originator_version,
                        "approved amount",
                        f"at most the available {available}",
                        event.purchase.amount,
                    )
                event.mutate(account)
                self._compare_balance(event.originator_version, account.balance, event.balance)
            case (
                AuthorizationDeclined()
                | AuthorizationIncremented()
                | IncrementDeclined()
                | AuthorizationReversed()
                | HoldExpired()
                | PurchaseCleared()
                | ClearingCorrected()
                | PurchaseRefunded()
            ):
                event.mutate(account)
                balance = account.balance if account.opened else None
                self._compare_balance(event.originator_version, balance, event.balance)
            case _:
                event.mutate(account)
                if isinstance(event, AccountOpened):
                    self.opened_at = event.opening.opened_at or event.timestamp
        self.updated_at = event.timestamp
        if transaction_id is not None:
            self._compare_hold(transaction_id, event)

    def _compare_inputs(self, event: Decision) -> None:
        """What a decision rested on beside the account follows from the transaction's life."""
        match event:
            case AuthorizationApproved() | AuthorizationDeclined():
                self._compare_given_back(event)
            case AuthorizationIncremented() | IncrementDeclined():
                self._compare_raised(event)

    def _compare_given_back(self, event: AuthorizationApproved | AuthorizationDeclined) -> None:
        """The funds check gives back what of a transaction was posted before it was authorized."""
        life = self._lives.get(event.purchase.transaction_id)
        posted = 0 if life is None else max(0, life.posted)
        if event.already_posted != posted:
            self._differ(event.originator_version, "given back", posted, event.already_posted)

    def _compare_raised(self, event: AuthorizationIncremented | IncrementDeclined) -> None:
        """A raise is asked of the purchase that has the hold."""
        life = self._lives.get(event.increment.transaction_id)
        held = self.account.held(event.increment.transaction_id)
        purchase = None if life is None or not held else life.purchase
        expected = None if purchase is None else replace(purchase, amount=event.increment.amount)
        if event.purchase != expected:
            self._differ(event.originator_version, "raised purchase", expected, event.purchase)
        raised_from = 0 if life is None or not held else life.approved
        if event.raised_from != raised_from:
            self._differ(event.originator_version, "raised from", raised_from, event.raised_from)

    def _compare_hold(self, transaction_id: TransactionId, event: AccountEvent) -> None:
        """Check that a transaction's hold is what its own sums leave (docs/contracts.md)."""
        life = self._lives.setdefault(transaction_id, Transaction())
        life.take(event)
        held = self.account.held(transaction_id)
        if held != life.hold:
            self._differ(event.originator_version, "hold", life.hold, held)

    def _compare_balance(
        self, version: int, expected: Balance | None, found: Balance | None
    ) -> None:
        if expected == found:
            return
        if expected is None or found is None:
            self._differ(version, "recorded balance", expected, found)
            return
        for name in _BALANCE:
            if getattr(expected, name) != getattr(found, name):
                self._differ(
                    version, f"recorded {name}", getattr(expected, name), getattr(found, name)
                )

    def _differ(self, version: int, name: str, expected: Any, found: Any) -> None:
        self._differences.add(self.account_id, version, name, expected, found)


def _transaction_of(event: AccountEvent) -> TransactionId | None:
    match event:
        case AuthorizationApproved() | AuthorizationDeclined():
            return event.purchase.transaction_id
        case TransactionStarted():
            return event.transaction
    return event.transaction_id
