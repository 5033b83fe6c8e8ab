"""Rules that no rule set can turn off."""

from dataclasses import dataclass
from typing import ClassVar

from txplatform.domain.currencies import format_money
from txplatform.domain.reasons import FREEZE_RESPONSE_CODES, Reason, ReasonCode
from txplatform.domain.rules.case import Case
from txplatform.domain.rules.rule import Rule
from txplatform.domain.status import AccountStatus

_ACTIVE = AccountStatus.ACTIVE
_CODES = {
    AccountStatus.FROZEN: ReasonCode.ACCOUNT_FROZEN,
    AccountStatus.CLOSED: ReasonCode.ACCOUNT_CLOSED,
}


@dataclass(frozen=True, slots=True)
class OpenedAccount:
    """Declines purchases on unopened accounts.

    Response code 14 (no such account), ISO 8583:1987 field 39.
    """

    RULE: ClassVar[str] = "account_opened"

    def observe(self, case: Case, /) -> str:
        return "opened" if case.account.opened else "not_opened"

    def refusal(self, case: Case, observed: str, /) -> Reason | None:
        if observed == "opened":
            return None
        return Reason.of(
            ReasonCode.ACCOUNT_NOT_FOUND,
            f"Account {case.purchase.account_id} has not been opened.",
        )


@dataclass(frozen=True, slots=True)
class UsableAccount:
    """Declines purchases on frozen or closed accounts.

    Response code by the reason of the freeze: 43 (stolen), 41 (lost), 59 (suspected fraud) or 62
    (restricted card), ISO 8583:1987 field 39.
    """

    RULE: ClassVar[str] = "account_status"

    def observe(self, case: Case, /) -> AccountStatus:
        return case.account.status

    def refusal(self, case: Case, observed: AccountStatus, /) -> Reason | None:
        if observed is _ACTIVE:
            return None
        frozen = observed is AccountStatus.FROZEN
        return Reason.of(
            _CODES[observed],
            f"Account {case.purchase.account_id} is {observed.value}.",
            observed=observed.value,
            limit=_ACTIVE.value,
            response_code=(FREEZE_RESPONSE_CODES[case.account.freeze_reason] if frozen else None),
        )


@dataclass(frozen=True, slots=True)
class SameCurrency:
    """Declines purchases in a currency other than the account's.

    Response code 12 (invalid transaction), ISO 8583:1987 field 39.
    """

    RULE: ClassVar[str] = "currency"

    def observe(self, case: Case, /) -> str | None:
        return case.purchase.currency if case.account.opened else None

    def refusal(self, case: Case, observed: str, /) -> Reason | None:
        currency = case.account.currency
        if observed == currency:
            return None
        return Reason.of(
            ReasonCode.CURRENCY_MISMATCH,
            f"The account is held in {currency}, but the purchase is in {observed}.",
            observed=observed,
            limit=currency,
        )


@dataclass(frozen=True, slots=True)
class CreditLimit:
    """Declines purchases that exceed the available credit (invariant I6).

    Response code 51 (insufficient funds), ISO 8583:1987 field 39.
    """

    RULE: ClassVar[str] = "credit_limit"

    def observe(self, case: Case, /) -> int | None:
        """Return the posted balance plus all holds, including this purchase, in minor units.

        Return None for an account verification, which needs no credit, and for a foreign currency,
        which `SameCurrency` declines.
        """
        spent = case.spent
        if not spent:
            return None
        account = case.account
        return account.posted + account.pending + spent - case.already_posted

    def refusal(self, case: Case, observed: int, /) -> Reason | None:
        account = case.account
        if observed <= account.credit_limit:
            return None
        available = account.available + case.already_posted
        currency = case.purchase.currency
        what = "increment of" if case.raised_from else "purchase of"
        return Reason.of(
            ReasonCode.INSUFFICIENT_CREDIT,
            f"The {what} {format_money(case.spent, currency)} exceeds the available credit of "
            f"{format_money(available, currency)}.",
            observed=observed,
            limit=account.credit_limit,
        )


ALWAYS: tuple[Rule, ...] = (OpenedAccount(), UsableAccount(), SameCurrency(), CreditLimit())
