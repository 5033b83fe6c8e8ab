"""The rule book in a real database: order, duplicates and concurrent writers."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime
from time import monotonic

import psycopg
import pytest

from harness.commands import OPERATOR, opening
from harness.histories import record
from harness.postgres import TestDatabase
from harness.waiting import wait_until
from txplatform.database import Database
from txplatform.domain.cause import OperatorCause
from txplatform.domain.rules.amount_limit import AmountLimit
from txplatform.domain.rulesets import DEFAULT_RULESET, RuleSet, RulesNotUnderstoodError
from txplatform.rulebook.book import UnreadableRuleSetError
from txplatform.rulebook.changes import UnknownChangeError
from txplatform.rulebook.in_force import RulesInForce
from txplatform.rulebook.store import (
    READ_CHANGES,
    RefusedChangeError,
    activate,
    add_ruleset,
    end_shadowing,
    read_book,
    start_shadowing,
)


def retail(version: int) -> RuleSet:
    """A rule set that differs from other versions in its limit."""
    return RuleSet("retail", version, f"At most {version}", (AmountLimit(version),))


def make_unreadable(database: TestDatabase) -> None:
    """Alter the stored content of retail@1, the first change, as the database owner."""
    with psycopg.connect(database.owner_url, autocommit=True) as owner:
        owner.execute("ALTER TABLE ruleset_events DISABLE TRIGGER ruleset_events_append_only")
        owner.execute(
            "UPDATE ruleset_events SET state = convert_to(replace(convert_from(state, 'UTF8'),"
            " '\"max_amount\":1', '\"max_amount\":6'), 'UTF8') WHERE version = 1"
        )


def activated(connection: psycopg.Connection, activation_id: str, ruleset_id: str) -> bool:
    """Activate a rule set; return True for a replay."""
    return activate(connection, activation_id, ruleset_id, reason="Why.", by=OPERATOR).replayed


def test_the_built_in_rule_set_is_in_force_in_an_empty_rule_book(
    service: psycopg.Connection,
) -> None:
    """It can be activated again at any time."""
    assert read_book(service).active == DEFAULT_RULESET
    add_ruleset(service, retail(1), by=OPERATOR)
    activated(service, "a1", "retail@1")
    assert read_book(service).active == retail(1)
    activated(service, "a2", "default@1")
    assert read_book(service).active == DEFAULT_RULESET


def test_i7_the_rule_books_versions_are_contiguous_with_concurrent_writers(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    """Eight writers record each change twice; each change is stored once."""
    add_ruleset(service, retail(1), by=OPERATOR)
    copies: list[bool] = []

    def write(writer: int) -> None:
        with Database(database.service_url).connect() as connection:
            for number in range(10):
                name = f"a{writer // 2}-{number}"
                copies.append(activated(connection, name, "retail@1"))

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(copies) == [False] * 40 + [True] * 40
    versions = service.execute("SELECT version FROM ruleset_events ORDER BY version").fetchall()
    assert versions == [(version,) for version in range(1, 42)]


def test_i7_the_rule_book_cannot_be_altered_by_the_service(service: psycopg.Connection) -> None:
    add_ruleset(service, retail(1), by=OPERATOR)
    for statement in ("UPDATE ruleset_events SET version = 9", "DELETE FROM ruleset_events"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            service.execute(statement.encode())


def test_i7_an_altered_rule_set_decides_nothing(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    """Its content does not match its hash."""
    add_ruleset(service, retail(1), by=OPERATOR)
    activated(service, "a1", "retail@1")
    make_unreadable(database)
    with pytest.raises(UnreadableRuleSetError, match="altered after it was added"):
        _ = read_book(service).active


def test_an_unreadable_rule_set_is_neither_activated_nor_shadowed(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    """Otherwise one call would stop all purchases."""
    add_ruleset(service, retail(1), by=OPERATOR)
    make_unreadable(database)
    with pytest.raises(UnreadableRuleSetError):
        activated(service, "a1", "retail@1")
    with pytest.raises(UnreadableRuleSetError):
        start_shadowing(service, "s1", "retail@1", reason="Try.", by=OPERATOR)
    assert read_book(service).version == 1


def test_an_id_is_refused_for_another_rule_set_or_reason(service: psycopg.Connection) -> None:
    for version in (1, 2):
        add_ruleset(service, retail(version), by=OPERATOR)
    activate(service, "a1", "retail@1", reason="Why.", by=OPERATOR)
    start_shadowing(service, "s1", "retail@2", reason="Why.", by=OPERATOR)
    for ruleset_id, reason in (("retail@1", "Because."), ("retail@2", "Why.")):
        with pytest.raises(RefusedChangeError) as refused:
            activate(service, "a1", ruleset_id, reason=reason, by=OPERATOR)
        assert refused.value.reason == "id_reused"
    with pytest.raises(RefusedChangeError):
        start_shadowing(service, "s1", "retail@2", reason="Because.", by=OPERATOR)
    assert read_book(service).version == 4


def test_an_activation_takes_effect_once_the_last_read_is_too_old(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    """It does not take effect earlier, since each read costs a round trip."""

    async def before_and_after(max_age_s: float) -> list[RuleSet | RulesNotUnderstoodError]:
        rules = RulesInForce(max_age_s)
        async with await psycopg.AsyncConnection.connect(database.service_url) as connection:
            before = await rules.current(connection)
            activated(service, f"a{max_age_s}", "retail@1")
            return [before, await rules.current(connection)]

    add_ruleset(service, retail(1), by=OPERATOR)
    assert asyncio.run(before_and_after(60)) == [DEFAULT_RULESET, DEFAULT_RULESET]
    activated(service, "back", DEFAULT_RULESET.id)
    assert asyncio.run(before_and_after(0)) == [DEFAULT_RULESET, retail(1)]


def test_an_unknown_change_is_refused_by_name(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    """It is not skipped, since its meaning is unknown."""
    with psycopg.connect(database.owner_url, autocommit=True) as owner:
        owner.execute(
            "INSERT INTO ruleset_events (version, event_id, event_key, topic, state)"
            " VALUES (1, 'e', 'k:1', 'ruleset-retired', '{}')"
        )
    with pytest.raises(
        UnknownChangeError,
        match="Change 1 of the rule book is of the unknown kind 'ruleset-retired'",
    ):
        read_book(service)


def test_a_late_read_does_not_replace_a_newer_one(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    """Another lane has read later changes, and its read is still fresh."""
    for version in (1, 2):
        add_ruleset(service, retail(version), by=OPERATOR)
    activated(service, "a1", "retail@1")
    rules, long_ago = RulesInForce(max_age_s=60), monotonic() - 100
    late = service.execute(READ_CHANGES, (rules.version,)).fetchall()
    activated(service, "a2", "retail@2")

    async def read_rules() -> RuleSet | RulesNotUnderstoodError:
        async with await psycopg.AsyncConnection.connect(database.service_url) as connection:
            return await rules.current(connection)

    assert asyncio.run(read_rules()) == retail(2)
    rules.take(late, long_ago, after=0)
    assert (rules.active_id, rules.version) == ("retail@2", 4)
    activated(service, "a3", "default@1")
    assert asyncio.run(read_rules()) == retail(2)

    rules = RulesInForce(max_age_s=60)
    rose = (5, "e", datetime.now(UTC), "moon-rose", b"{}")
    rules.take([*service.execute(READ_CHANGES, (0,)).fetchall()[:4], rose], monotonic(), after=0)
    rules.take(late, monotonic(), after=0)
    assert isinstance(rules.not_understood, UnknownChangeError)
    assert asyncio.run(read_rules()) is rules.not_understood


def test_a_read_from_before_forget_is_ignored(service: psycopg.Connection) -> None:
    """The read has the end of a rule book whose beginning was dropped."""
    add_ruleset(service, retail(1), by=OPERATOR)
    rules = RulesInForce(max_age_s=60)
    rules.take(service.execute(READ_CHANGES, (0,)).fetchall(), monotonic(), after=0)
    rules.forget()
    rules.take([], monotonic(), after=1)
    assert (rules.version, rules.active_id) == (0, None)


def test_a_rule_set_never_changes(service: psycopg.Connection) -> None:
    """A description cannot change either."""
    add_ruleset(service, retail(1), by=OPERATOR)
    assert add_ruleset(service, retail(1), by=OperatorCause("somebody else")).replayed
    with pytest.raises(RefusedChangeError, match="never change") as refused:
        add_ruleset(service, RuleSet("retail", 1, "Other words", (AmountLimit(1),)), by=OPERATOR)
    assert refused.value.reason == "id_reused"
    assert read_book(service).rulesets["retail@1"].added_by == "me"


def test_adding_the_built_in_rule_set_changes_nothing(service: psycopg.Connection) -> None:
    """With other contents it is refused."""
    added = add_ruleset(service, DEFAULT_RULESET, by=OPERATOR)
    assert added.replayed
    assert (added.book.version, read_book(service).version) == (0, 0)
    with pytest.raises(RefusedChangeError, match="built in, with other contents") as refused:
        add_ruleset(service, RuleSet("default", 1, "Mine"), by=OPERATOR)
    assert refused.value.reason == "id_reused"


def test_i4_a_repeated_change_is_replayed_after_later_changes(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    """It is replayed even if its rule set is active, or if this version cannot read it."""
    for version in (1, 2):
        add_ruleset(service, retail(version), by=OPERATOR)

    def shadow(ruleset_id: str, reason: str = "Try.") -> bool:
        return start_shadowing(service, "s", ruleset_id, reason=reason, by=OPERATOR).replayed

    def everything_again() -> list[bool]:
        added = add_ruleset(service, retail(1), by=OPERATOR).replayed
        return [added, shadow("retail@1"), activated(service, "a1", "retail@1")]

    assert everything_again() == [True, False, False]
    version = read_book(service).version
    assert everything_again() == [True, True, True]
    make_unreadable(database)
    assert everything_again() == [True, True, True]
    for ruleset_id, reason in (("retail@2", "Try."), ("retail@9", "Try."), ("retail@1", "Why?")):
        with pytest.raises(RefusedChangeError, match="with other contents") as refused:
            shadow(ruleset_id, reason)
        assert refused.value.reason == "id_reused"
    for ruleset_id in ("retail@2", "retail@9"):
        with pytest.raises(RefusedChangeError, match="with other contents"):
            activated(service, "a1", ruleset_id)
    assert read_book(service).version == version


def test_ending_a_shadow_evaluation_that_was_just_replaced_changes_nothing(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    """The first evaluation judges up to the position where the second begins."""
    for version in (1, 2):
        add_ruleset(service, retail(version), by=OPERATOR)
    start_shadowing(service, "s1", "retail@1", reason="Try.", by=OPERATOR)

    def end() -> None:
        with Database(database.service_url).connect() as connection:
            end_shadowing(connection, "retail@1", "s1", by=OPERATOR)

    ending = threading.Thread(target=end)
    with Database(database.service_url).connect() as other:
        with service.transaction():
            start_shadowing(service, "s2", "retail@2", reason="Try.", by=OPERATOR)
            record(other, [opening("acc")])
            ending.start()
            wait_until(lambda: waits_for_the_rule_book(other), message="the end to be requested")
        ending.join()
    first, second = read_book(service).shadowings.values()
    assert first.until_position == second.after_position == 0
    assert second.until_position is None


def waits_for_the_rule_book(connection: psycopg.Connection) -> bool:
    """Return whether a connection is waiting for an advisory lock."""
    query = """
        SELECT count(*) FROM pg_locks JOIN pg_database ON pg_locks.database = pg_database.oid
        WHERE datname = current_database() AND locktype = 'advisory' AND NOT granted
    """
    return connection.execute(query).fetchone() == (1,)


def test_one_rule_set_is_evaluated_in_shadow_at_a_time(service: psycopg.Connection) -> None:
    """Another evaluation, the activation of its rule set, or a request ends it."""
    for version in (1, 2):
        add_ruleset(service, retail(version), by=OPERATOR)

    def start(shadowing_id: str, ruleset_id: str) -> None:
        start_shadowing(service, shadowing_id, ruleset_id, reason="Try.", by=OPERATOR)

    def running() -> str | None:
        shadowing = read_book(service).shadowing
        return None if shadowing is None else shadowing.shadowing_id

    start("s1", "retail@1")
    start("s2", "retail@2")
    assert running() == "s2"
    activated(service, "a1", "retail@1")
    assert running() == "s2"
    activated(service, "a2", "retail@2")
    assert running() is None
    with pytest.raises(RefusedChangeError, match="is in force"):
        start("s3", "retail@2")
    start("s3", "retail@1")
    end_shadowing(service, "retail@1", "s3", by=OPERATOR)
    assert running() is None
    assert all(each.ended_at for each in read_book(service).shadowings.values())
    end_shadowing(service, "retail@1", "s3", by=OPERATOR)
    with pytest.raises(RefusedChangeError, match="no shadow evaluation"):
        end_shadowing(service, "retail@2", "s3", by=OPERATOR)
