"""A value that PostgreSQL refuses sets aside its message or its event, and no other."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from harness.commands import OPERATOR, ORIGIN, opening, purchase
from harness.histories import record, stored_account
from harness.inbound import SUBMITTED, consuming, execute, inbox, payment, settings_for
from harness.parts import running
from harness.postgres import PostgresServer, TestDatabase
from harness.raw_records import send_bytes
from harness.read_models import catch_up, transaction_rows
from harness.verification import differences
from harness.waiting import wait_until
from txplatform.consumers.batch_processor import InboundBatch
from txplatform.consumers.isolation import process_in_parts
from txplatform.consumers.parked_messages import ContentsWithheldError, retry_message
from txplatform.consumers.parsing import ParsedMessage, read_message
from txplatform.contracts.inbound_messages import MessageStatus
from txplatform.database import Database
from txplatform.database_clock import database_time
from txplatform.decisions.decider import Decider
from txplatform.doctor.finding import FindingStatus
from txplatform.doctor.lag import check_skipped_events
from txplatform.domain.rules.amount_limit import AmountLimit
from txplatform.domain.rulesets import RuleSet
from txplatform.expiry.runner import HoldExpirer
from txplatform.inbox.message import Headers, ReceivedMessage
from txplatform.inbox.positions import Move, Position, begin, stored_positions
from txplatform.inbox.positions import PartitionKey as Key
from txplatform.processing.account_cache import AccountCache
from txplatform.projections.projection import skipped_events
from txplatform.projections.rebuild import rebuild
from txplatform.projections.transactions import TRANSACTIONS
from txplatform.publisher.parked_messages import ParkedMessages
from txplatform.rulebook.store import add_ruleset, start_shadowing
from txplatform.settings import Settings
from txplatform.shadow.runner import Shadower

ODD = "odd"
"""The name of a header that a database refuses."""

_NO_EVENT = "ALTER TABLE events ADD CONSTRAINT odd CHECK (event_key NOT LIKE '%%bad%%')"
_NO_HEADER = (
    "ALTER TABLE inbound_contents ADD CONSTRAINT odd CHECK (headers::text NOT LIKE '%%odd%%')"
)
_NO_ROW = "ALTER TABLE inbound_messages ADD CONSTRAINT odd CHECK (business_key NOT LIKE '%%bad%%')"


def _message(partition: int, offset: int, payment_id: str, headers: Headers = ()) -> ParsedMessage:
    account = f"acc-{partition}"
    body = json.dumps(payment(payment_id, account, 7)).encode()
    return read_message(
        ReceivedMessage(
            "cluster", SUBMITTED, "id", partition, offset, None, account.encode(), headers, body
        )
    )


def _process(
    connection: psycopg.Connection, messages: list[ParsedMessage], ends: dict[int, tuple[int, int]]
) -> None:
    moves = [Move(SUBMITTED, partition, *move) for partition, move in ends.items()]
    batch = InboundBatch("cluster", messages, moves, database_time(connection))
    for _ in process_in_parts(connection, AccountCache(10), batch):
        pass


@pytest.mark.parametrize("refusal", [_NO_EVENT, pytest.param(_NO_ROW, marks=pytest.mark.long)])
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_i2_any_refused_messages_among_others_park_alone(
    postgres: PostgresServer, refusal: str, data: st.DataObject
) -> None:
    """In any place of the batch; each partition's position ends where the batch ends."""
    messages = data.draw(
        st.lists(st.tuples(st.integers(0, 2), st.booleans()), min_size=1, max_size=12), "messages"
    )
    database = postgres.new_database()
    execute(database, refusal)
    ends: dict[int, tuple[int, int]] = {}
    batch, bad = [], 0
    for number, (partition, is_bad) in enumerate(messages):
        begins, ended = ends.get(partition, (100, 100))
        batch.append(_message(partition, ended, f"bad-{number}" if is_bad else f"p-{number}"))
        ends[partition] = begins, ended + 1 + (number % 2)  # some offsets hold no message
        bad += is_bad
    with Database(database.service_url).connect() as connection:
        begin(connection, "cluster", [Position(SUBMITTED, each, "id", 100) for each in ends])
        _process(connection, batch, ends)
        keys = [Key(SUBMITTED, each) for each in ends]
        stored = stored_positions(connection, "cluster", keys)
    assert {key.partition: each.next_offset for key, each in stored.items()} == {
        partition: end for partition, (_, end) in ends.items()
    }
    found = [message for message in inbox(database) if message.status is MessageStatus.PARKED]
    assert [message.reason for message in found] == ["refused_by_database"] * bad
    good = [number for number, (_, is_bad) in enumerate(messages) if not is_bad]
    keys_in_log = execute(database, "SELECT event_key FROM events")
    assert {key for (key,) in keys_in_log} == {f"waiting:payment:p-{number}" for number in good}
    postgres.drop(database)


