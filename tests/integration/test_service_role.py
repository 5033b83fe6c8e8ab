"""What the service's role may do to the database: whoever has its password can do no more.

The tables' owner is trusted: it migrates, restores and resets.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from harness.commands import OPERATOR, limit_change, opening, purchase
from harness.histories import record
from harness.inbound import LIMIT_CHANGED, execute
from harness.postgres import PostgresServer, TestDatabase
from txplatform.api_keys import Scope, create_key, revoke_key
from txplatform.database import Database
from txplatform.domain.rulesets import DEFAULT_RULESET
from txplatform.eventstore.migrations import migrate
from txplatform.following.checkpoint import Checkpoint
from txplatform.rulebook.store import activate

ALL = "all columns"


class Right(NamedTuple):
    """A right to write, and why the service needs it and what keeps it from rewriting history."""

    columns: str
    why: str


WRITES = {
    ("ruleset_events", "INSERT"): Right(
        "event_id event_key state topic version",
        "The API changes the rule book. A trigger takes the next version only; the database sets"
        " the time, and nobody changes an entry.",
    ),
    ("api_keys", "INSERT"): Right(
        "accounts expires_at id key_sha256 name scopes",
        "`keys create` runs where the service does. The new key is in `keys list` for ever, with"
        " the database's time.",
    ),
    ("api_keys", "UPDATE"): Right(
        "last_used_at revoked_at",
        "`keys revoke`, and the last use. A trigger sets both to now, and a key stays revoked.",
    ),
    ("checkpoints", "INSERT"): Right("name position", "Followers begin; not past the log's end."),
    ("checkpoints", "UPDATE"): Right(
        "moved_at position", "Followers move on. A trigger lets a checkpoint move forward only."
    ),
    ("inbound_messages", "INSERT"): Right(
        "account_id account_version alarms_until amount_minor business_key cluster_id content_hmac"
        " currency detail event_id first_status flags key offset parked_number partition reason"
        " sent_at status topic topic_id traceparent withheld",
        "`consume` records what it receives; the database sets id and time. A trigger takes the"
        " next number of a parked message only.",
    ),
    ("inbound_messages", "UPDATE"): Right(
        "account_id account_version alarms_until business_key detail event_id flags parked_number"
        " reason resolution resolved_at resolved_by status",
        "Retries, discards and messages that are read again. Triggers keep final outcomes and"
        " alarms, look the event up in the log, and set the time.",
    ),
    ("inbound_contents", "INSERT"): Right(
        ALL, "The body of a received message; nobody changes or replaces one."
    ),
    ("inbound_positions", "INSERT"): Right(
        "cluster_id next_offset partition topic topic_id", "`consume` begins a partition."
    ),
    ("inbound_positions", "UPDATE"): Right(
        "moved_at next_offset",
        "`consume` moves on. A skipped message has no row in the inbox, and reading one twice has"
        " no effect.",
    ),
    ("inbound_positions", "DELETE"): Right(ALL, "`inbound reset` reads a topic again."),
    ("parked_numbers", "USAGE"): Right(ALL, "The next number of a parked message."),
    ("shadowings", "INSERT"): Right("ruleset_id shadowing_id", "A shadow evaluation begins."),
    ("shadowings", "UPDATE"): Right(
        "judged newly_approved newly_declined", "Counts that can be computed again from the log."
    ),
    ("shadow_disagreements", "INSERT"): Right(ALL, "Can be computed again from the log."),
    ("skipped_events", "INSERT"): Right(
        "position projection why", "The projector reports an event; only a rebuild ends the report."
    ),
    **{
        (table, right): Right(ALL, "A read model: `verify` compares it, `rebuild` repairs it.")
        for table, right in (
            ("transactions", "INSERT"),
            ("transactions", "UPDATE"),
            ("payments", "INSERT"),
            ("payments", "UPDATE"),
            ("waiting_advices", "INSERT"),
            ("waiting_advices", "DELETE"),
        )
    },
}
"""Every right to write of the service's role, by table and kind. Argue for a new one here."""

