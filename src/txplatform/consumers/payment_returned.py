"""`payments.payment-returned.v1`: the bank took a payment back."""

from __future__ import annotations

from txplatform.consumers.topic import InboundTopic
from txplatform.contracts.messages import PaymentReturnedMessage
from txplatform.domain.advices import PaymentReturn
from txplatform.domain.ids import AccountId, PaymentId


def _to_command(body: PaymentReturnedMessage) -> PaymentReturn:
    return PaymentReturn(
        payment_id=PaymentId(body.payment_id),
        account_id=AccountId(body.account_id),
        amount=body.amount,
        currency=body.currency,
        reason=body.reason,
        returned_at=body.returned_at,
    )


PAYMENT_RETURNED = InboundTopic(PaymentReturnedMessage, _to_command)
