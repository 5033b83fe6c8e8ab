"""Runs `txplatform doctor` on a healthy installation and on every defect that it detects."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from harness.api import create_key
from harness.commands import opening
from harness.histories import record as record_events
from harness.inbound import SUBMITTED, Sender, execute, payment
from harness.kafka import delete_topics, present_topics, recreate_topics
from harness.postgres import PostgresServer, TestDatabase
from harness.processes import run_command
from harness.published import TRANSACTION_DECISIONED
from harness.waiting import wait_until
from txplatform.contracts.messages import INBOUND
from txplatform.database import Database
from txplatform.demo.bus import DemoBus
from txplatform.demo.processes import free_port
from txplatform.doctor import run_check
from txplatform.doctor.database_server import check_server, check_wal_files, clock_finding
from txplatform.doctor.finding import Finding, FindingStatus, ok
from txplatform.doctor.lag import age_finding
from txplatform.kafka import BrokersError
from txplatform.projections import PROJECTIONS

HOUR_AGO = "clock_timestamp() - interval '1 hour'"


@pytest.fixture
def env(service_env: dict[str, str], topics: str) -> dict[str, str]:
    """Settings of a healthy installation."""
    create_key(service_env, "transactions:write")
    return {**service_env, "TXPLATFORM_KAFKA_BOOTSTRAP_SERVERS": topics}


def examined(env: Mapping[str, str]) -> tuple[int, dict[str, dict[str, Any]]]:
    """Run the doctor; return its exit code and the findings by the name of the check."""
    code, out, err = run_command("doctor", "--json", env=env)
    assert out, err
    report = json.loads(out)
    assert report["healthy"] is (code == 0)
    return code, {finding["check"]: finding for finding in report["findings"]}


def statuses(found: dict[str, dict[str, Any]], status: FindingStatus) -> set[str]:
    """Return the names of the checks with this status."""
    return {check for check, finding in found.items() if finding["status"] == status}


def age_the_log(database: TestDatabase) -> None:
    """Move every event back by an hour, which only the tables' owner can do."""
    execute(database, "ALTER TABLE events DISABLE TRIGGER events_append_only")
    execute(database, f"UPDATE events SET recorded_at = {HOUR_AGO}")
    execute(database, "ALTER TABLE events ENABLE TRIGGER events_append_only")


def test_a_healthy_installation_passes(env: dict[str, str]) -> None:
    """One broker and one database give no redundancy, and the server has its default settings."""
    code, found = examined(env)
    assert code == 0, found
    assert statuses(found, FindingStatus.WARNING) == {
        *("WAL files", "standby", "topic copies", "dead letter size")
    }
    assert all(found[check]["advice"] for check in statuses(found, FindingStatus.WARNING))
    assert statuses(found, FindingStatus.OK) == {
        *(
            "database",
            "migrations",
            "rights",
            "durability",
            "time limits",
            "clock",
            "api keys",
            "broker",
        ),
        *("topics", "retention", "overdue holds", "skipped events", "consumer group"),
        *("parked changes", "parked messages", "deferred messages"),
        *("payments on two accounts", "waiting advices"),
        *(f"project: {projection.name}" for projection in PROJECTIONS),
        *("publish: decisions", "publish: parked-messages", "publish: rejected-messages"),
        *(f"consume: {topic}" for topic in INBOUND),
    }


def test_without_json_each_finding_is_a_line_with_its_advice_below(env: dict[str, str]) -> None:
    code, out, _ = run_command("doctor", env=env)
    assert code == 0
    assert "synchronous_standby_names" in out
    assert "Every message has been read." in out, out


def test_an_unreachable_database_or_broker_is_reported_and_the_rest_is_checked(
    env: dict[str, str],
) -> None:
    port = free_port()
    code, found = examined(
        {**env, "TXPLATFORM_DATABASE_URL": f"postgresql://nobody@127.0.0.1:{port}/none"}
    )
    assert code == 1
    assert statuses(found, FindingStatus.FAILED) == {"database"}
    assert "topics" in statuses(found, FindingStatus.OK)
    code, found = examined({**env, "TXPLATFORM_KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{port}"})
    assert code == 1
    assert statuses(found, FindingStatus.FAILED) == {"broker"}
    assert "rights" in statuses(found, FindingStatus.OK)


