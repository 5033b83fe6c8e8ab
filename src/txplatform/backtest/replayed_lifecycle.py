"""Replay the events that follow the candidate rule set's decisions on one account's purchases.

A clearing or reversal releases the counterfactual hold, the hold that the candidate's decision
created. This hold may differ from the recorded hold. If the candidate declines an approved
purchase, the purchase is undone: its later increments, clearings, reversals, refunds, corrections
and expiry are dropped. A purchase that was cleared before its authorization arrived is not undone:
if the candidate declines the purchase, nothing is held, but the clearings stay posted.
"""

from datetime import datetime
from heapq import heappop, heappush
from typing import assert_never

from msgspec.structs import replace

from txplatform.backtest.recorded import RecordedDecision
from txplatform.backtest.tally import Tally
from txplatform.domain.account import Account, DecisionContext
from txplatform.domain.cause import CommandOrigin
from txplatform.domain.commands.increment_authorization import can_be_raised, decide_increment
from txplatform.domain.events import (
    AccountLevelEvent,
    AuthorizationApproved,
    AuthorizationDeclined,
    AuthorizationIncremented,
    AuthorizationReversed,
    ClearingCorrected,
    Event,
    HoldExpired,
    IncrementDeclined,
    PurchaseCleared,
    PurchaseRefunded,
    TransactionStarted,
)
from txplatform.domain.ids import TransactionId
from txplatform.domain.requests import Purchase
from txplatform.domain.rulesets import RuleSet
from txplatform.domain.transaction import Transaction


