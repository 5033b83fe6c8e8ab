"""Approve a purchase and hold its amount, or decline it with all reasons."""

import hashlib
from itertools import product

from txplatform.domain.account import Account, DecisionContext
from txplatform.domain.commands.outcome import (
    Outcome,
    OutcomeStatus,
    RefusalReason,
    describing_differences,
)
from txplatform.domain.commands.prior_events import PriorEvents
from txplatform.domain.events import (
    AuthorizationApproved,
    AuthorizationDeclined,
    TransactionStarted,
)
from txplatform.domain.requests import Purchase
from txplatform.domain.rules import Case
from txplatform.domain.transaction import Transaction

_THREE_DIGITS = tuple(map("".join, product("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", repeat=3)))
"""The numbers of 15 bits in base 32; much faster than `base64`, which is written in Python."""

_NOT_BEGUN = Transaction()


def authorize(
    purchase: Purchase, account: Account, prior: PriorEvents, context: DecisionContext
) -> Outcome:
    """Approve or decline a purchase. A copy of an earlier request gets the earlier decision.

    If a clearing or reversal arrived before the purchase, only the remaining amount is held, and
    the credit check does not count the posted amount twice (docs/contracts.md).

    Raises:
        CommandRejectedError: The transaction id was used for another purchase.
        TransactionNotReadError: The transaction has earlier events, which must be read first.
    """
    transaction, late = _NOT_BEGUN, False
    for key in purchase.keys if prior else ():
        first = prior.get(key)
        if isinstance(first, TransactionStarted):
            transaction, late = prior.transaction(purchase.transaction_id), True
        elif first is not None:
            assert first.command is not None  # only a decision has this key
            differing = describing_differences(
                purchase, first.command, RefusalReason.TRANSACTION_ID_REUSED
            )
            return Outcome(OutcomeStatus.DUPLICATE, first, differing)
    if purchase.transaction_id in account.holds:
        # Already decided. The append would detect this too, but a conflict evicts the account from
        # the cache, and the account would be reloaded with all its holds.
        prior.require((purchase.transaction_id,))
    already_posted = max(0, transaction.posted) if late else 0
    ruleset = context.ruleset
    judgement = ruleset.judge(
        Case(account, purchase, context.now, already_posted), account.controls
    )
    if judgement.reasons:
        return Outcome(
            OutcomeStatus.APPLIED,
            account.record(
                AuthorizationDeclined,
                context,
                purchase=purchase,
                reasons=judgement.reasons,
                balance=account.balance if account.opened else None,
                ruleset=ruleset.id,
                observed=judgement.observed,
                already_posted=already_posted,
                late=late,
            ),
        )
    hold = transaction.hold_of(purchase.amount) if late else purchase.amount
    return Outcome(
        OutcomeStatus.APPLIED,
        account.record(
            AuthorizationApproved,
            context,
            purchase=purchase,
            authorization_code=authorization_code_of(purchase),
            balance=account.balance_after(pending=hold),
            ruleset=ruleset.id,
            observed=judgement.observed,
            hold=hold if late else None,
            expires_at=(
                ruleset.hold_days.end(purchase.merchant.category_code, context.now)
                if hold
                else None
            ),
            already_posted=already_posted,
            late=late,
        ),
    )


def authorization_code_of(purchase: Purchase) -> str:
    """Derive the code from the account and transaction, so that a replay gives the same code.

    The code has six characters (ISO 8583:1987 field 38) in base 32 (RFC 4648), which does not use
    the digits 0 and 1, since they are easily mistaken for letters.
    """
    digest = hashlib.blake2b(
        f"{purchase.account_id}\x00{purchase.transaction_id}".encode(), digest_size=5
    ).digest()
    number = int.from_bytes(digest) >> 10  # the first 30 of 40 bits
    return _THREE_DIGITS[number >> 15] + _THREE_DIGITS[number & 0x7FFF]
