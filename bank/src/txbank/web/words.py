"""The words that people see for states, reasons and products."""

WORDS: dict[str, str] = {
    # States of a transaction.
    "held": "Pending",
    "cleared": "Booked",
    "declined": "Declined",
    "approved": "Approved",
    "reversed": "Cancelled",
    "expired": "Expired",
    "unauthorized": "Booked",
    "unknown": "In progress",
    # States of a payment. Templates name a held one, since `held` is also a transaction's state.
    "accepted": "Accepted",
    "refused": "Refused",
    "returned": "Bounced",
    # Why a payment is held or refused.
    "amount_too_high": "Above the highest amount we take",
    "too_many_returns": "Too many payments have bounced",
    "account_unknown": "The account is not known to payments yet",
    "amount_high": "A large amount, which we check",
    "earlier_return": "An earlier payment bounced",
    "account_new": "The account is new",
    "balance_unknown": "We could not check the balance",
    "more_than_owed": "More than is owed",
    # Statuses of an account, and why it is frozen.
    "active": "Active",
    "frozen": "Frozen",
    "closed": "Closed",
    "lost": "Lost",
    "stolen": "Stolen",
    "suspected_fraud": "Suspected fraud",
    # Products.
    "classic": "Classic card",
    "standard": "Standard card",
    "gold": "Gold card",
    "business": "Business card",
    # Why a bank returns a payment (ISO 20022).
    "AC04": "The payer's account is closed",
    "AM04": "The payer's account had too little money",
    "MD07": "The payer has died",
    "MS03": "The payer's bank gave no reason",
}
