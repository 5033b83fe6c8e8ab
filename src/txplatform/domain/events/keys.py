"""Business keys: `<kind>:<business id>`, the same for ever, one effect each (I3)."""

from __future__ import annotations

from txplatform.domain.values import (
    Clearing,
    Correction,
    LimitChange,
    Opening,
    Payment,
    PaymentReturn,
    Refund,
    WaitingMessage,
)


def opening_key() -> str:
    """An account is opened once."""
    return "account-opened"


def limit_change_key(change: LimitChange) -> str:
    """The business key of a limit change: its limit version."""
    return f"credit-limit:{change.limit_version}"


def status_change_key(status_version: int) -> str:
    """The business key of the accounts team's status: its version."""
    return f"status-version:{status_version}"


def operator_status_key(status_id: str) -> str:
    """The business key of an operator's status."""
    return f"status:{status_id}"


def authorization_key(transaction_id: str) -> str:
    """The business key of a purchase: whatever is first to name a transaction claims it."""
    return f"authorization:{transaction_id}"


def late_authorization_key(transaction_id: str) -> str:
    """The business key of a purchase whose clearing or reversal came before it."""
    return f"late-authorization:{transaction_id}"


def increment_key(increment_id: str) -> str:
    """The business key of a raise of a hold."""
    return f"increment:{increment_id}"


def reversal_key(reversal_id: str) -> str:
    """The business key of a reversal."""
    return f"reversal:{reversal_id}"


def clearing_key(clearing_id: str) -> str:
    """The business key of a clearing, or of what corrects one."""
    return f"clearing:{clearing_id}"


def controls_key(controls_id: str) -> str:
    """The business key of a change of the account's own rules."""
    return f"controls:{controls_id}"


def refund_key(refund_id: str) -> str:
    """The business key of a refund."""
    return f"refund:{refund_id}"


def hold_expiry_key(transaction_id: str) -> str:
    """A hold expires once."""
    return f"hold-expired:{transaction_id}"


def payment_key(payment_id: str) -> str:
    """The business key of a payment."""
    return f"payment:{payment_id}"


def payment_return_key(payment_id: str) -> str:
    """The business key of a payment's return."""
    return f"payment-return:{payment_id}"


def business_key(message: WaitingMessage | Opening) -> str:
    """The business key of a message."""
    match message:
        case Opening():
            return opening_key()
        case Payment():
            return payment_key(message.payment_id)
        case PaymentReturn():
            return payment_return_key(message.payment_id)
        case LimitChange():
            return limit_change_key(message)
        case Clearing() | Correction():
            return clearing_key(message.clearing_id)
        case Refund():
            return refund_key(message.refund_id)
