"""Send a payment to the platform, as the payments team does.

    python examples/send_payment.py localhost:9092 pay-1 acc-1 5000 USD

The key is the account id, so that the messages of an account stay in order. Sending a payment
again is safe and changes nothing, for instance after this program was killed.
"""

import json
import sys
from datetime import UTC, datetime
from typing import Any

from confluent_kafka import KafkaError, Message, Producer

TOPIC = "payments.payment-submitted.v1"


def send_payment(producer: Producer, payment: dict[str, Any]) -> None:
    """Send a payment and wait until the brokers have stored it.

    Raises:
        RuntimeError: The payment was not stored, or the outcome is unknown: send it again.
    """
    failures: list[str] = ["no response in time"]

    def delivered(error: KafkaError | None, _: Message) -> None:
        failures[:] = [] if error is None else [error.str()]

    producer.produce(
        TOPIC,
        key=payment["account_id"],
        value=json.dumps(payment),
        headers={"content-type": "application/json"},
        on_delivery=delivered,
    )
    producer.flush(30)
    if failures:
        raise RuntimeError(f"payment {payment['payment_id']}: {failures[0]}; send it again")


if __name__ == "__main__":
    if not sys.argv[5:]:
        sys.exit(__doc__)
    brokers, payment_id, account_id, amount, currency = sys.argv[1:6]
    send_payment(
        Producer({"bootstrap.servers": brokers, "enable.idempotence": True}),
        {
            "payment_id": payment_id,
            "account_id": account_id,
            "amount": int(amount),
            "currency": currency,
            "submitted_at": datetime.now(UTC).isoformat(),
        },
    )
    print(f"sent {payment_id}")
