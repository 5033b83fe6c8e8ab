"""Parts of an event's summary, for people who read an account's history."""

from __future__ import annotations

from collections.abc import Iterable

from txplatform.domain.ids import TransactionId
from txplatform.domain.reasons import Reason
from txplatform.domain.transaction_flags import Flag


def in_brackets(reason: str) -> str:
    """Return a reason behind a summary, if one was given."""
    return f" ({reason})" if reason else ""


def of_transaction(transaction_id: TransactionId | None) -> str:
    """Return the transaction that something belongs to, if it was named."""
    return "" if transaction_id is None else f" of {transaction_id}"


def codes(reasons: Iterable[Reason]) -> str:
    """Return the codes of a decline."""
    return ", ".join(reason.code for reason in reasons)


def flagged(flags: Iterable[Flag]) -> str:
    """Return the flags of something unusual, if there are any."""
    written = ", ".join(flags)
    return f" [{written}]" if written else ""
