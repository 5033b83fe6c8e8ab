"""Decide a purchase: approve it and hold its amount, or decline it with every reason."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from txplatform.domain.commands.outcome import CommandRejectedError, Outcome, Status
from txplatform.domain.events import (
    AuthorizationApproved,
    AuthorizationDeclined,
    authorization_key,
)
from txplatform.domain.money import Balance
from txplatform.domain.rules import RULESET, refusals

if TYPE_CHECKING:
    from collections.abc import Mapping

    from txplatform.domain.account import Account, Stamp
    from txplatform.domain.events import AccountEvent
    from txplatform.domain.ids import AccountId
    from txplatform.domain.purchase import Purchase

_CODE_LENGTH = 6
"""ISO 8583:1987 field 38."""


@dataclass(frozen=True, slots=True)
class Authorize:
    """Decide this purchase, once for ever."""

    purchase: Purchase

    @property
    def account_id(self) -> AccountId:
        return self.purchase.account_id

    @property
    def keys(self) -> tuple[str, ...]:
        return (authorization_key(self.purchase.transaction_id),)

    def decide(self, account: Account, stored: Mapping[str, AccountEvent], stamp: Stamp) -> Outcome:
        """Approve or decline; the same purchase again gets the first decision.

        Raises:
            CommandRejectedError: The transaction id was used for another purchase.
        """
        match stored.get(authorization_key(self.purchase.transaction_id)):
            case AuthorizationApproved() | AuthorizationDeclined() as first:
                if first.purchase == self.purchase:
                    return Outcome(Status.DUPLICATE, first)
                raise CommandRejectedError(
                    "transaction_id_reused",
                    f"Transaction {self.purchase.transaction_id} was decided before "
                    "with other contents.",
                    "Use a new transaction_id for a new purchase, or repeat the first one exactly.",
                )
        reasons = refusals(account, self.purchase)
        if reasons:
            return Outcome(
                Status.APPLIED,
                account.record(
                    AuthorizationDeclined,
                    stamp,
                    purchase=self.purchase,
                    reasons=reasons,
                    balance=account.balance if account.opened else None,
                    ruleset=RULESET,
                ),
            )
        pending = account.pending + self.purchase.amount
        return Outcome(
            Status.APPLIED,
            account.record(
                AuthorizationApproved,
                stamp,
                purchase=self.purchase,
                authorization_code=_authorization_code(account, self.purchase),
                balance=Balance(
                    account.credit_limit,
                    account.posted,
                    pending,
                    account.credit_limit - account.posted - pending,
                ),
                ruleset=RULESET,
            ),
        )


def _authorization_code(account: Account, purchase: Purchase) -> str:
    """Six characters that follow from account and transaction, so that a replay agrees.

    Base 32 (RFC 4648) has no digits 0 and 1, which people take for letters.
    """
    digest = hashlib.blake2b(
        f"{account.account_id}\x00{purchase.transaction_id}".encode(), digest_size=5
    ).digest()
    return base64.b32encode(digest)[:_CODE_LENGTH].decode()