def test_the_demos_broker_has_no_topic_settings_to_check(service_env: dict[str, str]) -> None:
    bus = DemoBus()
    create_key(service_env, "transactions:write")
    code, found = examined(
        {**service_env, "TXPLATFORM_KAFKA_BOOTSTRAP_SERVERS": bus.bootstrap_servers}
    )
    assert code == 0
    assert statuses(found, FindingStatus.SKIPPED) == set()
    assert found["topic settings"]["status"] == FindingStatus.WARNING
    assert "demo's broker" in found["topic settings"]["detail"]
    assert {"rights", "topics", *(f"consume: {topic}" for topic in INBOUND)} <= statuses(
        found, FindingStatus.OK
    )


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (BrokersError("The brokers refused the query."), FindingStatus.SKIPPED),
        (TimeoutError(), FindingStatus.SKIPPED),
        (psycopg.errors.UndefinedTable("no such table"), FindingStatus.SKIPPED),
        (KeyError("cleanup.policy"), FindingStatus.FAILED),
    ],
)
def test_a_check_that_raises_keeps_its_findings_and_is_skipped_or_failed(
    error: Exception, status: FindingStatus
) -> None:

    def check() -> Iterator[Finding]:
        yield ok("first", "Found.")
        raise error

    first, second = run_check("second", check)
    assert first.check == "first"
    assert (second.check, second.status) == ("second", status)
    assert second.detail


def test_without_the_schema_migrate_is_advised_and_checks_of_tables_are_skipped(
    postgres: PostgresServer, env: dict[str, str]
) -> None:
    empty = postgres.empty_database()
    code, found = examined({**env, "TXPLATFORM_DATABASE_URL": empty.service_url})
    postgres.drop(empty)
    assert code == 1
    assert {"migrations", "rights"} <= statuses(found, FindingStatus.FAILED)
    assert found["migrations"]["advice"] == "Run `txplatform migrate`."
    assert {"api keys", "projector", "publisher"} <= statuses(found, FindingStatus.SKIPPED)


def test_a_role_that_could_alter_the_log_fails(database: TestDatabase, env: dict[str, str]) -> None:
    """The tables' owner is such a role."""
    code, found = examined({**env, "TXPLATFORM_DATABASE_URL": database.owner_url})
    assert code == 1
    assert "could alter history" in found["rights"]["detail"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("GRANT INSERT ON events TO txplatform_service", "INSERT"),
        ("REVOKE SELECT ON events FROM txplatform_service", "SELECT"),
        ("REVOKE EXECUTE ON FUNCTION append_events FROM txplatform_service", "append_events"),
    ],
)
def test_a_role_with_other_rights_to_the_log_than_it_needs_fails(
    database: TestDatabase, env: dict[str, str], change: str, named: str
) -> None:
    execute(database, change)
    code, found = examined(env)
    assert code == 1
    assert found["rights"]["status"] == FindingStatus.FAILED
    assert named in found["rights"]["detail"]


def test_missing_topics_are_named(env: dict[str, str], topics: str) -> None:
    admin = AdminClient({"bootstrap.servers": topics})
    delete_topics(admin, [TRANSACTION_DECISIONED])
    code, found = examined(env)
    assert code == 1
    assert found["topics"]["detail"] == f"Missing: {TRANSACTION_DECISIONED}."


def test_topics_that_differ_in_partitions_are_a_warning(env: dict[str, str], topics: str) -> None:
    recreate_topics(topics, [SUBMITTED], partitions=6)
    code, found = examined(env)
    assert code == 0
    assert found["topics"]["status"] == FindingStatus.WARNING
    assert f"{SUBMITTED} 6" in found["topics"]["detail"]


def test_a_compacted_topic_fails(env: dict[str, str], topics: str) -> None:
    """Compaction would keep only an account's newest message."""
    admin = AdminClient({"bootstrap.servers": topics})
    delete_topics(admin, [SUBMITTED])
    compacted = NewTopic(SUBMITTED, 4, 1, config={"cleanup.policy": "compact"})
    admin.create_topics([compacted])[SUBMITTED].result(30)
    wait_until(lambda: SUBMITTED in present_topics(admin))
    code, found = examined(env)
    assert code == 1
    assert SUBMITTED in found["topic settings"]["detail"]


def test_an_old_event_fails_while_no_projector_and_no_publisher_runs(
    database: TestDatabase, env: dict[str, str]
) -> None:
    with Database(database.service_url).connect() as connection:
        record_events(connection, [opening("acc-1")])
    assert examined(env)[0] == 0
    age_the_log(database)
    code, found = examined(env)
    assert code == 1
    assert statuses(found, FindingStatus.FAILED) == {
        *(f"project: {projection.name}" for projection in PROJECTIONS),
        *("publish: decisions", "publish: rejected-messages"),
    }
    assert "`txplatform publish` is running" in found["publish: decisions"]["advice"]


