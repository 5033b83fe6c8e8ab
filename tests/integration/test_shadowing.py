"""A shadowed rule set judges every decision once, on the state before the decision."""

from __future__ import annotations

import random
from datetime import timedelta

import psycopg
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from harness.commands import NOW, OPERATOR, clearing, opening, payment, purchase
from harness.histories import read_whole_log, record
from harness.inbound import execute
from harness.postgres import TestDatabase
from txplatform.contracts.ruleset_responses import DisagreementsResponse
from txplatform.database import Database
from txplatform.domain.events import AuthorizationApproved, AuthorizationDeclined
from txplatform.domain.rules.amount_limit import AmountLimit
from txplatform.domain.rules.velocity import VelocityCount
from txplatform.domain.rulesets import RuleSet
from txplatform.projections.snapshots import retake_snapshots
from txplatform.rulebook.store import add_ruleset, end_shadowing, read_book, start_shadowing
from txplatform.settings import Settings
from txplatform.shadow import store
from txplatform.shadow.runner import Shadower
from txplatform.shadow.store import Progress, list_disagreements, read_progress

AT_MOST_50 = RuleSet("small", 1, "", (AmountLimit(50),))
TWO_AN_HOUR = RuleSet("slow", 1, "", (VelocityCount(60, 2),))


FAIL_AT_COMMIT = """
CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''gone''; END';
CREATE CONSTRAINT TRIGGER fail AFTER UPDATE ON shadowings DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION fail();
"""


def shadower(database: TestDatabase, batch_events: int = 1000) -> Shadower:
    """A shadower that the test advances step by step."""
    settings = Settings(database_url=SecretStr(database.service_url))
    return Shadower(settings, Database(database.service_url), CollectorRegistry(), batch_events)


def shadow(connection: psycopg.Connection, ruleset: RuleSet, shadowing_id: str = "s") -> None:
    """Evaluate a rule set in shadow from now on."""
    add_ruleset(connection, ruleset, by=OPERATOR)
    start_shadowing(connection, shadowing_id, ruleset.id, reason="Try.", by=OPERATOR)


def counts(connection: psycopg.Connection, shadowing_id: str = "s") -> tuple[int, int, int]:
    """The numbers of judged, newly declined and newly approved decisions."""
    progress = read_progress(connection)[shadowing_id]
    return progress.judged, progress.newly_declined, progress.newly_approved


def some_purchases(connection: psycopg.Connection, accounts: int = 5) -> None:
    """In each account, 70 and 30 are approved and 40 exceeds the credit."""
    for name in (f"acc-{each}" for each in range(accounts)):
        record(connection, [opening(name, 100), purchase(name, f"{name}-a", 70)])
        record(connection, [purchase(name, f"{name}-b", 40), purchase(name, f"{name}-c", 30)])


def disagreements(
    connection: psycopg.Connection, *, limit: int = 100, cursor: str | None = None
) -> DisagreementsResponse:
    """Return a page of the disagreements of the shadow evaluation `s`."""
    shadowing = read_book(connection).shadowings["s"]
    return list_disagreements(connection, shadowing, limit=limit, cursor=cursor)


