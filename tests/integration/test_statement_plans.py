"""The service's statements read only the rows they need, however much a table has grown.

The planner decides by the size of a table and by its statistics. Both may be old: a session keeps
the plans of its prepared statements, and a table may grow long before it is analyzed. Here one
account has nearly all rows of every table, which is the worst case.

Statements of `verify`, `rebuild`, `backtest` and the rebuild of snapshots read whole tables, and
are left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple

import psycopg
import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from harness.commands import OPERATOR, ORIGIN, clearing, opening, payment, purchase, refund
from harness.histories import record, store_snapshot
from harness.plans import StatementRecorder, TableAccess
from harness.postgres import TestDatabase
from harness.read_models import catch_up
from txplatform.api_keys import Scope, create_key, find_keys, list_keys, note_use, revoke_key
from txplatform.consumers.deferred_messages import retry_deferred
from txplatform.consumers.payments_elsewhere import PaymentsElsewhere
from txplatform.contracts.inbound_messages import MessageStatus
from txplatform.database import Database
from txplatform.doctor.lag import check_overdue_holds, check_projector
from txplatform.domain.account import Account
from txplatform.domain.ids import AccountId, TransactionId
from txplatform.domain.rules.amount_limit import AmountLimit
from txplatform.domain.rulesets import RuleSet
from txplatform.eventstore.account_currencies import account_currencies
from txplatform.eventstore.accounts import Accounts
from txplatform.eventstore.log import last_position, read_log, read_log_of_streams
from txplatform.eventstore.query import run_queries
from txplatform.eventstore.statements import APPEND
from txplatform.following.checkpoint import Checkpoint
from txplatform.inbox import positions, writer
from txplatform.inbox.alarms import end_overtaken, find_alarms
from txplatform.inbox.contents import content_hmac, read_content_secret
from txplatform.inbox.message import MessageOutcome, ReceivedMessage
from txplatform.inbox.message_list import list_messages
from txplatform.inbox.parking import deduplicate_parked, find_discarded
from txplatform.inbox.reader import parked_ids, stored_message
from txplatform.inbox.unsettled import parked_messages
from txplatform.processing.all_accounts import all_accounts
from txplatform.processing.pending_command import PendingCommand
from txplatform.processing.unit_of_work import UnitOfWork
from txplatform.projections.due_holds import due_holds
from txplatform.projections.payments import PAYMENTS, on_two_accounts
from txplatform.projections.postings import list_postings
from txplatform.projections.runner import project_batch
from txplatform.projections.transaction_history import get_transaction
from txplatform.projections.transaction_list import list_transactions
from txplatform.projections.transactions import TRANSACTIONS
from txplatform.projections.waiting_advices import (
    WAITING_ADVICES,
    waiting_advices,
    waiting_by_topic,
)
from txplatform.publisher.event_feed import EventFeed
from txplatform.publisher.parked_messages import ParkedMessages
from txplatform.publisher.rejected_messages import RejectedMessages
from txplatform.rulebook.store import add_ruleset, read_book, start_shadowing
from txplatform.settings import Settings
from txplatform.shadow import store as shadow
from txplatform.shadow.runner import Shadower

BIG = AccountId("big")
CANDIDATE = RuleSet("small", 1, "", (AmountLimit(50),))
ROWS = 50_000
"""The rows that are added to each large table after the service has started."""

GROW = f"""
INSERT INTO events
    (originator_id, originator_version, event_key, topic, state, transaction_id, pending_change,
     posted_change)
SELECT originator_id, newest.version + n, split_part(event_key, ':', 1) || ':more-' || n, topic,
    state, CASE topic WHEN 'purchase-refunded' THEN 'more-' || n END, 0,
    CASE n % 10 WHEN 0 THEN posted_change END
FROM generate_series(1, {ROWS}) n
JOIN events ON event_key = CASE n % 2 WHEN 0 THEN 'payment:p' ELSE 'refund:f' END
    AND originator_id = 'account-big'
