"""Sum up the posted amount of each account from all topics that change it, each message once.

    python examples/read_postings.py localhost:9092 postings.db

Messages are delivered at least once. The id of each event is stored in the same transaction as its
effect, so a copy is detected and changes nothing.
"""

import sqlite3
import sys
from contextlib import closing, suppress

from confluent_kafka import Consumer, KafkaException

from txplatform_client.kafka import (
    OpeningApplied,
    PaymentApplied,
    PaymentReturnApplied,
    SeenEvents,
    TransactionCleared,
    TransactionRefunded,
    read,
)

SEEN = SeenEvents("postings", placeholder="?")
POSTINGS = (
    OpeningApplied,
    TransactionCleared,
    TransactionRefunded,
    PaymentApplied,
    PaymentReturnApplied,
)
TABLE = "CREATE TABLE IF NOT EXISTS postings (account_id TEXT PRIMARY KEY, posted INTEGER NOT NULL)"
POST = """
INSERT INTO postings VALUES (?, ?) ON CONFLICT (account_id)
DO UPDATE SET posted = posted + excluded.posted
"""


def read_postings(brokers: str, path: str, group: str = "example", idle_s: float = -1) -> None:
    """Read until no message arrives for `idle_s` seconds; -1 reads forever."""
    consumer = Consumer(
        {
            "bootstrap.servers": brokers,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe([each.TOPIC for each in POSTINGS])
    with closing(consumer), closing(sqlite3.connect(path)) as store:
        store.executescript(SEEN.TABLE)
        store.execute(TABLE)
        while (received := consumer.poll(idle_s)) is not None:
            if (error := received.error()) is not None:
                raise KafkaException(error)
            envelope = read(received.topic(), received.value(), received.headers())
            posting = envelope.message
            assert isinstance(posting, POSTINGS)  # no other topic is subscribed to
            with store:  # one transaction: both or neither
                if SEEN.add(store, envelope.event_id):
                    store.execute(POST, [posting.account_id, posting.posted_change])
            consumer.commit(message=received)  # for a later start; `SEEN` detects copies


if __name__ == "__main__":
    if not sys.argv[2:]:
        sys.exit(__doc__)
    with suppress(KeyboardInterrupt):  # after Ctrl-C, the next run continues
        read_postings(sys.argv[1], sys.argv[2])
