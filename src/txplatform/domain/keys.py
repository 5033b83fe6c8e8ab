"""Business keys, `<kind>:<business id>`. An account uses each key only once (invariant I3)."""


def authorization_key(transaction_id: str) -> str:
    """Return the key of a purchase; a `TransactionStarted` event uses the same key."""
    return f"authorization:{transaction_id}"


def late_authorization_key(transaction_id: str) -> str:
    """Return the key of a purchase whose clearing or reversal arrived first."""
    return f"late-authorization:{transaction_id}"


def clearing_key(clearing_id: str) -> str:
    """Return the key of a clearing or correction."""
    return f"clearing:{clearing_id}"


def refund_key(refund_id: str) -> str:
    """Return the key of a refund."""
    return f"refund:{refund_id}"


def payment_key(payment_id: str) -> str:
    """Return the key of a payment."""
    return f"payment:{payment_id}"


def payment_return_key(payment_id: str) -> str:
    """Return the key of a payment's return."""
    return f"payment-return:{payment_id}"


def hold_expiry_key(transaction_id: str) -> str:
    """Return the key of a hold's expiry, which happens at most once."""
    return f"hold-expired:{transaction_id}"


def waiting_key(business_key: str) -> str:
    """Return the key under which a message waits; an applied message uses `business_key`."""
    return f"waiting:{business_key}"


def rejected_key(business_key: str) -> str:
    """Return the key of the rejection of a message that waited."""
    return f"rejected:{business_key}"


def opening_key(_account_id: str) -> str:
    """Return the key of an account's opening, of which an account has only one."""
    return "account-opened"


def credit_limit_key(limit_version: int | str) -> str:
    """Return the key of a change of the credit limit."""
    return f"credit-limit:{limit_version}"


def status_version_key(status_version: int | str) -> str:
    """Return the key of a change of the status by the accounts team."""
    return f"status-version:{status_version}"