DEFINERS = {"append_events", "keep_inbound_contents", "store_snapshots"}
"""The functions that run with the owner's rights."""

_GRANTED = """
SELECT relname, privilege_type, NULL FROM pg_class CROSS JOIN aclexplode(relacl)
WHERE relnamespace = 'public'::regnamespace
  AND grantee IN (0, 'txplatform_service'::regrole) AND privilege_type <> 'SELECT'
UNION ALL
SELECT relname, privilege_type, attname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
CROSS JOIN aclexplode(attacl)
WHERE relnamespace = 'public'::regnamespace
  AND grantee IN (0, 'txplatform_service'::regrole)
"""


@pytest.fixture
def history(database: TestDatabase, service: psycopg.Connection) -> TestDatabase:
    """A database in which the service has written a row of each kind.

    The account has three events, and the rule book one. Of the messages, 1 was applied, 2 and 3 are
    parked (3 with an alarm), 4 was discarded, and 5 was ignored.
    """
    record(service, [opening("acc-1"), purchase("acc-1", "tx", 100), limit_change("acc-1", 1, 9)])
    activate(service, "a-1", DEFAULT_RULESET.id, reason="Why.", by=OPERATOR)
    create_key(service, name="shop", scopes=[Scope.AUDIT_READ])
    revoke_key(service, create_key(service, name="old", scopes=[Scope.AUDIT_READ])[0].id)
    checkpoint = Checkpoint("publisher:decisions")
    checkpoint.begin(service)
    checkpoint.move(service, before=0, to=2)
    service.execute(
        f"""
        INSERT INTO inbound_messages (cluster_id, topic, topic_id, partition, "offset", withheld,
            content_hmac, traceparent, account_id, business_key, first_status, status, event_id,
            account_version, alarms_until, parked_number)
        SELECT 'c', '{LIMIT_CHANGED}', 'id', 0, n, false, sha256('x'), '', 'acc-1', key, status,
            status, event, version, alarm,
            CASE status WHEN 'parked' THEN nextval('parked_numbers') END
        FROM (VALUES
            (1, 'applied', 'credit-limit:1', 3, NULL), (2, 'parked', 'credit-limit:2', NULL, NULL),
            (3, 'parked', 'credit-limit:3', NULL, 3), (4, 'discarded', NULL, NULL, NULL),
            (5, 'ignored', NULL, NULL, NULL)
        ) AS m (n, status, key, version, alarm)
        LEFT JOIN LATERAL (
            SELECT convert_from(state, 'UTF8')::json ->> 'event_id' AS event
            FROM events WHERE originator_version = version
        ) e ON true ORDER BY n
        """.encode()
    )
    return database


def _settled(message: int, status: str, version: int | None = None, event: str = "NULL") -> str:
    return (
        f"UPDATE inbound_messages SET status = '{status}', event_id = {event},"
        f" account_version = {version or 'NULL'}, resolved_by = 'me' WHERE id = {message}"
    )


_EVENT_3 = (
    "(SELECT convert_from(state, 'UTF8')::json ->> 'event_id' FROM events"
    " WHERE originator_version = 3)"
)
_ENTRY = "INSERT INTO ruleset_events (version, event_id, event_key, topic, state"
_PARKED = (
    'INSERT INTO inbound_messages (cluster_id, topic, topic_id, partition, "offset", withheld,'
    " content_hmac, traceparent, first_status, status, parked_number"
)
_RECEIVED = "'c', 't', 'id', 0, 99, false, sha256('x'), '', 'parked'"