def test_an_overdue_hold_fails_and_a_hold_that_is_not_due_does_not(
    database: TestDatabase, env: dict[str, str]
) -> None:
    insert = (
        "INSERT INTO transactions"
        " (account_id, transaction_id, account_version, recorded_at, held, expires_at) VALUES"
    )
    execute(
        database,
        f"{insert} ('a', 'young', 1, now(), 1, now() + '1 hour'),"
        " ('a', 'never', 2, now(), 1, NULL),"
        " ('a', 'released', 3, now(), 0, now() - interval '2 hours')",
    )
    assert examined(env)[1]["overdue holds"]["detail"] == "No hold is overdue."
    execute(database, f"{insert} ('a', 'old', 4, now(), 1, now() - interval '1 hour')")
    code, found = examined(env)
    assert code == 1
    assert statuses(found, FindingStatus.FAILED) == {"overdue holds"}
    assert "360" in found["overdue holds"]["detail"]


@pytest.mark.parametrize(
    ("overdue_s", "status"),
    [
        (None, FindingStatus.OK),
        (9.0, FindingStatus.OK),
        (11.0, FindingStatus.WARNING),
        (61.0, FindingStatus.FAILED),
    ],
)
def test_a_hold_may_be_overdue_for_some_seconds(
    overdue_s: float | None, status: FindingStatus
) -> None:
    """Overdue holds are searched for once a second."""
    finding = age_finding("overdue holds", "project", overdue_s, 60, some="{} s ago", none="None.")
    assert finding.status == status


def test_an_unread_message_fails_once_it_is_old(env: dict[str, str], topics: str) -> None:
    sender = Sender(topics)
    sender.send(SUBMITTED, payment("p-1", "acc-1"))
    sender.flush()
    code, found = examined(env)
    assert code == 0
    assert found[f"consume: {SUBMITTED}"]["detail"] == "1 message not read yet."
    recreate_topics(topics, [SUBMITTED])
    old = Producer({"bootstrap.servers": topics})
    old.produce(SUBMITTED, b"{}", b"acc-1", timestamp=int((time.time() - 3600) * 1000))
    assert old.flush(30) == 0
    code, found = examined(env)
    assert code == 1
    assert found[f"consume: {SUBMITTED}"]["status"] == FindingStatus.FAILED
    assert "1 message not read yet, the first for 36" in found[f"consume: {SUBMITTED}"]["detail"]


def test_new_messages_are_no_fault_on_the_demos_mock_cluster(env: dict[str, str]) -> None:
    """The mock cluster cannot look up offsets by time."""
    bus = DemoBus()
    sender = Sender(bus.bootstrap_servers)
    for number in range(20):
        sender.send(SUBMITTED, payment(f"p-{number}", "acc-1"))
    sender.flush()
    _, found = examined({**env, "TXPLATFORM_KAFKA_BOOTSTRAP_SERVERS": bus.bootstrap_servers})
    assert found[f"consume: {SUBMITTED}"]["detail"] == "20 messages not read yet."


def test_no_valid_api_key_is_a_warning(database: TestDatabase, env: dict[str, str]) -> None:
    execute(database, "UPDATE api_keys SET revoked_at = now()")
    code, found = examined(env)
    assert code == 0
    assert "txplatform keys create" in found["api keys"]["advice"]


@pytest.mark.parametrize(
    ("ahead_s", "status"),
    [
        (0.0, FindingStatus.OK),
        (0.9, FindingStatus.OK),
        (1.5, FindingStatus.WARNING),
        (-90.0, FindingStatus.WARNING),
    ],
)
def test_clocks_more_than_a_second_apart_are_a_warning(
    ahead_s: float, status: FindingStatus
) -> None:
    assert clock_finding(ahead_s).status == status


def test_a_read_only_database_fails(database: TestDatabase) -> None:
    with psycopg.connect(database.service_url, autocommit=True) as connection:
        connection.execute("SET default_transaction_read_only = on")
        (finding,) = check_server(connection)
    assert finding.status is FindingStatus.FAILED
    assert "takes no writes" in finding.detail
    assert "TXPLATFORM_DATABASE_URL" in finding.advice


def test_a_server_that_does_not_fill_new_wal_files_gives_no_warning(
    own_postgres: PostgresServer,
) -> None:
    database = own_postgres.new_database()

    def finding() -> Finding:
        with Database(database.service_url).connect() as connection:
            (found,) = check_wal_files(connection)
        return found

    assert "min_wal_size is 80 MB" in finding().detail
    with psycopg.connect(database.owner_url, autocommit=True) as owner:
        owner.execute("ALTER SYSTEM SET wal_init_zero = off")
        owner.execute("SELECT pg_reload_conf()")
    wait_until(lambda: finding().status is FindingStatus.OK)
