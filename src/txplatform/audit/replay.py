"""Replay one account from its stored events, and check each event against the account."""

from typing import Any, assert_never

from msgspec.structs import replace

from txplatform.audit.differences import Differences
from txplatform.audit.rerun import Decision, Rerun
from txplatform.domain.account import Account
from txplatform.domain.events import (
    AuthorizationApproved,
    AuthorizationDeclined,
    AuthorizationIncremented,
    Event,
    IncrementDeclined,
    TransactionStarted,
)
from txplatform.domain.ids import AccountId, TransactionId, account_stream
from txplatform.domain.money import Balance
from txplatform.domain.transaction import Transaction
from txplatform.errors import TxPlatformError
from txplatform.eventstore.consistent_read import StoredRow
from txplatform.eventstore.mapper import decode_event

_BALANCE = ("credit_limit", "posted", "pending", "available")


class BrokenStreamError(TxPlatformError):
    """Raised if an account's versions have a gap, so that later events cannot be replayed."""

    def __init__(self, account_id: AccountId, expected: int, found: int) -> None:
        super().__init__(
            f"Account {account_id} continues at version {found} instead of {expected}.",
            why="Events were removed, or versions changed.",
            next_step="Restore the log from a backup.",
        )
        self.expected = expected
        self.found = found


class Replay:
    """The replay of one account; `account` is the state after the events applied so far."""

    def __init__(self, account_id: AccountId, rerun: Rerun, differences: Differences) -> None:
        self.account = Account.unopened(account_id)
        self.account_id = account_id
        self._stream = account_stream(account_id)
        self._position = 0
        self._transactions: dict[TransactionId, Transaction] = {}
        self._rerun = rerun
        self._differences = differences

    def read(self, row: StoredRow) -> Event:
        """Decode the account's next event, and check the row's columns and log position.

        Raises:
            BrokenStreamError: The event's version does not follow the previous one (invariant I7).
            TxPlatformError: This version of txplatform does not know the kind of event.
            ValueError, TypeError, LookupError, AttributeError: The bytes cannot be decoded.
        """
        version = row.originator_version
        if version != self.account.version + 1:
            raise BrokenStreamError(self.account_id, self.account.version + 1, version)
        event = decode_event(self._stream, version, row.topic, row.state)
        for column, stated, stored in (
            ("event_key", event.key, row.event_key),
            ("transaction_id", event.transaction_id, row.transaction_id),
            ("pending_change", event.pending_change, row.pending_change),
            ("posted_change", event.posted_change or None, row.posted_change),
            ("expires_at", event.hold_expires_at, row.expires_at),
        ):
            if stated != stored:
                self._differ(version, column, stated, stored)
        if row.position <= self._position:
            self._differ(version, "log position", f"above {self._position}", row.position)
        self._position = row.position
        return event

    def apply(self, event: Event) -> None:
        """Apply the event, and check its recorded balance and the resulting hold.

        A decision is re-evaluated before it is applied.
        """
        account, version = self.account, event.originator_version
        if isinstance(event, Decision):
            self._rerun.compare(account, event, self._differ)
            self._compare_inputs(event)
        event.mutate(account)
        if hasattr(event, "balance"):
            balance = account.balance if account.opened else None
            self._compare_balance(version, balance, event.balance)
        transaction_id = _transaction_of(event)
        if transaction_id is not None:
            self._compare_hold(transaction_id, event)

    def _compare_inputs(self, event: Decision) -> None:
        match event:
            case AuthorizationApproved():
                self._compare_already_posted(event)
                available = self.account.available + event.already_posted
                if event.purchase.amount > available:
                    self._differ(
                        event.originator_version,
                        "approved amount",
                        f"at most the available {available}",
                        event.purchase.amount,
                    )
            case AuthorizationDeclined():
                self._compare_already_posted(event)
            case AuthorizationIncremented() | IncrementDeclined():
                self._compare_raised(event)
            case _:
                assert_never(event)

    def _compare_already_posted(self, event: AuthorizationApproved | AuthorizationDeclined) -> None:
        sums = self._transactions.get(event.purchase.transaction_id)
        posted = 0 if sums is None else max(0, sums.posted)
        if event.already_posted != posted:
            self._differ(event.originator_version, "already posted", posted, event.already_posted)

    def _compare_raised(self, event: AuthorizationIncremented | IncrementDeclined) -> None:
        sums = self._transactions.get(event.increment.transaction_id)
        held = self.account.held(event.increment.transaction_id)
        purchase = None if sums is None or not held else sums.purchase
        expected = None if purchase is None else replace(purchase, amount=event.increment.amount)
        if event.purchase != expected:
            self._differ(event.originator_version, "raised purchase", expected, event.purchase)
        raised_from = 0 if sums is None or not held else sums.approved
        if event.raised_from != raised_from:
            self._differ(event.originator_version, "raised from", raised_from, event.raised_from)

    def _compare_hold(self, transaction_id: TransactionId, event: Event) -> None:
        sums = self._transactions.setdefault(transaction_id, Transaction())
        sums.take(event)
        held = self.account.held(transaction_id)
        if held != sums.hold:
            self._differ(event.originator_version, "hold", sums.hold, held)

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


def _transaction_of(event: Event) -> TransactionId | None:
    if isinstance(event, AuthorizationApproved | AuthorizationDeclined):
        return event.purchase.transaction_id
    if isinstance(event, TransactionStarted):
        return event.transaction
    return event.transaction_id
