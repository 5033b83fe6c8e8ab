"""`accounts.account-opened.v1`: the accounts team opened an account."""

from __future__ import annotations

from txplatform.consumers.topic import InboundTopic
from txplatform.contracts.messages import AccountOpenedMessage
from txplatform.domain.ids import AccountId
from txplatform.domain.requests import Opening


def _to_command(body: AccountOpenedMessage) -> Opening:
    return Opening(
        account_id=AccountId(body.account_id),
        currency=body.currency,
        credit_limit=body.credit_limit,
        opened_at=body.opened_at,
    )


ACCOUNT_OPENED = InboundTopic(AccountOpenedMessage, _to_command)
