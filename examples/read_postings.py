"""Sum up the posted amount of each account from all topics that change it, each message once.

    python examples/read_postings.py localhost:9092 postings.db

`posted_change` is the amount that a message adds to the posted balance.
Messages are delivered at least once and, within a topic, in order for each account. So a message is
a duplicate if its `log_position` is not above the account's last position on the topic.
"""

import json
import sqlite3
import sys
from contextlib import closing, suppress

from confluent_kafka import Consumer, KafkaException

TOPICS = [
    "transactions.account-opened.v1",
    "transactions.transaction-cleared.v1",
    "transactions.transaction-refunded.v1",
    "transactions.payment-applied.v1",
    "transactions.payment-returned.v1",
]
SCHEMA = """
CREATE TABLE IF NOT EXISTS seen (
    topic TEXT, account_id TEXT, log_position INTEGER NOT NULL, PRIMARY KEY (topic, account_id)
);
CREATE TABLE IF NOT EXISTS postings (account_id TEXT PRIMARY KEY, posted INTEGER NOT NULL);
"""
NEWER = """
INSERT INTO seen VALUES (?, ?, ?) ON CONFLICT (topic, account_id)
DO UPDATE SET log_position = excluded.log_position WHERE log_position < excluded.log_position
"""
POST = """
INSERT INTO postings VALUES (:account_id, :posted_change) ON CONFLICT (account_id)
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
    consumer.subscribe(TOPICS)
    with closing(consumer), closing(sqlite3.connect(path)) as store:
        store.executescript(SCHEMA)
        while (message := consumer.poll(idle_s)) is not None:
            if (error := message.error()) is not None:
                raise KafkaException(error)
            position = int(dict(message.headers() or [])["log_position"] or b"")
            body = json.loads(message.value() or b"")
            with store:  # one transaction: both or neither
                if store.execute(NEWER, (message.topic(), body["account_id"], position)).rowcount:
                    store.execute(POST, body)
            consumer.commit(message=message)  # for a later start; `seen` detects duplicates


if __name__ == "__main__":
    if not sys.argv[2:]:
        sys.exit(__doc__)
    with suppress(KeyboardInterrupt):  # after Ctrl-C, the next run continues
        read_postings(sys.argv[1], sys.argv[2])
