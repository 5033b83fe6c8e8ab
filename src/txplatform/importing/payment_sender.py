"""Send payments and returns to Kafka, and read the outcome of each.

The broker returns the partition and offset of each message. Once the consumer has processed a
message, `GET /v1/inbound-messages` has a row with its outcome.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import orjson
from confluent_kafka import KafkaError, Message, Producer

from txplatform.contracts.inbound_messages import MessageStatus
from txplatform.errors import TxPlatformError
from txplatform.importing.records import FileRecord, RecordOutcome, Result
from txplatform_client import Client, InboundMessage

_WINDOW = 500
"""The number of messages that are sent before their outcomes are read."""

_FLUSH_S = 30.0
_PAUSE_S = 0.2

RESULT_OF_STATUS: dict[str, Result] = {
    MessageStatus.APPLIED: "taken",
    MessageStatus.DUPLICATE: "repeated",
    MessageStatus.WAITING: "waiting",
    MessageStatus.STALE: "ignored",
    MessageStatus.IGNORED: "ignored",
    MessageStatus.PARKED: "refused",
    MessageStatus.DISCARDED: "refused",
}

FIELD_OF_REASON = {
    "currency_mismatch": "currency",
    "balance_out_of_range": "amount",
    "return_differs_from_payment": "amount",
    "other_account": "account_id",
}
"""The field at fault of a parked payment or return, for the reasons that always mean one field."""


class NotDeliveredError(TxPlatformError):
    """Raised if the broker did not confirm a message."""


@dataclass(slots=True)
class _Sent:
    """A message, with its partition and offset once the broker has confirmed it.

    Attributes:
        cursor: The cursor after the pages of the list that do not have the message's row.
        parked: The row of an earlier copy that is parked.
    """

    record: FileRecord
    partition: int | None = None
    offset: int | None = None
    error: str = ""
    cursor: str | None = None
    parked: InboundMessage | None = None

    def delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is None:
            self.partition, self.offset = message.partition(), message.offset()
        else:
            self.error = error.str()


def send_payments(
    producer: Producer,
    api: Client,
    records: Iterable[FileRecord],
    *,
    patience_s: float,
    explain: Callable[[str], str],
) -> Iterator[RecordOutcome]:
    """Send messages, and yield the outcome of each, in order.

    Args:
        producer: An idempotent producer.
        api: The API, with a key that has the scope audit:read.
        records: Payments and returns.
        patience_s: The longest time without an outcome.
        explain: Returns the cause that the producer reported, or else the words given.

    Raises:
        NotDeliveredError: The broker did not confirm a message.
        TxPlatformClientError: The API refuses the calls, or does not respond in time.
    """
    remaining = iter(records)
    patient_until = time.monotonic() + patience_s
    while window := [_Sent(record) for record in islice(remaining, _WINDOW)]:
        for sent in window:
            _produce(producer, sent)
        producer.flush(_FLUSH_S)
        for sent in window:
            if sent.offset is None:
                raise NotDeliveredError(
                    f"Line {sent.record.line} was not delivered to Kafka:"
                    f" {sent.error or explain('no response in time')}.",
                    next_step="Check the brokers with `txplatform doctor` and import the file"
                    " again; nothing is applied twice.",
                )
            row = None
            while (row := _row_of(api, sent)) is None and time.monotonic() < patient_until:
                time.sleep(_PAUSE_S)
            if row is not None:
                patient_until = time.monotonic() + patience_s
            yield _outcome(sent.record, row)


def _produce(producer: Producer, sent: _Sent) -> None:
    assert sent.record.topic is not None
    producer.produce(
        sent.record.topic,
        orjson.dumps(sent.record.body),
        key=sent.record.body["account_id"],
        headers={"content-type": "application/json"},
        on_delivery=sent.delivered,
    )


def _row_of(api: Client, sent: _Sent) -> InboundMessage | None:
    """Return the message's row in the inbox, or None if there is none yet.

    A copy of a parked message is a duplicate without an event. The parked row is returned instead,
    since it has the reason.
    """
    while True:
        page = api.list_inbound_messages(
            topic=sent.record.topic,
            account_id=sent.record.body["account_id"],
            business_id=sent.record.business_id,
            cursor=sent.cursor,
        ).page()
        for row in page.items:
            if (row.partition, row.offset) == (sent.partition, sent.offset):
                return (sent.parked if row.event_id is None else None) or row
            if MessageStatus(row.status) is MessageStatus.PARKED:
                sent.parked = row
        if not page.items:
            return None
        sent.cursor = page.next_cursor


def _outcome(record: FileRecord, row: InboundMessage | None) -> RecordOutcome:
    if row is None:
        return RecordOutcome(
            record,
            "unknown",
            reason="not_confirmed",
            detail="No outcome yet; check that `txplatform consume` runs, and import again.",
        )
    status = MessageStatus(row.status)
    deferred = status is MessageStatus.WAITING and row.reason is not None
    return RecordOutcome(
        record,
        "unknown" if deferred else RESULT_OF_STATUS[status],
        field=FIELD_OF_REASON.get(row.reason or ""),
        reason=row.reason,
        detail=row.detail,
        flags=tuple(row.flags),
    )
