"""Send a payment to the platform, as the payments team does.

    python examples/send_payment.py localhost:9092 pay-1 acc-1 5000 USD

The key is the account id, so that the messages of an account stay in order. A payment may be sent
again, for instance after this program was killed: a copy changes nothing.
"""

import sys
from datetime import UTC, datetime

from confluent_kafka import KafkaError, Message, Producer

from txplatform_client.kafka import PaymentSubmitted, build


def send_payment(producer: Producer, payment: PaymentSubmitted) -> None:
    """Send a payment and wait until the brokers have stored it.

    Raises:
        MessageError: A field has a value that the platform would not take.
        RuntimeError: The payment was not stored, or the outcome is unknown: send it again.
    """
    failures: list[str] = ["no response in time"]

    def delivered(error: KafkaError | None, _: Message) -> None:
        failures[:] = [] if error is None else [error.str()]

    record = build(payment, source="/payments")
    producer.produce(**record._asdict(), on_delivery=delivered)
    producer.flush(30)
    if failures:
        raise RuntimeError(f"payment {payment.payment_id}: {failures[0]}; send it again")


if __name__ == "__main__":
    if not sys.argv[5:]:
        sys.exit(__doc__)
    brokers, payment_id, account_id, amount, currency = sys.argv[1:6]
    payment = PaymentSubmitted(
        payment_id=payment_id,
        account_id=account_id,
        amount=int(amount),
        currency=currency,
        submitted_at=datetime.now(UTC),
    )
    send_payment(Producer({"bootstrap.servers": brokers, "enable.idempotence": True}), payment)
    print(f"sent {payment_id}")
