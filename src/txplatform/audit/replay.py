"""Replay one account from its stored events, and check each event against the account."""

from operator import attrgetter
from typing import Any, assert_never

from msgspec.structs import replace

from txplatform.audit.differences import Differences
from txplatform.audit.flags import flags_of
from txplatform.audit.rerun import Decision, Rerun
from txplatform.domain.account import Account
from txplatform.domain.commands.corrections import Original
from txplatform.domain.commands.increment_authorization import can_be_raised
from txplatform.domain.events import (
    AuthorizationApproved,
    AuthorizationDeclined,
    AuthorizationIncremented,
    ClearingCorrected,
    Event,
    IncrementDeclined,
    SettlementEvent,
    TransactionStarted,
    WaitingMessageRejected,
)
from txplatform.domain.events.event import AdviceEvent
from txplatform.domain.ids import AccountId, TransactionId, account_stream
from txplatform.domain.money import Balance
from txplatform.domain.transaction import Transaction
from txplatform.errors import TxPlatformError
from txplatform.eventstore.consistent_read import StoredRow
from txplatform.eventstore.mapper import decode_event

_COLUMNS = ("event_key", "transaction_id", "pending_change", "posted_change", "expires_at")
"""The columns whose values an event states."""

_columns_of = attrgetter(*_COLUMNS)

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
        self._transactions: dict[str, Transaction] = {}
        self._presentments: dict[str, Original] = {}
        self._rerun = rerun
        self._differences = differences

    def read(self, row: StoredRow) -> Event:
        """Decode the account's next event, and check the row's columns, log position and time.

        Raises:
            BrokenStreamError: The event's version does not follow the previous one (invariant I7).
            TxPlatformError: This version of txplatform does not know the kind of event.
            ValueError, TypeError, LookupError, AttributeError: The bytes cannot be decoded.
        """
        version = row.originator_version
        if version != self.account.version + 1:
            raise BrokenStreamError(self.account_id, self.account.version + 1, version)
        event = decode_event(self._stream, version, row.topic, row.state)
        stated = (
            event.key,
            event.indexed_under,
            event.pending_change,
            event.posted_change or None,
            event.hold_expires_at,
        )
        stored = _columns_of(row)
        if stated != stored:
            for column, *values in zip(_COLUMNS, stated, stored, strict=True):
                if values[0] != values[1]:
                    self._differ(version, column, *values)
        if row.position <= self._position:
            self._differ(version, "log position", f"above {self._position}", row.position)
        self._position = row.position
        earlier = self.account.last_event_at
        if earlier is not None and event.timestamp < earlier:
            self._differ(version, "decision time", f"not before {earlier}", event.timestamp)
        return event

    def apply(self, event: Event) -> None:
        """Apply the event, and check its recorded balance and the resulting hold.

        A decision is re-evaluated before it is applied.
        """
        account, version = self.account, event.originator_version
        if isinstance(event, Decision):
            self._rerun.compare(account, event, self._differ)
            self._compare_inputs(event)
        elif isinstance(event, AdviceEvent):
            self._compare_advice(event)
        event.mutate(account)
        if hasattr(event, "balance"):
            balance = account.balance if account.opened else None
            self._compare_balance(version, balance, event.balance)
        index = _index_of(event)
        if index is not None:
            self._compare_hold(index, event)

    def _compare_advice(self, event: AdviceEvent) -> None:
        version, original = event.originator_version, None
        if isinstance(event, ClearingCorrected):
            original = self._presentments.get(event.correction.original_key)
            found = (event.corrected_id, event.corrected_transaction, event.of_refund)
            expected = None if original is None else original[2:]
            if found != expected:
                self._differ(version, "corrected presentment", expected, found)
        if isinstance(event, SettlementEvent):
            self._presentments[event.key] = Original.of(event)
        transaction = self._transactions.get(event.indexed_under or "") or Transaction()
        advice = (
            self.account.waiting.get(event.business_key)
            if isinstance(event, WaitingMessageRejected)
            else event.command
        )
        flags = flags_of(event, advice, transaction, original)
        if event.flags != flags:
            self._differ(version, "flags", flags, event.flags)

    def _compare_inputs(self, event: Decision) -> None:
        match event:
            case AuthorizationApproved():
                self._compare_already_posted(event)
                available = self.account.available + event.already_posted
                # An account verification, of amount 0, needs no credit.
                if event.purchase.amount > max(0, available):
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
        held = can_be_raised(self.account, event.increment, event.timestamp)
        purchase = None if sums is None or not held else sums.purchase
        expected = None if purchase is None else replace(purchase, amount=event.increment.amount)
        if event.purchase != expected:
            self._differ(event.originator_version, "raised purchase", expected, event.purchase)
        raised_from = 0 if sums is None or not held else sums.authorized_amount
        if event.raised_from != raised_from:
            self._differ(event.originator_version, "raised from", raised_from, event.raised_from)

    def _compare_hold(self, index: str, event: Event) -> None:
        sums = self._transactions.setdefault(index, Transaction())
        sums.take(event)
        held = self.account.held(TransactionId(index))
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


def _index_of(event: Event) -> str | None:
    if isinstance(event, AuthorizationApproved | AuthorizationDeclined):
        return event.purchase.transaction_id
    if isinstance(event, TransactionStarted):
        return event.transaction
    return event.indexed_under
