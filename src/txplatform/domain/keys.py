"""Business keys: `<kind>:<business id>`, never changed, one effect each (I3)."""


def authorization_key(transaction_id: str) -> str:
    """The key of a purchase: the first event that names a transaction claims it."""
    return f"authorization:{transaction_id}"


def late_authorization_key(transaction_id: str) -> str:
    """The key of a purchase whose clearing or reversal came before it."""
    return f"late-authorization:{transaction_id}"


def clearing_key(clearing_id: str) -> str:
    """The key of a clearing, or of the correction of one."""
    return f"clearing:{clearing_id}"


def refund_key(refund_id: str) -> str:
    """The key of a refund."""
    return f"refund:{refund_id}"


def payment_key(payment_id: str) -> str:
    """The key of a payment."""
    return f"payment:{payment_id}"


def payment_return_key(payment_id: str) -> str:
    """The key of a payment's return."""
    return f"payment-return:{payment_id}"


def hold_expiry_key(transaction_id: str) -> str:
    """The key of the end of a hold: a hold expires once."""
    return f"hold-expired:{transaction_id}"


def waiting_key(business_key: str) -> str:
    """The key under which a message waits; its own key is still free then."""
    return f"waiting:{business_key}"