REFUSED = {
    "append without the function": "INSERT INTO events (originator_id) VALUES ('account-1')",
    "delete the log": "DELETE FROM events",
    "store a snapshot without the function": "INSERT INTO snapshots (topic) VALUES ('account@1')",
    "choose the version of a rule book entry": f"{_ENTRY}) VALUES (9, 'e', 'k', 't', '')",
    "reuse the version of a rule book entry": f"{_ENTRY}) VALUES (1, 'e', 'k', 't', '')",
    "choose the time of a rule book entry": (
        f"{_ENTRY}, recorded_at) VALUES (2, 'e', 'k', 't', '', '2020-01-01')"
    ),
    "change a rule book entry": "UPDATE ruleset_events SET state = ''",
    "give a key a scope": "UPDATE api_keys SET scopes = '{transactions:write}'",
    "replace a key": "UPDATE api_keys SET key_sha256 = sha256('mine') WHERE name = 'shop'",
    "lift a key's limit": "UPDATE api_keys SET accounts = NULL",
    "prolong a key": "UPDATE api_keys SET expires_at = NULL",
    "rename a key": "UPDATE api_keys SET name = 'shop', id = 'key_1'",
    "accept a revoked key": "UPDATE api_keys SET revoked_at = NULL WHERE name = 'old'",
    "revoke at another time": "UPDATE api_keys SET revoked_at = now() WHERE name = 'old'",
    "remove a key": "DELETE FROM api_keys",
    "date a key back": (
        "INSERT INTO api_keys (id, key_sha256, name, scopes, created_at)"
        " VALUES ('key_9', sha256('mine'), 'mine', '{audit:read}', '2020-01-01')"
    ),
    "move a checkpoint back": "UPDATE checkpoints SET position = 1",
    "move a checkpoint past the log's end": "UPDATE checkpoints SET position = 1000000",
    "begin past the log's end": "INSERT INTO checkpoints VALUES ('shadow:s', 1000000)",
    "begin the dead letters past their end": (
        "INSERT INTO checkpoints (name, position) VALUES ('publisher:parked-messages', 3)"
    ),
    "rename a checkpoint": "UPDATE checkpoints SET name = 'other'",
    "remove a checkpoint": "DELETE FROM checkpoints",
    "change an applied outcome": _settled(1, "discarded"),
    "hide an applied message": "UPDATE inbound_messages SET account_id = 'acc-2' WHERE id = 1",
    "revive a discarded message": _settled(4, "parked"),
    "change an ignored outcome": _settled(5, "stale"),
    "apply without an event": _settled(2, "applied"),
    "apply with an event that is not in the log": _settled(2, "applied", 3, "'made-up'"),
    "apply with an event of another version": _settled(2, "applied", 2, _EVENT_3),
    "end an alarm": "UPDATE inbound_messages SET alarms_until = NULL WHERE id = 3",
    "renumber a dead letter": "UPDATE inbound_messages SET parked_number = 9 WHERE id = 2",
    "drop a dead letter": "UPDATE inbound_messages SET parked_number = NULL WHERE id = 2",
    "number a dead letter ahead": f"{_PARKED}) VALUES ({_RECEIVED}, 'parked', 1000)",
    "number a dead letter behind": f"{_PARKED}) VALUES ({_RECEIVED}, 'parked', 1)",
    "park without a dead letter": f"{_PARKED}) VALUES ({_RECEIVED}, 'parked', NULL)",
    "number a message that is not parked": f"{_PARKED}) VALUES ({_RECEIVED}, 'stale', 3)",
    "choose the time of a message": (
        f"{_PARKED}, received_at) VALUES ({_RECEIVED}, 'stale', NULL, now())"
    ),
    "choose the id of a message": (
        f"{_PARKED}, id) OVERRIDING SYSTEM VALUE VALUES ({_RECEIVED}, 'stale', NULL, 1000)"
    ),
    "change what was received": "UPDATE inbound_messages SET first_status = 'stale'",
    "delete a message": "DELETE FROM inbound_messages",
    "change a body": "UPDATE inbound_contents SET body = ''",
    "jump to a number": "SELECT setval('parked_numbers', 1000)",
    "end the report of a skipped event": "DELETE FROM skipped_events",
    "move a shadow evaluation": "UPDATE shadowings SET ruleset_id = 'default@1'",
    "replace a secret": "UPDATE installation_secrets SET secret = sha256('mine')",
    "forget a migration": "DELETE FROM schema_migrations",
    "empty a read model": "TRUNCATE transactions",
    "disable a trigger": "ALTER TABLE checkpoints DISABLE TRIGGER ALL",
    "disable all triggers": "SET session_replication_role = 'replica'",
    "replace a function": (
        "CREATE OR REPLACE FUNCTION is_owner() RETURNS boolean LANGUAGE sql RETURN true"
    ),
    "make a function": "CREATE FUNCTION public.now() RETURNS timestamptz LANGUAGE sql RETURN NULL",
    "become the owner": "SET ROLE postgres",
}
"""Statements by what they attempt."""