CROSS JOIN (
    SELECT max(originator_version) AS version FROM events WHERE originator_id = 'account-big'
) newest;
INSERT INTO snapshots
SELECT originator_id, originator_version + n, 'account@0', state
FROM snapshots, generate_series(1, {ROWS}) n WHERE originator_id = 'account-big';
INSERT INTO transactions
SELECT 100 + n, 5 * (n % 2), now() - n * interval '1 second', now(), 'big', 'more-' || n
FROM generate_series(1, {ROWS}) n;
INSERT INTO payments
SELECT 1, false, false, 'more-' || n, 'big' FROM generate_series(1, {ROWS}) n;
INSERT INTO payments SELECT 1, false, false, 'p', 'more-' || n FROM generate_series(1, 500) n;
INSERT INTO waiting_advices
SELECT 1, now(), 'big', 'payment:more-' || n FROM generate_series(1, {ROWS}) n;
INSERT INTO inbound_messages (
    cluster_id, topic, topic_id, partition, "offset", withheld, content_hmac, traceparent,
    account_id, business_key, first_status, status, reason, parked_number
)
SELECT 'cluster', 'topic', 'id', 0, 1000 + n, false, sha256(n::text::bytea), '', 'big',
    'payment:more-' || n, status, status, CASE status WHEN 'parked' THEN 'why' END,
    CASE status WHEN 'parked' THEN 100 + n END
FROM generate_series(1, {ROWS}) n
CROSS JOIN LATERAL (
    SELECT (ARRAY['applied', 'waiting', 'parked'])[1 + n % 3] AS status
) s;
INSERT INTO inbound_contents SELECT 1000000 + n, now(), '[]' FROM generate_series(1, {ROWS}) n;
INSERT INTO inbound_positions SELECT 'cluster', 'topic', n, 'id', 0 FROM generate_series(1, 5000) n;
INSERT INTO checkpoints SELECT 'shadow:more-' || n, 0 FROM generate_series(1, 5000) n;
INSERT INTO api_keys (id, key_sha256, name, scopes)
SELECT 'more-' || n, sha256(n::text::bytea), 'key', ARRAY['audit:read']
FROM generate_series(1, 5000) n;
INSERT INTO shadow_disagreements
SELECT 's', 1000 + n, 'big', 1, 'e', 't', 1, 'USD', now(), 'approved', '[]', 'declined', '[]'
FROM generate_series(1, {ROWS}) n;
"""

TABLES = """
SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
"""


def message(offset: int) -> ReceivedMessage:
    """A message of the topic whose partition 0 has the large account's messages."""
    return ReceivedMessage("cluster", "topic", "id", 0, offset, None, None, (), b"%d" % offset)


def store(connection: psycopg.Connection, status: MessageStatus, offset: int, key: str) -> None:
    """Store a message of the large account with this outcome in the inbox."""
    reason = None if status is MessageStatus.WAITING else "why"
    outcome = MessageOutcome(status, BIG, f"payment:{key}", reason)
    received = message(offset)
    digest = content_hmac(received, read_content_secret(connection))
    writer.record(connection, [received], [digest], [""], [outcome])


def use_small_tables(connection: psycopg.Connection) -> None:
    """Store the first rows of every table; each account has one event or few."""
    for number in range(20):
        record(connection, [opening(f"acc-{number}")])
    record(connection, [opening("big"), payment("big", "p", 1), refund("big", "t", "f", 1)])
    record(connection, [payment("late", "w", 1, "EUR"), opening("late")])  # is then rejected
    catch_up(connection)
    store_snapshot(connection, account(connection, "big"))
    store(connection, MessageStatus.APPLIED, 0, "p")
    add_ruleset(connection, CANDIDATE, by=OPERATOR)
    start_shadowing(connection, "s", CANDIDATE.id, reason="Try.", by=OPERATOR)


def account(connection: psycopg.Connection, account_id: str, version: int | None = None) -> Account:
    """Load one account as tools do."""
    return Accounts(connection).account(AccountId(account_id), version=version)


Steps = dict[str, Callable[[], object]]