def test_disagreements_are_counted_and_listed(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    """A limit only declines more: purchases without credit lack it in shadow too."""
    shadow(service, AT_MOST_50)
    some_purchases(service)
    shadower(database).advance(service)
    assert counts(service) == (15, 5, 0)
    listed = disagreements(service).items
    assert [each.transaction_id for each in listed] == [f"acc-{n}-a" for n in (4, 3, 2, 1, 0)]
    (newest, *_) = listed
    assert (newest.decision, newest.shadow_decision, newest.amount) == ("approved", "declined", 70)
    assert newest.reasons == []
    assert newest.shadow_reasons[0]["code"] == "amount_limit_exceeded"
    first = disagreements(service, limit=3)
    second = disagreements(service, limit=3, cursor=first.next_cursor)
    assert first.items + second.items == listed
    assert second.next_cursor is None


def test_it_judges_decisions_between_its_start_and_its_end(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    """The shadower may run much later."""
    some_purchases(service, 1)
    shadow(service, AT_MOST_50)
    record(service, [opening("b"), purchase("b", "b1", 60), purchase("b", "b2", 10)])
    end_shadowing(service, AT_MOST_50.id, "s", by=OPERATOR)
    record(service, [purchase("b", "b3", 61)])
    judge = shadower(database)
    while judge.advance(service):
        pass
    assert counts(service) == (2, 1, 0)
    assert not judge.advance(service)
    assert judge.health().detail == "no rule set is shadowed"


def test_velocity_windows_include_purchases_from_before_the_evaluation(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    """The counts are computed by hand; snapshots newer than a decision must not be used."""
    chance = random.Random(7)
    record(service, [opening(name, 10_000) for name in ("a", "b", "c")])
    moment = NOW
    for number in range(60):
        moment += timedelta(minutes=chance.randrange(25))
        name = chance.choice("abc")
        record(service, [purchase(name, f"t{number}", 1 + number)], begin=moment)
        if number == 20:
            shadow(service, TWO_AN_HOUR)
    retake_snapshots(Database(database.owner_url), every=10)
    shadower(database).advance(service)

    expected: set[str] = set()
    approved: dict[str, list[int]] = {}
    for logged in read_whole_log(service):
        event = logged.event
        if isinstance(event, AuthorizationApproved):
            minute = int(event.timestamp.timestamp() // 60)
            earlier = approved.setdefault(event.originator_id, [])
            if sum(minute - each <= 60 for each in earlier) >= 2:
                expected.add(event.purchase.transaction_id)
            earlier.append(minute)
    found = {each.transaction_id for each in disagreements(service).items}
    assert found == {each for each in expected if int(each[1:]) > 20}
    assert len(found) > 5


def test_i8_two_shadowers_that_fail_in_turns_count_everything_once(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    """Stale cached accounts and rollbacks change nothing."""
    execute(database, FAIL_AT_COMMIT)
    shadow(service, TWO_AN_HOUR)
    for number in range(40):
        name = f"acc-{number % 3}"
        record(service, [opening(name)] if number < 3 else [purchase(name, f"t{number}", 1)])
    chance = random.Random(3)
    both = [shadower(database, batch_events=3), shadower(database, batch_events=3)]
    more, failed = True, 0
    while more:
        way = "ENABLE" if chance.random() < 0.3 else "DISABLE"
        execute(database, f"ALTER TABLE shadowings {way} TRIGGER fail")
        try:
            more = chance.choice(both).advance(service)
        except psycopg.errors.RaiseException:
            failed += 1
    assert failed > 2
    # The limit is two an hour: the first two of each account pass, all others do not.
    assert counts(service) == (37, 31, 0)
    assert len(disagreements(service).items) == 31


def test_a_decision_is_judged_on_the_state_before_it(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    """A payment between two purchases counts only for the second."""
    shadow(service, RuleSet("none", 1, "Nothing more than what always holds"))
    record(service, [opening("a", 100), purchase("a", "t1", 100), purchase("a", "t2", 1)])
    record(service, [payment("a", "p", 1), purchase("a", "t3", 1)])
    shadower(database).advance(service)
    assert counts(service) == (3, 0, 0)
    decisions = [
        type(logged.event)
        for logged in read_whole_log(service)
        if isinstance(logged.event, AuthorizationApproved | AuthorizationDeclined)
    ]
    assert decisions == [AuthorizationApproved, AuthorizationDeclined, AuthorizationApproved]


def test_the_amount_posted_before_a_late_authorization_is_added_back(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    """The clearing already used the credit, which the authorization must not need again."""
    shadow(service, RuleSet("none", 1, "Nothing more than what always holds"))
    record(service, [opening("a", 100), clearing("a", "t", "c", 100)])
    record(service, [purchase("a", "t", 100)])
    shadower(database).advance(service)
    assert isinstance([*read_whole_log(service)][-1].event, AuthorizationApproved)
    assert counts(service) == (1, 0, 0)


def test_a_shadower_that_does_not_lead_stands_by_without_waiting(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    """The leader may be slow or frozen."""
    some_purchases(service, 1)
    shadow(service, AT_MOST_50)
    judge = shadower(database)
    judge.advance(service)
    record(service, [purchase("acc-0", "later", 1)])
    with Database(database.service_url).connect() as other, other.transaction():
        assert store.checkpoint_of("s").try_to_lock(other) is not None
        assert not judge.advance(service)
        assert "stands by" in judge.health().detail
    judge.advance(service)
    assert counts(service) == (1, 0, 0)


def test_a_shadow_evaluation_without_decisions_is_at_its_start(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    some_purchases(service, 1)
    shadow(service, AT_MOST_50)
    judge = shadower(database)
    assert not judge.advance(service)
    assert judge.health().ready
    assert read_progress(service)["s"] == Progress(
        "s", max(logged.position for logged in read_whole_log(service)), 0, 0, 0
    )
