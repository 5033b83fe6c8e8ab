"""Store every decision once, in order for each account.

    python examples/read_decisions.py localhost:9092 decisions.db

Decisions are delivered at least once: after a fault, some are redelivered. `log_position` grows
within an account, so a message is a duplicate if its position is not above the account's last
position. The last position is stored in the same transaction as the decision.
"""

import json
import sqlite3
import sys
from contextlib import closing, suppress

from confluent_kafka import Consumer, KafkaException

TOPIC = "transactions.transaction-decisioned.v1"
SCHEMA = """
CREATE TABLE IF NOT EXISTS seen (account_id TEXT PRIMARY KEY, log_position INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS decisions (
    event_id TEXT PRIMARY KEY, account_id TEXT, decision TEXT, amount INTEGER
);
"""
NEWER = """
INSERT INTO seen VALUES (?, ?) ON CONFLICT (account_id)
DO UPDATE SET log_position = excluded.log_position WHERE log_position < excluded.log_position
"""


def read_decisions(brokers: str, path: str, group: str = "example", idle_s: float = -1) -> None:
    """Read until no message arrives for `idle_s` seconds; -1 reads forever."""
    consumer = Consumer(
        {
            "bootstrap.servers": brokers,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe([TOPIC])
    with closing(consumer), closing(sqlite3.connect(path)) as store:
        store.executescript(SCHEMA)
        while (message := consumer.poll(idle_s)) is not None:
            if (error := message.error()) is not None:
                raise KafkaException(error)
            position = int(dict(message.headers() or [])["log_position"] or b"")
            body = json.loads(message.value() or b"")
            with store:  # one transaction: both or neither
                if store.execute(NEWER, (body["account_id"], position)).rowcount:
                    store.execute(
                        "INSERT INTO decisions VALUES (:event_id, :account_id, :decision, :amount)",
                        body,
                    )
            consumer.commit(message=message)  # for a later start; `seen` detects duplicates


if __name__ == "__main__":
    if not sys.argv[2:]:
        sys.exit(__doc__)
    with suppress(KeyboardInterrupt):  # after Ctrl-C, the next run continues
        read_decisions(sys.argv[1], sys.argv[2])
