"""`payments.payment-submitted.v1`: a cardholder paid."""

from __future__ import annotations

from txplatform.consumers.topic import InboundTopic
from txplatform.contracts.messages import PaymentSubmittedMessage
from txplatform.domain.advices import Payment
from txplatform.domain.ids import AccountId, PaymentId


def _to_command(body: PaymentSubmittedMessage) -> Payment:
    return Payment(
        payment_id=PaymentId(body.payment_id),
        account_id=AccountId(body.account_id),
        amount=body.amount,
        currency=body.currency,
        submitted_at=body.submitted_at,
    )


PAYMENT_SUBMITTED = InboundTopic(PaymentSubmittedMessage, _to_command)