def steps(connection: psycopg.Connection, shadower: Shadower) -> Steps:
    """Return calls of everything in the service that reads or writes a table."""

    def use_inbox() -> None:
        store(connection, MessageStatus.WAITING, 1, "w")
        store(connection, MessageStatus.PARKED, 2, "parked")
        store(connection, MessageStatus.PARKED, 3, "retried")
        first, *_ = list_messages(connection, status=MessageStatus.PARKED).items
        parked = MessageOutcome(MessageStatus.PARKED, reason="why")
        with connection.transaction():
            stored_message(connection, first.id, for_update=True)
            writer.settle(connection, first.id, parked, OPERATOR)
            writer.discard(connection, first.id, "why", OPERATOR)
        deduplicate_parked(connection, [message(2)], [bytes(32)], [parked])
        find_discarded(connection, [bytes(32)])

    def use_alarms() -> None:
        find_alarms(connection)
        end_overtaken(connection)

    def use_positions() -> None:
        beginning = positions.Position("topic", 10_000, "id", 0)
        positions.begin(connection, "cluster", [beginning])
        move = positions.Move(beginning.topic, beginning.partition, 0, 5)
        positions.advance(connection, "cluster", [move])
        positions.reset(connection, "topic", beginning.partition)

    def use_checkpoint() -> None:
        checkpoint = Checkpoint("publisher:feed")
        with connection.transaction():
            checkpoint.lock(connection)
            checkpoint.try_to_lock(connection)
            checkpoint.read_with_end(connection)
            checkpoint.move(connection, before=0, to=1)
            checkpoint.read(connection)

    def use_keys() -> None:
        key, secret = create_key(connection, name="key", scopes=[Scope.AUDIT_READ])
        assert find_keys(connection, [secret.encode()]) == [key]
        note_use(connection, key.id)
        revoke_key(connection, key.id)

    return {
        "decide": lambda: record(
            connection, [purchase("big", "t1", 1), clearing("big", "t", "c1", 1)]
        ),
        "read accounts at a version": lambda: run_queries(
            connection, UnitOfWork().read_at({"account-big": 3})
        ),
        "load one account": lambda: account(connection, "big", 3),
        "take a snapshot": lambda: store_snapshot(connection, account(connection, "acc-1")),
        "load all accounts": lambda: [*all_accounts(connection)],
        "read the log": lambda: read_log(connection, 0),
        "read the log of accounts": lambda: read_log_of_streams(
            connection, ["account-big", "account-acc-1"], 5
        ),
        "end of the log": lambda: last_position(connection),
        "list transactions": lambda: list_transactions(connection, BIG, limit=10),
        "list postings": lambda: list_postings(connection, BIG, posted=0, version=9, limit=10),
        "get a transaction": lambda: get_transaction(connection, BIG, TransactionId("t")),
        "due holds": lambda: due_holds(connection, datetime.now(UTC), limit=200),
        "project": lambda: project_batch(connection, TRANSACTIONS, 5),
        "project payments": lambda: project_batch(connection, PAYMENTS, 30),
        "project waiting advices": lambda: project_batch(connection, WAITING_ADVICES, 30),
        "waiting advices": lambda: waiting_advices(connection),
        "waiting advices by topic": lambda: waiting_by_topic(connection),
        "parked messages": lambda: parked_messages(connection),
        "payments elsewhere": lambda: PaymentsElsewhere(
            connection, [PendingCommand(payment("acc-1", "p", 1), ORIGIN)]
        ),
        "payments on two accounts": lambda: on_two_accounts(connection),
        "checkpoint": use_checkpoint,
        "feed of events": lambda: EventFeed().read(connection, 0),
        "feed of rejected messages": lambda: RejectedMessages().read(connection, 0),
        "inbox": use_inbox,
        "feed of parked messages": lambda: ParkedMessages().read(connection, 0),
        "end of the parked messages": lambda: ParkedMessages().end(connection),
        "currencies of accounts": lambda: account_currencies(connection),
        "list messages": lambda: list_messages(connection),
        "list messages of a topic": lambda: list_messages(connection, topic="topic"),
        "list messages of an account": lambda: list_messages(connection, account_id="big"),
        "list messages of a business id": lambda: list_messages(connection, business_id="p"),
        "list messages of a limited key": lambda: list_messages(
            connection, topic="topic", accounts=["big", "late"]
        ),
        "parked messages of a limited key": lambda: parked_ids(
            connection, "topic", "why", 0, ["big"]
        ),
        "list applied messages": lambda: list_messages(connection, status=MessageStatus.APPLIED),
        "list waiting messages": lambda: list_messages(connection, status=MessageStatus.WAITING),
        "alarms": use_alarms,
        "deferred messages": lambda: retry_deferred(connection),
        "positions": use_positions,
        "all positions": lambda: positions.all_positions(connection),
        "API keys": use_keys,
        "list API keys": lambda: list_keys(connection),
        "rule book": lambda: read_book(connection),
        "lag of the projector": lambda: [*check_projector(connection, 60)],
        "evaluate in shadow": lambda: shadower.advance(connection),
        "list disagreements": lambda: shadow.list_disagreements(
            connection, read_book(connection).shadowings["s"], limit=5
        ),
        "lag of the hold expiry": lambda: [*check_overdue_holds(connection, 60)],
    }


