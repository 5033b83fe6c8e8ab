"""Events in a few words, for people who read an account's history."""

from __future__ import annotations

from collections.abc import Sequence

from txplatform.domain.events import (
    AccountEvent,
    AccountOpened,
    AccountStatusChanged,
    AccountStatusSuperseded,
    AuthorizationApproved,
    AuthorizationDeclined,
    AuthorizationIncremented,
    AuthorizationReversed,
    ClearingCorrected,
    ControlsChanged,
    CreditLimitChanged,
    CreditLimitChangeSuperseded,
    HoldExpired,
    IncrementDeclined,
    MessageWaiting,
    OperatorStatusSet,
    PaymentReceived,
    PaymentReturned,
    PurchaseCleared,
    PurchaseRefunded,
    TransactionStarted,
    WaitingMessageRejected,
)
from txplatform.domain.ids import TransactionId
from txplatform.domain.reasons import Reason
from txplatform.domain.rules.stored import StoredRule
from txplatform.domain.transaction_flags import Flag


def describe(event: AccountEvent) -> str:
    """An event in a few words; one of an account's and its messages', or of a transaction's."""
    return _of_transaction(event) or _of_account(event) or event.TOPIC


def _of_account(event: AccountEvent) -> str | None:  # noqa: C901, PLR0911  # one for each kind
    match event:
        case AccountOpened(opening=opening):
            return f"opened in {opening.currency} with limit {opening.credit_limit}"
        case CreditLimitChanged(change=change):
            return f"limit version {change.limit_version}: {change.credit_limit}"
        case CreditLimitChangeSuperseded(change=change):
            return f"limit version {change.limit_version} came late, no effect"
        case AccountStatusChanged(change=change):
            return f"status version {change.status_version}: {change.status}{_why(change.reason)}"
        case AccountStatusSuperseded(change=change):
            return f"status version {change.status_version}, {change.status}, came late, no effect"
        case OperatorStatusSet(change=change):
            return f"operator's status {change.status_id}: {change.status}{_why(change.reason)}"
        case ControlsChanged(change=change):
            return f"controls {change.controls_id}: {_rules(change.rules)}{_why(change.reason)}"
        case PaymentReceived(payment=payment):
            return f"payment of {payment.amount} {payment.currency}, {payment.payment_id}"
        case PaymentReturned(payment_return=returned):
            return f"payment returned, {returned.amount} {returned.currency}, {returned.payment_id}"
        case MessageWaiting():
            return f"{event.command.key} waits"
        case WaitingMessageRejected():
            return f"{event.business_key} rejected: {event.reason}"
        case _:
            return None


def _of_transaction(event: AccountEvent) -> str | None:  # noqa: C901, PLR0911  # one for each kind
    match event:
        case AuthorizationApproved(purchase=purchase):
            held = "" if event.held == purchase.amount else f", {event.held} of it held"
            return (
                f"approved {purchase.amount} {purchase.currency}, {purchase.transaction_id}{held}"
            )
        case AuthorizationDeclined(purchase=purchase, reasons=reasons):
            return (
                f"declined {purchase.amount} {purchase.currency}, {purchase.transaction_id}:"
                f" {_codes(reasons)}"
            )
        case TransactionStarted(transaction=transaction):
            return f"{transaction} named before it was authorized"
        case AuthorizationIncremented(increment=increment):
            return (
                f"hold of {increment.transaction_id} raised by {increment.amount},"
                f" {increment.increment_id}"
            )
        case IncrementDeclined(increment=increment, reasons=reasons):
            return (
                f"hold of {increment.transaction_id} not raised by {increment.amount},"
                f" {increment.increment_id}: {_codes(reasons)}"
            )
        case AuthorizationReversed(reversal=reversal, released=released):
            part = "" if reversal.amount is None else f" by {reversal.amount}"
            return (
                f"{reversal.transaction_id} reversed{part}, {reversal.reversal_id},"
                f" {released} released"
            )
        case HoldExpired(transaction=transaction, released=released):
            return f"hold of {transaction} expired, {released} released"
        case PurchaseCleared(clearing=clearing, released=released, flags=flags):
            return (
                f"cleared {clearing.amount} {clearing.currency},"
                f" {clearing.clearing_id}{_of(clearing.transaction_id)},"
                f" {released} released{_unusual(flags)}"
            )
        case ClearingCorrected(correction=correction, flags=flags):
            return (
                f"{correction.direction} of {correction.amount} {correction.currency},"
                f" {correction.clearing_id}{_of(correction.transaction_id)}"
                f" corrects {correction.reverses_clearing_id}{_unusual(flags)}"
            )
        case PurchaseRefunded(refund=refund, flags=flags):
            return (
                f"refunded {refund.amount} {refund.currency},"
                f" {refund.refund_id}{_of(refund.transaction_id)}{_unusual(flags)}"
            )
        case _:
            return None


def _why(reason: str) -> str:
    return f" ({reason})" if reason else ""


def _rules(rules: Sequence[StoredRule]) -> str:
    return ", ".join(rule["rule"] for rule in rules) or "none any more"


def _of(transaction_id: TransactionId | None) -> str:
    return "" if transaction_id is None else f" of {transaction_id}"


def _codes(reasons: Sequence[Reason]) -> str:
    return ", ".join(reason.code for reason in reasons)


def _unusual(flags: Sequence[Flag]) -> str:
    return f" [{', '.join(flags)}]" if flags else ""
