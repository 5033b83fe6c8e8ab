"""The lifecycle of purchases after their decision, in an account's counterfactual history.

A clearing or reversal releases the hold as it is here, which may differ from the recorded one. A
purchase that only the candidate declines is undone: its increments, clearings, reversals, refunds,
corrections and its expiry do not happen. One that was cleared before it was asked for is not
undone: the network's advice came first, and a decline reserves nothing, as in the domain.
"""

from __future__ import annotations

from datetime import datetime
from heapq import heappop, heappush
from typing import assert_never

from msgspec.structs import replace

from txplatform.backtest.recorded import RecordedDecision
from txplatform.backtest.tally import Tally
from txplatform.domain.account import Account, DecisionContext
from txplatform.domain.advices import Correction, Direction
from txplatform.domain.cause import CommandOrigin
from txplatform.domain.commands.increment_authorization import decide_increment
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
from txplatform.domain.requests import Increment, Purchase
from txplatform.domain.rulesets import RuleSet
from txplatform.domain.transaction import Transaction


class ReplayedLifecycle:
    """The lifecycle of one account's purchases after their decisions.

    Attributes:
        ends: A heap of the holds that end by themselves here, at another time than recorded.
    """

    def __init__(self, account: Account, candidate: RuleSet, since: datetime, tally: Tally) -> None:
        self.ends: list[tuple[datetime, TransactionId]] = []
        self._account = account
        self._candidate = candidate
        self._since = since
        self._tally = tally
        self._ending: set[TransactionId] = set()  # those that ever were in `ends`
        self._undone: set[TransactionId] = set()
        self._undone_postings: set[str] = set()  # ids of clearings and refunds
        self._early_corrections: dict[str, list[Correction]] = {}  # by what they take back
        self._authorized: dict[TransactionId, tuple[Purchase, int]] = {}  # with raises
        self._early: dict[TransactionId, Transaction] = {}  # named before they were asked for

    def begin(self, recorded: RecordedDecision, hold: int, expires_at: datetime | None) -> None:
        """Approve a purchase."""
        self.forget(recorded)
        self._account.hold(recorded.transaction_id, hold, expires_at)
        self._account.activity.add(recorded.at, recorded.purchase)
        self._authorized[recorded.transaction_id] = recorded.purchase, recorded.purchase.amount

    def begin_anew(self, recorded: RecordedDecision, expires_at: datetime) -> None:
        """Approve a purchase whose hold ends then; where that is as recorded, as recorded.

        A recorded hold that never ends is of a time when none did: that is no rule set's doing.
        """
        if recorded.approved:
            hold = recorded.hold
            as_recorded = recorded.expires_at is None or recorded.expires_at == expires_at
        else:
            early = self._early.get(recorded.transaction_id) if recorded.late else None
            amount = recorded.purchase.amount
            hold, as_recorded = amount if early is None else early.hold_of(amount), False
        self.begin(recorded, hold, recorded.expires_at if as_recorded else expires_at)
        if hold and not as_recorded:
            self._end_at(expires_at, recorded.transaction_id)

    def undo(self, recorded: RecordedDecision) -> None:
        """Decline a purchase that was approved."""
        early = self._early.get(recorded.transaction_id)
        if early is None or not early.cleared:
            self._undone.add(recorded.transaction_id)
        self.forget(recorded)

    def forget(self, recorded: RecordedDecision) -> None:
        """Drop the events that came before the decision."""
        if recorded.late:
            self._early.pop(recorded.transaction_id, None)

    def end_holds(self, now: datetime) -> None:
        """Release the holds that end by now."""
        while self.ends and self.ends[0][0] <= now:
            _, transaction_id = heappop(self.ends)
            self._account.release(transaction_id, self._account.held(transaction_id))

    def follow(self, event: Event) -> None:  # noqa: C901, PLR0912  # one case a kind of event
        """Apply an event other than an authorization, as far as it happens here."""
        if self.ends:
            self.end_holds(event.timestamp)
        match event:
            case AuthorizationIncremented() | IncrementDeclined():
                self._increment(event)
            case AuthorizationReversed(reversal=reversal):
                self._remember(event)
                if reversal.transaction_id not in self._undone:
                    self._release(reversal.transaction_id, reversal.amount)
            case HoldExpired(transaction=transaction):
                if transaction not in self._undone and transaction not in self._ending:
                    self._release(transaction, None)
            case PurchaseCleared():
                self._remember(event)
                self._clear(event)
            case PurchaseRefunded(refund=refund):
                if refund.transaction_id in self._undone:
                    self._not_posted(refund.refund_id, refund.currency, -refund.amount)
                else:
                    event.apply(self._account)
            case ClearingCorrected():
                self._correct(event)
            case TransactionStarted(transaction=transaction):
                self._early[transaction] = Transaction(claimed=True)
            case AuthorizationApproved() | AuthorizationDeclined():
                raise TypeError("A decision is made anew, not followed.")
            case _:
                if not isinstance(event, AccountLevelEvent):
                    assert_never(event)
                event.apply(self._account)

    def _increment(self, event: AuthorizationIncremented | IncrementDeclined) -> None:
        """Decide an increment anew, by the domain."""
        increment, account = event.increment, self._account
        transaction_id = increment.transaction_id
        was = isinstance(event, AuthorizationIncremented)
        if event.timestamp < self._since:
            if was and transaction_id in account.holds:
                event.apply(account)
                self._raised(increment)
            return
        if transaction_id in self._undone:
            return
        event_id = event.event_id
        origin = CommandOrigin(event.caused_by, event.traceparent)
        context = DecisionContext(event.timestamp, lambda: event_id, origin, self._candidate)
        asked, raised_from = None, 0
        if transaction_id in account.holds:
            purchase, raised_from = self._authorized[transaction_id]
            asked = replace(purchase, amount=increment.amount)
        outcome = decide_increment(account, increment, asked, raised_from, context)
        account.collect_events()
        if now := isinstance(outcome.event, AuthorizationIncremented):
            self._raised(increment)
        if now is not was:
            self._tally.increment(account.currency or "", increment.amount, approved=now)
        if now and not was:
            # As recorded the hold may be used up before its time, and no expiry follow.
            expires_at = account.holds[transaction_id][1]
            if expires_at is not None and transaction_id not in self._ending:
                self._end_at(expires_at, transaction_id)

    def _raised(self, increment: Increment) -> None:
        purchase, authorized = self._authorized[increment.transaction_id]
        self._authorized[increment.transaction_id] = purchase, authorized + increment.amount

    def _clear(self, event: PurchaseCleared) -> None:
        clearing = event.clearing
        clearing_id, transaction_id = clearing.clearing_id, clearing.transaction_id
        if transaction_id in self._undone:
            self._not_posted(clearing_id, clearing.currency, clearing.amount)
            return
        self._account.posted += clearing.amount
        self._account.waiting.pop(event.key, None)
        if transaction_id is not None:
            self._release(transaction_id, None if clearing.final else clearing.amount)

    def _correct(self, event: ClearingCorrected) -> None:
        correction = event.correction
        reversed_id = correction.reverses_clearing_id
        if reversed_id in self._undone_postings or correction.transaction_id in self._undone:
            self._not_posted(correction.clearing_id, correction.currency, _owed(correction))
            return
        event.apply(self._account)
        if event.flags:  # what it takes back is not known yet
            self._early_corrections.setdefault(reversed_id, []).append(correction)

    def _not_posted(self, posting_id: str, currency: str, amount: int) -> None:
        self._undone_postings.add(posting_id)
        self._tally.not_posted(currency, amount)
        for early in self._early_corrections.pop(posting_id, ()):
            self._account.posted -= _owed(early)
            self._not_posted(early.clearing_id, early.currency, _owed(early))

    def _release(self, transaction_id: TransactionId, amount: int | None) -> None:
        """Release this amount of the hold as it is here, or all of it."""
        held = self._account.held(transaction_id)
        self._account.release(transaction_id, held if amount is None else min(held, amount))

    def _remember(self, event: Event) -> None:
        early = self._early.get(event.transaction_id) if event.transaction_id else None
        if early is not None:
            early.take(event)

    def _end_at(self, expires_at: datetime, transaction_id: TransactionId) -> None:
        self._ending.add(transaction_id)
        heappush(self.ends, (expires_at, transaction_id))


def _owed(correction: Correction) -> int:
    """Return the amount by which a correction raises the posted balance, minor units."""
    return correction.amount if correction.direction is Direction.DEBIT else -correction.amount
