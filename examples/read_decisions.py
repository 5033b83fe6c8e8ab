"""Store every decision once, in order for each account.

    python examples/read_decisions.py localhost:9092 decisions.db

Decisions are delivered at least once: after a fault, some are redelivered. The id of each event is
stored in the same transaction as its decision, so a copy is detected and has no effect.
"""

import sqlite3
import sys
from contextlib import closing, suppress

from confluent_kafka import Consumer, KafkaException

from txplatform_client.kafka import Message, SeenEvents, TransactionDecisioned, read

SEEN = SeenEvents("decisions", placeholder="?")
DECISIONS = """
CREATE TABLE IF NOT EXISTS decisions (
    event_id TEXT PRIMARY KEY, account_id TEXT, decision TEXT, amount INTEGER
)
"""


def store_decision(store: sqlite3.Connection, message: Message) -> None:
    """Store what the program needs of a message."""
    match message:
        case TransactionDecisioned():
            row = (message.event_id, message.account_id, message.decision, message.amount)
            store.execute("INSERT INTO decisions VALUES (?, ?, ?, ?)", row)


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
    consumer.subscribe([TransactionDecisioned.TOPIC])
    with closing(consumer), closing(sqlite3.connect(path)) as store:
        store.executescript(SEEN.TABLE)
        store.execute(DECISIONS)
        while (received := consumer.poll(idle_s)) is not None:
            if (error := received.error()) is not None:
                raise KafkaException(error)
            envelope = read(received.topic(), received.value(), received.headers())
            with store:  # one transaction: both or neither
                if SEEN.add(store, envelope.event_id):
                    store_decision(store, envelope.message)
            consumer.commit(message=received)  # for a later start; `SEEN` detects copies


if __name__ == "__main__":
    if not sys.argv[2:]:
        sys.exit(__doc__)
    with suppress(KeyboardInterrupt):  # after Ctrl-C, the next run continues
        read_decisions(sys.argv[1], sys.argv[2])