def test_a_refused_message_can_be_retried_when_the_cause_is_gone(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    execute(database, _NO_EVENT)
    begin(service, "cluster", [Position(SUBMITTED, 0, "id", 0)])
    _process(service, [_message(0, 0, "bad-1")], {0: (0, 1)})
    (parked,) = inbox(database)
    assert (parked.account_id, parked.withheld) == ("acc-0", False)
    assert parked.detail == "PostgreSQL refuses a value: CheckViolation (23514)."
    assert retry_message(service, parked.id, OPERATOR).reason == "refused_by_database"
    execute(database, "ALTER TABLE events DROP CONSTRAINT odd")
    assert retry_message(service, parked.id, OPERATOR).status is MessageStatus.WAITING


def test_contents_that_the_database_refuses_are_withheld(database: TestDatabase) -> None:
    """The message parks with its origin and the reason; the messages around it are applied."""
    execute(database, _NO_HEADER)
    batch = [
        _message(0, 0, "p-0"),
        _message(0, 1, "p-1", headers=((ODD, b"x"),)),
        _message(0, 2, "p-2"),
    ]
    with Database(database.service_url).connect() as connection:
        begin(connection, "cluster", [Position(SUBMITTED, 0, "id", 0)])
        _process(connection, batch, {0: (0, 3)})
        first, parked, last = inbox(database)
        assert first.status is last.status is MessageStatus.WAITING
        assert (parked.offset, parked.reason) == (1, "refused_by_database")
        assert (parked.withheld, parked.account_id, parked.business_key) == (True, None, None)
        assert parked.detail == "PostgreSQL refuses a value: CheckViolation (23514)."
        with pytest.raises(ContentsWithheldError):
            retry_message(connection, parked.id, OPERATOR)
        published = ParkedMessages().read(connection, 0)
        assert published is not None
        (record_of_it,) = published.records
        assert ("dlq_withheld", b"refused_by_database") in record_of_it.headers
        assert record_of_it.body is None


@pytest.mark.long
def test_i8_the_consumer_goes_on_after_a_header_that_the_database_refuses(
    database: TestDatabase, topics: str
) -> None:
    execute(database, _NO_HEADER)
    with consuming(settings_for(database, topics)) as consumer:
        before = len(inbox(database))
        body = json.dumps(payment("p-9", "acc-9")).encode()
        for headers in ([(ODD.encode(), b"x")], []):
            send_bytes(topics, SUBMITTED, b"acc-9", body, headers)
        wait_until(lambda: len(inbox(database)) == before + 2, message="both messages")
        wait_until(lambda: consumer.health().ready, message="the consumer to be ready")
    assert [each.reason for each in inbox(database)[before:]] == ["refused_by_database", None]


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    bad=st.sets(st.integers(0, 9), max_size=4),
    limit=st.integers(1, 12),
)
def test_i1_a_read_model_lacks_the_refused_events_alone_until_it_is_rebuilt(
    postgres: PostgresServer, bad: set[int], limit: int
) -> None:
    database = postgres.new_database()
    execute(database, "ALTER TABLE transactions ADD CONSTRAINT odd CHECK (held <> 13)")
    with Database(database.service_url).connect() as connection:
        record(connection, [opening("acc", 10_000)])
        purchases = [purchase("acc", f"t{n}", 13 if n in bad else 5) for n in range(10)]
        record(connection, purchases)
        catch_up(connection, limit)
        found = {row.transaction_id for row in transaction_rows(connection)}
        assert found == {f"t{n}" for n in range(10) if n not in bad}
        assert skipped_events(connection, TRANSACTIONS.name).number == len(bad)
        (finding,) = check_skipped_events(connection)
        assert finding.status is (FindingStatus.FAILED if bad else FindingStatus.OK)
        assert bool(differences(database)) is bool(bad)
        execute(database, "ALTER TABLE transactions DROP CONSTRAINT odd")
        rebuild(Database(database.owner_url), TRANSACTIONS)
        assert skipped_events(connection, TRANSACTIONS.name).number == 0
        assert len(transaction_rows(connection)) == 10
        assert differences(database) == []
    postgres.drop(database)