def test_each_right_of_the_service_to_write_has_a_reason(database: TestDatabase) -> None:
    """A new right, table or column fails here until somebody argues for it."""
    granted: dict[tuple[str, str], set[str]] = {}
    for table, right, column in execute(database, _GRANTED):
        granted.setdefault((table, right), set()).add(column or ALL)
    assert {key: " ".join(sorted(columns)) for key, columns in granted.items()} == {
        key: right.columns for key, right in WRITES.items()
    }
    assert all(right.why for right in WRITES.values())


def test_only_these_functions_give_the_service_rights_of_the_owner(database: TestDatabase) -> None:
    """Names in them mean the platform's objects, whatever the search path of the caller."""
    functions = execute(
        database,
        "SELECT proname, prosecdef, has_function_privilege('txplatform_service', oid, 'EXECUTE'),"
        " prosqlbody IS NOT NULL, proconfig FROM pg_proc"
        " WHERE pronamespace = 'public'::regnamespace",
    )
    assert {name for name, definer, may, *_ in functions if definer and may} == DEFINERS
    for name, *_, bound, settings in functions:
        if name != "refuse_change_of_log":  # it names nothing
            assert bound or settings == ["search_path=public, pg_temp"], name


def test_the_service_cannot_rewrite_history(history: TestDatabase) -> None:
    with Database(history.service_url).connect() as connection:
        not_refused = []
        for attempt, statement in REFUSED.items():
            try:
                with connection.transaction(force_rollback=True):
                    connection.execute(statement.encode())
            except InsufficientPrivilege:
                continue
            not_refused.append(attempt)
    assert not_refused == []


@pytest.fixture
def as_service(history: TestDatabase) -> Iterator[psycopg.Connection]:
    """A session of the service in a transaction that is rolled back."""
    with (
        Database(history.service_url).connect() as connection,
        connection.transaction(force_rollback=True),
    ):
        yield connection


ALLOWED = {
    "append to the rule book": f"{_ENTRY}) VALUES (2, 'e', 'k', 't', '')",
    "revoke a key": "UPDATE api_keys SET revoked_at = now() WHERE name = 'shop'",
    "move a checkpoint on": "UPDATE checkpoints SET position = 3",
    "discard a parked message": _settled(2, "discarded"),
    "apply a parked message": _settled(2, "applied", 3, _EVENT_3),
    "apply an ignored message that has an effect now": _settled(5, "applied", 3, _EVENT_3),
    "park a message": f"{_PARKED}) VALUES ({_RECEIVED}, 'parked', nextval('parked_numbers'))",
}
"""Counterparts of `REFUSED`, so that those are refused for the right reason."""


@pytest.mark.parametrize("attempt", ALLOWED)
def test_the_service_can_do_its_work(as_service: psycopg.Connection, attempt: str) -> None:
    assert as_service.execute(ALLOWED[attempt].encode()).rowcount == 1


def test_an_alarm_ends_once_a_newer_change_was_applied(as_service: psycopg.Connection) -> None:
    as_service.execute(
        'INSERT INTO inbound_messages (cluster_id, topic, topic_id, partition, "offset", withheld,'
        " content_hmac, traceparent, account_id, business_key, first_status, status)"
        f" VALUES ('c', '{LIMIT_CHANGED}', 'id', 0, 6, false, sha256('x'), '', 'acc-1',"
        " 'credit-limit:4', 'applied', 'applied')".encode()
    )
    assert as_service.execute(REFUSED["end an alarm"].encode()).rowcount == 1


