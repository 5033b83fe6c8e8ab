"""Compare the consumer with a bare psycopg loop of the same rows, statements and batch size.

Each round opens accounts, sends payments to them, and lets the consumer apply the payments. Then
the bare loop inserts copies of the rows that the consumer wrote, for other accounts.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from time import perf_counter, sleep
from typing import Any, LiteralString
from uuid import uuid4

import orjson
import psycopg
from confluent_kafka import Producer
from prometheus_client import CollectorRegistry

from benchmarks.rows import Row
from benchmarks.stand import ORIGIN
from benchmarks.workers import POLL_S, median_rates, running, worker_settings
from txplatform.consumers.runner import InboundConsumer
from txplatform.contracts.messages import PaymentSubmittedMessage
from txplatform.domain.account import DecisionContext
from txplatform.domain.ids import AccountId, account_stream
from txplatform.domain.requests import Opening
from txplatform.eventstore.query import run_queries
from txplatform.eventstore.statements import APPEND
from txplatform.inbox.writer import INSERT, INSERT_CONTENTS
from txplatform.process_setup import collect_seldom
from txplatform.processing.unit_of_work import UnitOfWork
from txplatform.settings import Settings

ACCOUNTS = 1000
MESSAGES = 20_000
"""Messages of a round."""

_CONSUMERS, _COPIES = "bench-", "plain-"
"""The account id prefixes of the consumer and of the bare loop."""
_COPIED = "a copy"
"""The cluster id of the copied rows, since the inbox has one row per message."""

_WRITTEN_EVENTS = """
SELECT replace(originator_id, %(ours)s, %(copies)s), originator_version, event_key, topic, state,
       transaction_id, pending_change, posted_change, expires_at
FROM events WHERE position > %(position)s ORDER BY position
"""
_WRITTEN_LEDGER = """
SELECT %(cluster)s, topic, topic_id, partition, "offset", sent_at, key,
       withheld, content_hmac, traceparent, replace(account_id, %(ours)s, %(copies)s),
       business_key, status, reason, detail, event_id, account_version,
       array_to_string(flags, ','), alarms_until, amount_minor, currency, headers::text, body
FROM inbound_messages m JOIN inbound_contents ON message_id = m.id
WHERE id > %(id)s ORDER BY id
"""
_ENDS = """
SELECT (SELECT max(position) FROM events), (SELECT coalesce(max(id), 0) FROM inbound_messages)
"""
_READ_SO_FAR = "SELECT coalesce(sum(next_offset), 0)::bigint FROM inbound_positions"


def measure(seconds: float) -> list[Row]:
    """Measure both rates, in messages per second."""
    with worker_settings() as settings:
        collect_seldom()  # as a worker process does
        with settings.service_database.connect() as connection:
            bare, consumed = median_rates(
                lambda number: _round(settings, connection, number), seconds
            )
    at = {"accounts": ACCOUNTS, "messages": MESSAGES, "batch": settings.consumer_batch_messages}
    return [
        Row("consumers", "bare psycopg loop, same rows", bare, "messages/s", settings=at),
        Row("consumers", "consumer, Kafka to commit", consumed, "messages/s", settings=at),
    ]


def _round(settings: Settings, connection: psycopg.Connection, number: int) -> tuple[float, float]:
    """Run both loops once; return the rates of the bare loop and of the consumer."""
    accounts = [f"r{number}-{each}" for each in range(ACCOUNTS)]
    _open_accounts(connection, accounts)
    position, message_id = _row(connection, _ENDS)
    _send(settings, accounts)
    consumed = _consumed(settings, connection)
    to_copy = {
        "ours": _CONSUMERS,
        "copies": _COPIES,
        "cluster": _COPIED,
        "position": position,
        "id": message_id,
    }
    size = settings.consumer_batch_messages
    events = connection.execute(_WRITTEN_EVENTS, to_copy).fetchall()
    ledger = connection.execute(_WRITTEN_LEDGER, to_copy).fetchall()
    if len(events) != MESSAGES or len(ledger) != MESSAGES:
        raise RuntimeError(f"{len(events)} events and {len(ledger)} rows of {MESSAGES}")
    return _bare(connection, _columns(events, size), _columns(ledger, size)), consumed


def _bare(
    connection: psycopg.Connection, events: list[list[Any]], ledger: list[list[Any]]
) -> float:
    """Insert the rows batch by batch with the least possible code; return messages per second."""
    started = perf_counter()
    for batch_events, batch_ledger in zip(events, ledger, strict=True):
        with connection.transaction(), connection.cursor(binary=True) as cursor:
            cursor.execute(APPEND, batch_events, prepare=True)
            *inbox, headers, bodies = batch_ledger
            cursor.execute(INSERT, inbox, prepare=True)
            cursor.execute(INSERT_CONTENTS, (*inbox[:5], headers, bodies), prepare=True)
    return MESSAGES / (perf_counter() - started)


def _columns(rows: list[tuple[Any, ...]], size: int) -> list[list[Any]]:
    """Split the rows into batches, each a list of columns as the statements need them."""
    batches = (rows[first : first + size] for first in range(0, len(rows), size))
    return [[list(column) for column in zip(*batch, strict=True)] for batch in batches]


def _consumed(settings: Settings, connection: psycopg.Connection) -> float:
    """Return messages per second between the consumer's first and last commit of the round."""
    before = _read_so_far(connection)
    database = settings.service_database
    with running(InboundConsumer(settings, database, CollectorRegistry())):
        while (first := _read_so_far(connection)) == before:
            sleep(POLL_S)
        started = perf_counter()
        while (now := _read_so_far(connection)) < before + MESSAGES:
            sleep(POLL_S)
        return (now - first) / (perf_counter() - started)


def _read_so_far(connection: psycopg.Connection) -> int:
    (messages,) = _row(connection, _READ_SO_FAR)
    return int(messages)


def _send(settings: Settings, accounts: Sequence[str]) -> None:
    producer = Producer({"bootstrap.servers": settings.kafka_bootstrap_servers, "linger.ms": 20})
    for number in range(MESSAGES):
        account = _CONSUMERS + accounts[number % ACCOUNTS]
        body = {
            "payment_id": f"{account}-{number}",
            "account_id": account,
            "amount": 100,
            "currency": "USD",
            "submitted_at": "2026-11-20T10:15:00Z",
        }
        producer.produce(PaymentSubmittedMessage.TOPIC, orjson.dumps(body), account)
        producer.poll(0)
    producer.flush()


def _open_accounts(connection: psycopg.Connection, accounts: Sequence[str]) -> None:
    work = UnitOfWork()
    context = DecisionContext(datetime.now(UTC), lambda: uuid4().hex, ORIGIN)
    for prefix in (_CONSUMERS, _COPIES):
        for each in accounts:
            account = AccountId(prefix + each)
            command = Opening(account, "USD", 0)
            work.execute(account_stream(account), command, context)
    run_queries(connection, work.append())


def _row(connection: psycopg.Connection, query: LiteralString) -> tuple[Any, ...]:
    row = connection.execute(query).fetchone()
    assert row is not None
    return row