class ReplayedLifecycle:
    """Replays the events that follow the decisions on one account's purchases.

    Attributes:
        ends: A heap of (expiry, transaction id), for expiries computed by the backtest.
    """

    def __init__(self, account: Account, candidate: RuleSet, since: datetime, tally: Tally) -> None:
        self.ends: list[tuple[datetime, TransactionId]] = []
        self._account = account
        self._candidate = candidate
        self._since = since
        self._tally = tally
        self._ending: set[TransactionId] = set()  # every transaction ever added to `ends`
        self._undone: set[TransactionId] = set()
        self._undone_postings: set[str] = set()  # business keys
        self._authorized: dict[TransactionId, tuple[Purchase, int]] = {}  # as `authorized_amount`
        self._early: dict[TransactionId, Transaction] = {}  # advice arrived first

    def approve(self, recorded: RecordedDecision, hold: int, expires_at: datetime | None) -> None:
        """Hold `hold` minor units for a purchase, and count the purchase in velocity windows."""
        purchase = recorded.purchase
        early = self._early.get(purchase.transaction_id) if recorded.late else None
        self.drop_early_events(recorded)
        self._account.hold(purchase.transaction_id, hold, expires_at)
        self._account.activity.add(recorded.timestamp, purchase)
        self._authorized[purchase.transaction_id] = purchase, purchase.amount
        if early is not None:
            self._reduce_authorized(purchase.transaction_id, early.reversed)

    def approve_again(self, recorded: RecordedDecision, expires_at: datetime) -> None:
        """Approve a purchase; `expires_at` is the expiry that the candidate sets.

        A hold recorded without an expiry time never expires.
        """
        transaction_id, amount = recorded.purchase.transaction_id, recorded.purchase.amount
        if recorded.approved:
            hold = recorded.held
            as_recorded = recorded.expires_at is None or recorded.expires_at == expires_at
        else:
            early = self._early.get(transaction_id) if recorded.late else None
            hold, as_recorded = amount if early is None else early.hold_of(amount), False
        self.approve(recorded, hold, recorded.expires_at if as_recorded else expires_at)
        if hold and not as_recorded:
            self._end_at(expires_at, transaction_id)

    def undo(self, recorded: RecordedDecision) -> None:
        """Decline a purchase that was approved in the recorded history."""
        transaction_id = recorded.purchase.transaction_id
        early = self._early.get(transaction_id)
        if early is None or not early.cleared:
            self._undone.add(transaction_id)
        self.drop_early_events(recorded)

    def drop_early_events(self, recorded: RecordedDecision) -> None:
        """If the authorization is late, forget the clearings and reversals that arrived first."""
        if recorded.late:
            self._early.pop(recorded.purchase.transaction_id, None)

    def end_holds(self, now: datetime) -> None:
        """Release the holds in `ends` that expire at or before `now`."""
        while self.ends and self.ends[0][0] <= now:
            expired = heappop(self.ends)[1]
            if self._account.is_due(expired, now):  # otherwise an increment has extended the hold
                self._release(expired, None)

    def replay(self, event: Event) -> None:  # noqa: C901, PLR0912  # one case a kind of event
        """Apply an event other than an authorization; drop it if the purchase was undone."""
        if self.ends:
            self.end_holds(event.timestamp)
        match event:
            case AuthorizationIncremented() | IncrementDeclined():
                self._increment(event)
            case AuthorizationReversed(reversal=reversal):
                self._collect_early(event)
                if reversal.transaction_id not in self._undone:
                    self._release(reversal.transaction_id, reversal.amount)
                    self._reduce_authorized(reversal.transaction_id, reversal.amount or 0)
            case HoldExpired(transaction=transaction):
                if transaction not in self._undone and transaction not in self._ending:
                    self._release(transaction, None)
            case PurchaseCleared():
                self._collect_early(event)
                self._clear(event)
            case PurchaseRefunded(refund=refund):
                if refund.transaction_id in self._undone:
                    self._drop_posting(event.key, refund.currency, -refund.amount)
                else:
                    event.apply(self._account)
            case ClearingCorrected():
                self._correct(event)
            case TransactionStarted(transaction=transaction):
                self._early[transaction] = Transaction(claimed=True)
            case AuthorizationApproved() | AuthorizationDeclined():
                raise TypeError("The candidate decides authorizations; they are not replayed.")
            case _:
                if not isinstance(event, AccountLevelEvent):
                    assert_never(event)
                event.apply(self._account)

    def _increment(self, event: AuthorizationIncremented | IncrementDeclined) -> None:
        increment, account = event.increment, self._account
        transaction_id = increment.transaction_id
        was_approved = isinstance(event, AuthorizationIncremented)
        if event.timestamp < self._since:
            if was_approved and transaction_id in account.holds:
                event.apply(account)
                self._reduce_authorized(transaction_id, -increment.amount)
            return
        if transaction_id in self._undone:
            return
        event_id = event.event_id
        origin = CommandOrigin(event.caused_by, event.traceparent)
        context = DecisionContext(event.timestamp, lambda: event_id, origin, self._candidate)
        asked, raised_from = None, 0
        if can_be_raised(account, increment, event.timestamp):
            purchase, raised_from = self._authorized[transaction_id]
            asked = replace(purchase, amount=increment.amount)
        outcome = decide_increment(account, increment, asked, raised_from, context)
        account.collect_events()
        approved = isinstance(outcome.event, AuthorizationIncremented)
        if approved:
            self._reduce_authorized(transaction_id, -increment.amount)
        if approved is not was_approved:
            self._tally.count_increment(account.currency or "", increment.amount, approved=approved)
        if (approved or was_approved) and transaction_id in account.holds:
            expires_at = account.holds[transaction_id][1]
            as_recorded = (
                was_approved
                and transaction_id not in self._ending
                and expires_at == event.hold_expires_at
            )
            if expires_at is not None and not as_recorded:
                self._end_at(expires_at, transaction_id)

    def _reduce_authorized(self, transaction_id: TransactionId, amount: int) -> None:
        if transaction_id in self._authorized:
            purchase, authorized = self._authorized[transaction_id]
            self._authorized[transaction_id] = purchase, max(0, authorized - amount)

    def _clear(self, event: PurchaseCleared) -> None:
        clearing, transaction_id = event.clearing, event.clearing.transaction_id
        if transaction_id in self._undone:
            self._drop_posting(event.key, clearing.currency, clearing.amount)
            return
        self._account.posted += clearing.amount
        self._account.waiting.pop(event.key, None)
        if transaction_id is not None:
            self._release(transaction_id, None if clearing.final else clearing.amount)

    def _correct(self, event: ClearingCorrected) -> None:
        correction = event.correction
        if correction.original_key in self._undone_postings:
            self._drop_posting(event.key, correction.currency, correction.posted_change)
        else:
            event.apply(self._account)

    def _drop_posting(self, key: str, currency: str, amount: int) -> None:
        self._undone_postings.add(key)
        self._tally.count_not_posted(currency, amount)

    def _release(self, transaction_id: TransactionId, amount: int | None) -> None:
        """Release up to `amount` of the counterfactual hold; None releases the whole hold."""
        held = self._account.held(transaction_id)
        self._account.release(transaction_id, held if amount is None else min(held, amount))

    def _collect_early(self, event: Event) -> None:
        early = self._early.get(event.transaction_id) if event.transaction_id else None
        if early is not None:
            early.take(event)

    def _end_at(self, expires_at: datetime, transaction_id: TransactionId) -> None:
        self._ending.add(transaction_id)
        heappush(self.ends, (expires_at, transaction_id))