def test_a_refused_purchase_fails_alone(database: TestDatabase) -> None:
    """Also for a limit of PostgreSQL, whose error is among those that usually pass."""
    execute(
        database,
        """
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN RAISE program_limit_exceeded; END';
        CREATE TRIGGER refuse BEFORE INSERT ON events FOR EACH ROW
        WHEN (new.event_key LIKE '%%bad%%') EXECUTE FUNCTION refuse();
        """,
    )

    async def decide() -> Sequence[object]:
        decider = Decider(
            Settings(database_url=SecretStr(database.service_url)),
            Database(database.service_url),
        )
        await decider.start()
        await decider.submit(opening("acc", 1000), origin=ORIGIN)
        answers = await asyncio.gather(
            *(
                decider.submit(purchase("acc", "bad" if n == 4 else f"t{n}", 1), origin=ORIGIN)
                for n in range(9)
            ),
            return_exceptions=True,
        )
        assert not decider.fault()
        await decider.stop()
        return answers

    answers = asyncio.run(decide())
    assert [isinstance(answer, BaseException) for answer in answers].count(True) == 1
    assert isinstance(answers[4], psycopg.errors.ProgramLimitExceeded)
    assert stored_account(database, "acc").pending == 8


def test_i8_a_refused_expiry_holds_up_no_other_hold(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    execute(
        database, "ALTER TABLE events ADD CONSTRAINT odd CHECK (event_key <> 'hold-expired:t3')"
    )
    long_ago = datetime.now(UTC) - timedelta(days=100)
    record(service, [opening("acc"), opening("other")], begin=long_ago)
    holds = [purchase("other" if n == 3 else "acc", f"t{n}", 5) for n in range(7)]
    record(service, holds, begin=long_ago)
    catch_up(service)
    platform = Settings(database_url=SecretStr(database.service_url))
    expirer = HoldExpirer(platform, platform.service_database, CollectorRegistry())
    with running(expirer):
        wait_until(lambda: "one is other" in expirer.health().detail, message="the bad hold")
    keys = execute(database, "SELECT event_key FROM events WHERE event_key LIKE 'hold-expired:%%'")
    assert {key for (key,) in keys} == {f"hold-expired:t{n}" for n in range(7) if n != 3}


def test_i8_a_refused_disagreement_holds_up_no_other(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    execute(database, "ALTER TABLE shadow_disagreements ADD CONSTRAINT odd CHECK (amount <> 13)")
    none_above_1 = RuleSet("small", 1, "", (AmountLimit(1),))
    add_ruleset(service, none_above_1, by=OPERATOR)
    start_shadowing(service, "s", none_above_1.id, reason="Try.", by=OPERATOR)
    record(service, [opening("acc")])
    record(service, [purchase("acc", f"t{n}", 13 if n == 3 else 5) for n in range(7)])
    platform = Settings(database_url=SecretStr(database.service_url))
    shadower = Shadower(platform, platform.service_database, CollectorRegistry())
    while shadower.advance(service):
        pass
    stored = execute(database, "SELECT transaction_id FROM shadow_disagreements")
    assert {transaction for (transaction,) in stored} == {f"t{n}" for n in range(7) if n != 3}
