"""`accounts.credit-limit-changed.v1`: the accounts team changed an account's credit limit."""

from __future__ import annotations

from txplatform.consumers.topic import InboundTopic
from txplatform.contracts.messages import CreditLimitChangedMessage
from txplatform.domain.advices import LimitChange
from txplatform.domain.ids import AccountId


def _to_command(body: CreditLimitChangedMessage) -> LimitChange:
    return LimitChange(
        account_id=AccountId(body.account_id),
        credit_limit=body.credit_limit,
        currency=body.currency,
        limit_version=body.limit_version,
        effective_at=body.effective_at,
    )


CREDIT_LIMIT_CHANGED = InboundTopic(CreditLimitChangedMessage, _to_command)
