"""`accounts.account-status-changed.v1`: the accounts team froze, closed or released an account."""

from __future__ import annotations

from txplatform.consumers.topic import InboundTopic
from txplatform.contracts.messages import AccountStatusChangedMessage
from txplatform.domain.advices import StatusChange
from txplatform.domain.ids import AccountId


def _to_command(body: AccountStatusChangedMessage) -> StatusChange:
    return StatusChange(
        account_id=AccountId(body.account_id),
        status=body.status,
        status_version=body.status_version,
        reason=body.reason,
        changed_at=body.changed_at,
    )


ACCOUNT_STATUS_CHANGED = InboundTopic(AccountStatusChangedMessage, _to_command)