@contextmanager
def growing(database: TestDatabase, *, analyzed: bool) -> Iterator[Callable[[], None]]:
    """Yield a function that fills the tables, which are never analyzed afterwards."""
    with (
        psycopg.connect(database.owner_url, autocommit=True) as owner,
        Database(database.service_url).connect() as connection,
    ):
        tables = [table for (table,) in owner.execute(TABLES)]
        for table in tables:
            owner.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)".encode())
        use_small_tables(connection)
        if analyzed:
            owner.execute(f"VACUUM ANALYZE {', '.join(tables)}".encode())
        yield lambda: owner.execute(GROW.encode()).close()


_STREAM = {"events by originator_id, originator_version"}
_KEY = {"events by event_key, originator_id"}
_TRANSACTION = {"events by transaction_id, originator_id"}
_SNAPSHOT = {
    "snapshots by originator_id, topic, filter on event_sha256",  # until one counts
    "snapshots by originator_id, topic, originator_version, filter on event_sha256",
}
_CHECKPOINT = {"checkpoints by name"}
_NEXT_EVENTS = {"events by position"}
_LAST_EVENT = {"events in order of position"}
_CONTENTS = {"inbound_contents by message_id, received_at"}
_MESSAGES = {"inbound_messages in order of id"}
_LIST_TRANSACTIONS = {
    *(_CHECKPOINT | _KEY | _TRANSACTION),
    "transactions by account_id, recorded_at, account_version",
}
_LIST_POSTINGS = {"events by originator_id, recorded_at, originator_version"}