def test_the_times_of_a_revocation_a_use_and_a_resolution_are_the_databases(
    as_service: psycopg.Connection,
) -> None:
    as_service.execute(
        "UPDATE api_keys SET revoked_at = '2020-01-01', last_used_at = '2020-01-01'"
        " WHERE name = 'shop'"
    )
    as_service.execute(
        "UPDATE inbound_messages SET status = 'discarded', resolved_at = '2020-01-01' WHERE id = 2"
    )
    as_service.execute("UPDATE checkpoints SET position = 3, moved_at = '2020-01-01'")
    times = as_service.execute(
        "SELECT revoked_at, last_used_at FROM api_keys WHERE name = 'shop'"
    ).fetchall()
    times += as_service.execute("SELECT resolved_at FROM inbound_messages WHERE id = 2").fetchall()
    times += as_service.execute("SELECT moved_at FROM checkpoints").fetchall()
    assert all(time > datetime(2026, 1, 1, tzinfo=UTC) for row in times for time in row)


def test_temporary_tables_do_not_deceive_the_triggers(as_service: psycopg.Connection) -> None:
    """Any role may create them, and may put them first in its search path."""
    as_service.execute(
        "CREATE TEMP TABLE events AS SELECT 1000000::bigint AS position;"
        "CREATE TEMP TABLE ruleset_events AS SELECT 8::bigint AS version;"
        "CREATE TEMP TABLE pg_class AS SELECT * FROM pg_catalog.pg_class;"
        "UPDATE pg_temp.pg_class SET relowner = 'txplatform_service'::regrole;"
        "SET LOCAL search_path = pg_temp, public"
    )
    for statement in (
        "UPDATE public.checkpoints SET position = 1000000",
        REFUSED["choose the version of a rule book entry"].replace("INTO ", "INTO public."),
    ):
        with pytest.raises(InsufficientPrivilege), as_service.transaction():
            as_service.execute(statement.encode())


def test_the_owner_may_set_back_a_checkpoint(history: TestDatabase) -> None:
    """docs/operations.md has the cases."""
    execute(history, "UPDATE checkpoints SET position = 0")
    assert execute(history, "SELECT position FROM checkpoints") == [(0,)]


def test_rights_from_an_earlier_version_are_withdrawn(postgres: PostgresServer) -> None:
    """The migrations of earlier versions granted more, and an administrator may have, too."""
    database = postgres.new_database()
    for table in ("api_keys", "checkpoints", "ruleset_events", "events"):
        execute(database, f"GRANT ALL ON {table} TO txplatform_service")
    migrate(database.owner_url, database.service_url)
    with psycopg.connect(database.service_url) as connection:
        for table in ("api_keys", "checkpoints", "ruleset_events", "events"):
            with pytest.raises(InsufficientPrivilege), connection.transaction():
                connection.execute(f"DELETE FROM {table}".encode())
    postgres.drop(database)


@pytest.mark.long
def test_an_installation_in_a_schema_of_its_own_is_protected_too(postgres: PostgresServer) -> None:
    """The service of another installation in the database is bound by the same rules."""
    database = postgres.empty_database()
    execute(database, "CREATE SCHEMA blue")
    execute(database, "GRANT USAGE ON SCHEMA blue TO txplatform_service")
    owner, service = (
        f"{url}?options=-csearch_path%3Dblue" for url in (database.owner_url, database.service_url)
    )
    migrate(owner, service)
    with Database(service).connect() as connection:
        record(connection, [opening("acc-1")])
        checkpoint = Checkpoint("publisher:decisions")
        checkpoint.begin(connection)
        checkpoint.move(connection, before=0, to=1)
        activate(connection, "a-1", DEFAULT_RULESET.id, reason="Why.", by=OPERATOR)
        revoke_key(connection, create_key(connection, name="old", scopes=[Scope.AUDIT_READ])[0].id)
        for attempt in (
            "choose the version of a rule book entry",
            "move a checkpoint past the log's end",
            "accept a revoked key",
        ):
            with pytest.raises(InsufficientPrivilege):
                connection.execute(REFUSED[attempt].encode())
    postgres.drop(database)
