"""The inbox gives each message its effect once, through copies, kills and unreadable messages."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from uuid import uuid4

import psycopg
import pytest
from confluent_kafka import Producer
from prometheus_client import CollectorRegistry

from harness.bank import Bank, new_bank
from harness.inbound import execute
from harness.kafka import Broker
from harness.parts import running
from harness.postgres import PostgresServer
from harness.waiting import wait_until
from txbank.database import Connection, Database
from txbank.inbox import Handler, Subscriber
from txbank.settings import CommonSettings
from txplatform_client.kafka import AccountOpened, Envelope, Record, build
from txplatform_client.kafka.records import Message

OPENED = AccountOpened.TOPIC
LONG = random.Random(1).randbytes(4000).hex()
"""Longer than what an index of the database can hold."""

DELETIONS = """
CREATE TABLE deletions (ids integer);
CREATE FUNCTION note_deletion() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO deletions SELECT count(*) FROM gone;
    RETURN NULL;
END $$;
CREATE TRIGGER note_deletion AFTER DELETE ON seen_events REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION note_deletion();
GRANT ALL ON deletions TO PUBLIC;
"""
"""Notes how many ids of events each statement deletes."""


def openings(count: int) -> list[Record]:
    """Return records of the openings of so many accounts."""
    return [
        build(
            AccountOpened(account_id=f"acc-{number}", currency="EUR", credit_limit=1),
            source="/accounts",
        )
        for number in range(count)
    ]


def send(brokers: str, records: Iterable[Record]) -> None:
    """Send records and wait until the brokers have them."""
    producer = Producer({"bootstrap.servers": brokers})
    for record in records:
        producer.produce(**record._asdict())
    assert producer.flush(30) == 0


def count(bank: Bank, table: str) -> int:
    """Return the number of rows of a table of the payments service."""
    with bank.connect("payments") as connection:
        row = connection.execute(f"SELECT count(*) AS rows FROM {table}").fetchone()
        assert row is not None
        return int(row["rows"])


def outcomes(bank: Bank, outcome: str) -> float:
    """Return the number of messages with an outcome in the running payments service."""
    with bank.client("payments") as client:
        for line in client.get("/metrics").text.splitlines():
            if line.startswith("txbank_inbox_messages_total") and f'outcome="{outcome}"' in line:
                return float(line.split()[-1])
    return 0


def note(connection: Connection, envelope: Envelope[Message]) -> None:
    """Add a row for each time that a message is handled."""
    connection.execute("INSERT INTO effects VALUES (%s)", (envelope.message.account_id,))


@contextmanager
def consuming(
    database: Database, brokers: str, name: str = "test", handler: Handler = note, **settings: float
) -> Iterator[Subscriber]:
    """Run a subscriber of openings with a handler, by default one that adds a row."""
    subscriber = Subscriber(
        f"{name}-{uuid4()}",
        database,
        CommonSettings(_env_file=None, kafka_bootstrap_servers=brokers),
        CollectorRegistry(),
        {OPENED: handler},
        **settings,
    )
    with running(subscriber):
        yield subscriber


def new_bank_with_effects(postgres: PostgresServer, brokers: str) -> Bank:
    """Return a bank whose payments database has a table for the effects of messages."""
    bank = new_bank(postgres, brokers)
    execute(
        bank.databases["payments"],
        "CREATE TABLE effects (account_id text); GRANT ALL ON effects TO PUBLIC",
    )
    return bank


def wait_for_the_lock(bank: Bank) -> None:
    """Wait until a transaction of the payments service waits for the lock on its table."""
    waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'known_accounts'::regclass"
    database = bank.databases["payments"]
    wait_until(lambda: execute(database, waiting), message="the service to wait for the lock")


@pytest.mark.parametrize(
    ("brokers", "cause"),
    [("127.0.0.1:1", "Connection refused"), ("no-such-host.invalid:9092", "Failed to resolve")],
)
def test_the_cause_is_told_if_the_brokers_cannot_be_reached(
    postgres: PostgresServer, brokers: str, cause: str
) -> None:
    bank = new_bank(postgres, brokers)
    with (
        closing(bank.database("payments")) as database,
        consuming(database, brokers) as subscriber,
    ):
        database.open()
        wait_until(lambda: cause in subscriber.health.detail, message=cause)
        assert not subscriber.health.ready


def test_copies_in_any_order_have_one_effect(postgres: PostgresServer, topics: str) -> None:
    bank = new_bank_with_effects(postgres, topics)
    records = openings(50)
    shuffled = records * 3
    random.Random(1).shuffle(shuffled)
    send(topics, shuffled)
    with closing(bank.database("payments")) as database:
        database.open()
        with consuming(database, topics):
            wait_until(lambda: count(bank, "effects") == 50, message="all effects")
            send(topics, [*records, *openings(1)])  # the last one is an event of its own
            wait_until(lambda: count(bank, "effects") > 50, message="the last message")
    assert count(bank, "effects") == 51


def test_two_consumers_at_once_give_each_message_one_effect(
    postgres: PostgresServer, topics: str
) -> None:
    """Both are in groups of their own, so both get every message, as after a rebalance."""
    bank = new_bank_with_effects(postgres, topics)
    with closing(bank.database("payments")) as database:
        database.open()
        with consuming(database, topics, "one"), consuming(database, topics, "two"):
            for _ in range(5):
                send(topics, openings(100))
            wait_until(lambda: count(bank, "effects") == 1000, message="both to have consumed")
    assert count(bank, "seen_events") == 1000


def test_an_effect_is_undone_with_its_batch_and_comes_once_afterwards(
    postgres: PostgresServer, topics: str
) -> None:
    bank = new_bank_with_effects(postgres, topics)
    execute(
        bank.databases["payments"],
        "ALTER TABLE effects ADD CONSTRAINT refuses CHECK (account_id <> 'acc-7')",
    )
    with closing(bank.database("payments")) as database:
        database.open()
        with consuming(database, topics) as subscriber:
            send(topics, openings(10))
            wait_until(lambda: "refuses" in subscriber.health.detail, message="the fault")
            assert not subscriber.health.ready
            execute(bank.databases["payments"], "ALTER TABLE effects DROP CONSTRAINT refuses")
            wait_until(lambda: count(bank, "effects") == 10, message="all effects")
            wait_until(lambda: subscriber.health.ready)


def test_an_unreadable_message_is_set_aside_and_holds_up_no_other(
    postgres: PostgresServer, topics: str
) -> None:
    bank = new_bank(postgres, topics)
    first, last = openings(2)
    no_limit = first._replace(value=b'{"account_id": "acc-0", "currency": "EUR"}')
    with bank.running("payments"):
        send(topics, [first._replace(value=b"{"), no_limit, last])
        wait_until(lambda: count(bank, "known_accounts"), message="the good message")
        wait_until(lambda: count(bank, "unreadable_messages") == 2, message="the others")
        with bank.client("payments") as client:
            assert client.get("/readyz").status_code == 200


def test_messages_with_values_that_are_refused_are_set_aside_and_hold_up_no_other(
    postgres: PostgresServer, topics: str
) -> None:
    bank = new_bank_with_effects(postgres, topics)
    execute(bank.databases["payments"], "CREATE INDEX ON effects (account_id)")
    refused = {"acc-7": "no\x00text", "acc-8": LONG, "acc-9": "\ud800"}

    def note_value(connection: Connection, envelope: Envelope[Message]) -> None:
        found = envelope.message.account_id
        connection.execute("INSERT INTO effects VALUES (%s)", (refused.get(found, found),))

    with closing(bank.database("payments")) as database:
        database.open()
        with consuming(database, topics, handler=note_value) as subscriber:
            send(topics, openings(20))
            wait_until(lambda: count(bank, "effects") == 17, message="the good messages")
            wait_until(lambda: count(bank, "unreadable_messages") == 3, message="the others")
            wait_until(lambda: subscriber.health.ready)


def test_an_id_that_no_database_can_store_is_no_reason_to_miss_a_message_or_its_copy(
    postgres: PostgresServer, topics: str
) -> None:
    bank = new_bank_with_effects(postgres, topics)
    ids = (LONG.encode(), b"no\x00text", b"\xff", b"\xfe", b"\n", b"good")
    records = [openings(1)[0]._replace(headers=[("ce_id", each)]) for each in ids]
    with closing(bank.database("payments")) as database:
        database.open()
        with consuming(database, topics):
            send(topics, records * 3)
            wait_until(lambda: count(bank, "effects") == len(ids), message="each message once")
    assert count(bank, "unreadable_messages") == 0


def test_whatever_cannot_be_read_is_set_aside_and_holds_up_no_other(
    postgres: PostgresServer, topics: str
) -> None:
    bank = new_bank(postgres, topics)
    (good,) = openings(1)
    bad = [
        good._replace(value=b'{"new":' + b"[" * 200_000),
        good._replace(value=b'{"account_id": "acc-1", "currency": "\x00", "credit_limit": 1}'),
        good._replace(value=b'{"credit_limit": 1e999999}'),
        good._replace(headers=[("ce_type", b"transactions.hold-expired.v1")]),
    ]
    with bank.running("payments"):
        send(topics, [*bad, good])
        wait_until(lambda: count(bank, "known_accounts"), message="the good message")
    assert count(bank, "unreadable_messages") == len(bad)


def test_payments_knows_every_account_that_the_platform_opens(
    postgres: PostgresServer, topics: str
) -> None:
    """Like the platform, it takes structured CloudEvents, dates, and amounts such as 5e3."""
    bank = new_bank(postgres, topics)
    (record,) = openings(1)
    opening = {
        "account_id": "acc-0",
        "currency": "EUR",
        "credit_limit": 5e3,
        "opened_at": "2026-11-20",
    }
    event = {
        "specversion": "1.0",
        "id": "e-1",
        "source": "/accounts",
        "type": OPENED,
        "data": opening,
    }
    with bank.running("payments"):
        send(topics, [record._replace(value=json.dumps(event).encode(), headers=[])])
        wait_until(lambda: count(bank, "known_accounts"), message="the account")
    with bank.connect("payments") as connection:
        account = connection.execute("SELECT * FROM known_accounts").fetchone()
    opened_at = datetime(2026, 11, 20, tzinfo=UTC)
    assert account == {"account_id": "acc-0", "currency": "EUR", "opened_at": opened_at}


def test_old_ids_are_forgotten_in_pieces_while_messages_come_without_a_pause(
    postgres: PostgresServer, topics: str
) -> None:
    bank = new_bank_with_effects(postgres, topics)
    execute(bank.databases["payments"], DELETIONS)
    done = threading.Event()

    def keep_sending() -> None:
        while not done.is_set():
            send(topics, openings(1))

    with closing(bank.database("payments")) as database:
        database.open()
        with (
            consuming(database, topics, forget_every_s=0.1),
            ThreadPoolExecutor(1) as pool,
            bank.connect("payments") as connection,
        ):
            sending = pool.submit(keep_sending)
            try:
                wait_until(lambda: count(bank, "effects"), message="the first message")
                connection.execute(
                    "INSERT INTO seen_events SELECT consumer, number::text, '2000-01-01'"
                    " FROM generate_series(1, 25000) AS number,"
                    " (SELECT DISTINCT consumer FROM seen_events) AS consumers"
                )
                connection.commit()
                old = "(SELECT 1 FROM seen_events WHERE seen_at < '2001') AS old"
                wait_until(lambda: count(bank, old) == 0, message="old ids to be forgotten")
            finally:
                done.set()
            sending.result()
    deletions = execute(bank.databases["payments"], "SELECT ids FROM deletions WHERE ids > 0")
    assert deletions == [(10_000,), (10_000,), (5_000,)]


def test_a_copy_of_a_message_without_an_id_is_known_by_its_body(
    postgres: PostgresServer, topics: str
) -> None:
    bank = new_bank(postgres, topics)
    bare = [record._replace(headers=[]) for record in openings(3)]
    with bank.running("payments"):
        send(topics, bare * 2)
        wait_until(lambda: outcomes(bank, "copy") == 3, message="the copies")
        assert outcomes(bank, "handled") == 3
    assert count(bank, "known_accounts") == 3


def test_a_service_killed_between_consumption_and_commit_handles_each_message_once(
    postgres: PostgresServer, topics: str
) -> None:
    """A lock on the table holds the service in its transaction until it is killed."""
    bank = new_bank(postgres, topics)
    records = openings(20)
    owner_url = bank.databases["payments"].owner_url
    with psycopg.connect(owner_url) as owner, bank.running("payments") as process:
        owner.execute("LOCK TABLE known_accounts")
        send(topics, records)
        wait_for_the_lock(bank)
        process.kill()
    assert count(bank, "known_accounts") == count(bank, "seen_events") == 0
    with bank.running("payments"):
        wait_until(lambda: count(bank, "known_accounts") == 20, message="all accounts")
        assert outcomes(bank, "copy") == 0


@pytest.mark.long
def test_a_service_killed_between_commit_and_acknowledgement_skips_what_comes_again(
    postgres: PostgresServer, own_kafka: Broker
) -> None:
    """The broker dies while a lock holds the service in its transaction, then the lock ends."""
    bank = new_bank(postgres, own_kafka.bootstrap)
    owner_url = bank.databases["payments"].owner_url
    with bank.running("payments") as process:
        with psycopg.connect(owner_url) as owner:
            owner.execute("LOCK TABLE known_accounts")
            send(own_kafka.bootstrap, openings(20))
            wait_for_the_lock(bank)
            own_kafka.kill()
        wait_until(lambda: count(bank, "known_accounts"), message="the commit")
        process.kill()
    own_kafka.start()
    with bank.running("payments"):
        wait_until(lambda: outcomes(bank, "copy") > 0, message="the copies")
        wait_until(lambda: count(bank, "known_accounts") == 20, message="all accounts")
    assert count(bank, "seen_events") == 20