EXPECTED: dict[str, set[str]] = {
    "decide": _STREAM | _SNAPSHOT | _KEY | _TRANSACTION,
    "read accounts at a version": _STREAM | _SNAPSHOT,
    "load one account": _STREAM | _SNAPSHOT,
    "take a snapshot": _STREAM | _SNAPSHOT,
    "load all accounts": {"events by originator_id"},
    "read the log": _NEXT_EVENTS,
    "read the log of accounts": _STREAM | {"events by originator_id"},  # the newest version
    "end of the log": _LAST_EVENT,
    "list transactions": _LIST_TRANSACTIONS,
    "list postings": _LIST_POSTINGS,
    "get a transaction": _KEY | _TRANSACTION,
    "due holds": {"transactions by expires_at, account_id, transaction_id"},
    "project": {
        *_NEXT_EVENTS,
        "events by position, filter on event_key, topic, transaction_id",  # those of a transaction
        "insert transactions",
        *_CHECKPOINT,
        "checkpoints by name, filter on position",  # compare and set
        "update checkpoints",
    },
    "project payments": {
        *_NEXT_EVENTS,
        "events by position, filter on topic",
        "payments by payment_id",
        "insert payments",
        *_CHECKPOINT,
        "checkpoints by name, filter on position",
        "update checkpoints",
    },
    "project waiting advices": {
        *_NEXT_EVENTS,
        "events by position, filter on topic",
        "waiting_advices by account_id, business_key",
        "insert waiting_advices",
        "delete waiting_advices",
        "Tid Scan of waiting_advices",  # of the rows that the index has found
        *_CHECKPOINT,
        "checkpoints by name, filter on position",
        "update checkpoints",
    },
    "waiting advices": {"waiting_advices in order of recorded_at"},
    "waiting advices by topic": _KEY | {"waiting_advices in order of recorded_at"},
    "parked messages": {
        "inbound_messages by status",
        "events by event_key",  # rejected messages
        "inbound_messages by business_key, account_id",
    },
    "payments elsewhere": {"events by event_key, filter on originator_id", *_KEY},
    "payments on two accounts": {
        "payments in order of payment_id",  # the index of repeated ones
        "payments by payment_id, filter on returned, account_id",
    },
    "checkpoint": _CHECKPOINT | _LAST_EVENT | {"insert checkpoints"},
    "feed of events": _NEXT_EVENTS,
    "feed of rejected messages": (
        _NEXT_EVENTS | _KEY | _CONTENTS | {"inbound_messages by business_key, account_id"}
    ),
    "inbox": {
        *(_KEY | _CONTENTS),
        "inbound_messages by cluster_id, topic_id, topic, partition, offset, filter on received_at",
        "insert inbound_messages",
        "insert inbound_contents",
        "update inbound_messages",
        "inbound_messages by id",
        "inbound_messages by content_hmac, id",
        "inbound_messages by content_hmac, id, filter on reason",  # discarded ones
        "inbound_messages in order of content_hmac, id",  # whether one is discarded
        "installation_secrets by name",
        "inbound_messages by status, id",
        "inbound_messages by status",
    },
    "feed of parked messages": _KEY | _CONTENTS | {"inbound_messages by parked_number"},
    "end of the parked messages": {"inbound_messages in order of parked_number"},
    "currencies of accounts": {"events by event_key"},
    "list messages": _KEY | {"inbound_messages by id"},
    "list messages of a topic": _KEY | {"inbound_messages by topic, id"},
    "list messages of an account": _KEY | {"inbound_messages by account_id, id"},
    "list messages of a limited key": (
        _KEY | {"inbound_messages by account_id, id, filter on topic"}
    ),
    "parked messages of a limited key": {
        "inbound_messages by status, id, filter on topic, account_id, reason"
    },
    "list messages of a business id": _KEY | {"inbound_messages by substr, id"},
    # Most messages are applied.
    "list applied messages": _KEY | {"inbound_messages by id, filter on status"},
    "list waiting messages": (
        _KEY | {"inbound_messages by status", "inbound_messages by status, id"}
    ),
    "alarms": {
        *_KEY,
        "inbound_messages in order of id",  # the index of alarms
        "events by event_key",  # rejected limit changes
        "inbound_messages by business_key, account_id",
        "inbound_messages by topic, account_id, change_version, filter on status",
        "inbound_messages by id",
        "update inbound_messages",
    },
    "deferred messages": {
        # the index of deferred messages
        "inbound_messages in order of account_id, id",
        *_CONTENTS,
    },
    "positions": {
        "insert inbound_positions",
        "update inbound_positions",
        "delete inbound_positions",
        "inbound_positions by cluster_id, topic, partition",
        # compare and set
        "inbound_positions by cluster_id, topic, partition, filter on next_offset",
        # an operator's reset, of every cluster
        "inbound_positions by topic, partition",
        "inbound_positions by topic, filter on partition",
    },
    "all positions": {"inbound_positions in order of cluster_id, topic, partition"},
    "API keys": {
        "insert api_keys",
        "update api_keys",
        "api_keys by id",
        "api_keys by key_sha256",
    },
    "list API keys": {"Seq Scan of api_keys"},
    "rule book": {"ruleset_events by version"},
    "evaluate in shadow": {
        "insert shadowings",
        "update shadowings",
        "shadowings by shadowing_id",
        "Seq Scan of shadowings",
        *_CHECKPOINT,
    },
    "list disagreements": {"shadow_disagreements by shadowing_id, log_position"},
    "lag of the projector": _CHECKPOINT | _NEXT_EVENTS | {"inbound_messages by parked_number"},
    "lag of the hold expiry": {"transactions by expires_at"},
}
"""The accesses to tables that each step may have; a step need not have all of them."""


LISTS_BY_STATUS = {
    (label, "inbound_messages by id, filter on status")
    for label in ("inbox", "list waiting messages")
}
"""An operator's list of messages by status, which may read all messages until its page is full."""

READ_SMALL_TABLE = {
    ("positions", "inbound_positions by cluster_id"),
    ("evaluate in shadow", "checkpoints in order of name"),
}
"""All positions of the cluster or all checkpoints are read, which are few."""


@pytest.mark.parametrize("analyzed", [False, True], ids=["never analyzed", "analyzed while small"])
@pytest.mark.parametrize("plans", ["generic, made while small", "generic", "custom"])
def test_every_statement_uses_the_intended_index(
    database: TestDatabase, plans: str, *, analyzed: bool
) -> None:
    """A generic plan is made for any parameters, a custom plan for those of one execution."""
    settings = Settings(database_url=SecretStr(database.service_url))
    shadower = Shadower(settings, Database(database.service_url), CollectorRegistry())
    with (
        growing(database, analyzed=analyzed) as grow,
        Database(database.service_url).connect() as connection,
    ):
        access = TableAccess(connection)
        recorder = StatementRecorder(connection)
        for label, step in steps(connection, shadower).items():
            with recorder.of(label):
                step()
        if plans == "generic, made while small":
            assert len([*recorder.generic_plans()]) > len(EXPECTED)
        grow()
        explained = recorder.custom_plans() if plans == "custom" else recorder.generic_plans()
        found: defaultdict[str, set[str]] = defaultdict(set)
        for label, plan in explained:
            found[label] |= access.of(plan)
    if plans == "custom":
        assert {label for label, accesses in found.items() if accesses} == set(EXPECTED)
    unexpected = {
        (label, each) for label, accesses in found.items() for each in accesses - EXPECTED[label]
    }
    assert unexpected - READ_SMALL_TABLE - LISTS_BY_STATUS == set()


ROWS_READ = """
SELECT sum(pg_stat_get_xact_tuples_returned(oid))::bigint FROM (
    SELECT 'events'::regclass::oid AS oid
    UNION ALL
    SELECT indexrelid FROM pg_index WHERE indrelid = 'events'::regclass
) relations
"""
"""The rows and index entries of the log that the current transaction has read."""


def rows_read(connection: psycopg.Connection) -> int:
    """Return how many rows and index entries of the log the current transaction has read."""
    row = connection.execute(ROWS_READ).fetchone()
    assert row is not None
    return int(row[0])


class Append(NamedTuple):
    """An append to the large account.

    Attributes:
        skipped: The versions skipped between the account's version and that of the first event.
        key: The business key of the first event.
    """

    events: int
    skipped: int = 0
    key: str = "payment:new"

    @property
    def conflicts(self) -> bool:
        """True if the append conflicts."""
        return self.skipped != 0 or self.key != "payment:new"


APPENDS = {
    "no conflict": Append(1),
    "version exists": Append(1, skipped=-1),
    "gap": Append(1, skipped=1),
    "key exists": Append(1, key="payment:p"),
    "many events": Append(20),
    "many events, version exists": Append(20, skipped=-1),
    "many events, gap": Append(20, skipped=1),
    "many events, key exists": Append(20, key="payment:p"),
}


@pytest.mark.parametrize("early", [True, False], ids=["session from before", "new session"])
@pytest.mark.parametrize("analyzed", [False, True], ids=["never analyzed", "analyzed while small"])
@pytest.mark.parametrize("append", APPENDS.values(), ids=APPENDS)
def test_an_append_reads_a_few_rows_for_each_event(
    database: TestDatabase, append: Append, *, early: bool, analyzed: bool
) -> None:
    """PostgreSQL cannot explain the plans inside the function, so the rows read are counted."""
    events = append.events
    with (
        growing(database, analyzed=analyzed) as grow,
        Database(database.service_url).connect() as session,
        Database(database.service_url).connect() as new_session,
    ):
        for number in range(8):  # the function's plans are generic from the sixth call on
            record(session, [payment("acc-1", f"p-{number}", 1)])
            again = decided_again(session, number)
            assert session.execute(APPEND, again).fetchone() == (["account-acc-1"],)
        grow()
        connection = session if early else new_session
        ((last,),) = connection.execute(
            "SELECT max(originator_version) FROM events WHERE originator_id = %s", ("account-big",)
        ).fetchall()
        versions = [last + 1 + append.skipped + n for n in range(events)]
        keys = [append.key, *(f"payment:new-{n}" for n in range(1, events))]
        columns = (["payment-received"], [b"{}"], [None], [0], [-1], [None])
        values = (["account-big"] * events, versions, keys, *(each * events for each in columns))
        with connection.transaction():
            before = rows_read(connection)
            conflicting = connection.execute(APPEND, values).fetchone()
            read = rows_read(connection) - before
    assert conflicting == (["account-big"] if append.conflicts else [],)
    assert read <= 4 * events


def decided_again(connection: psycopg.Connection, number: int) -> tuple[list[Any], ...]:
    """Return an append that conflicts: its key exists, and its version is the next one."""
    version = account(connection, "acc-1").version + 1
    columns = (["payment-received"], [b"{}"], [None], [0], [-1], [None])
    return (["account-acc-1"], [version], [f"payment:p-{number}"], *columns)
