"""`verify` judges recorded decisions again, and checks the rule book (I7)."""

from __future__ import annotations

import random
from datetime import timedelta

import psycopg
import pytest

from harness.commands import (
    NOW,
    OPERATOR,
    clearing,
    correction,
    expiry,
    increment,
    opening,
    operator_status,
    payment,
    purchase,
    refund,
    reversal,
)
from harness.histories import record
from harness.postgres import TestDatabase
from harness.verification import differences, tampering
from txplatform.audit.verify import verify
from txplatform.database import Database
from txplatform.domain.commands import Command
from txplatform.domain.rules.amount_limit import AmountLimit
from txplatform.domain.rules.category_lists import CategoryDeny
from txplatform.domain.rules.velocity import VelocityAmount, VelocityCount
from txplatform.domain.rulesets import DEFAULT_RULESET, RuleSet
from txplatform.domain.status import FreezeReason
from txplatform.rulebook.book import UnreadableRuleSetError
from txplatform.rulebook.store import activate, add_ruleset, read_book

SLOW = RuleSet("slow", 1, "", (VelocityCount(60, 2), VelocityAmount(1440, 90)))
SMALL = RuleSet("small", 1, "", (AmountLimit(30), CategoryDeny(("7995",))))

IDLE = RuleSet("idle", 1)
NOTHING = '{"credit_limit":0,"posted":0,"pending":0,"available":0}'


@pytest.fixture(autouse=True)
def _three_rule_sets(service: psycopg.Connection) -> None:
    """Add three more rule sets to the rule book."""
    for ruleset in (SLOW, SMALL, IDLE):
        add_ruleset(service, ruleset, by=OPERATOR)
    for ruleset in (SLOW, SMALL):
        activate(service, f"once {ruleset.name}", ruleset.id, reason="Go.", by=OPERATOR)


def alter(database: TestDatabase, version: int, old: str, new: str) -> None:
    """Replace a text in the stored event with this version."""
    with tampering(database) as owner:
        changed = owner.execute(
            "UPDATE events SET state = convert_to(replace(convert_from(state, 'UTF8'), %s, %s),"
            " 'UTF8') WHERE originator_version = %s"
            " AND strpos(convert_from(state, 'UTF8'), %s) > 0",
            (old, new, version, old),
        )
        assert changed.rowcount == 1


def test_every_recorded_decision_is_confirmed(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    """The history has velocity windows, clearings, reversals, payments and rule changes."""
    chance = random.Random(11)
    record(service, [opening(name, 300) for name in ("a", "b")])
    moment = NOW
    for number in range(120):
        moment += timedelta(minutes=chance.randrange(40))
        name, earlier = chance.choice("ab"), f"t{chance.randrange(number + 1)}"
        ruleset = chance.choice((DEFAULT_RULESET, SLOW, SMALL))
        command = chance.choice(
            (
                purchase(name, f"t{number}", chance.randrange(60)),
                purchase(name, f"t{number}", chance.randrange(60)),
                clearing(name, earlier, f"c{number}", 1 + chance.randrange(50)),
                reversal(name, earlier, f"r{number}"),
                increment(name, earlier, f"i{number}", 1 + chance.randrange(40)),
                payment(name, f"p{number}", 1 + chance.randrange(60)),
            )
        )
        record(service, [command], begin=moment, ruleset=ruleset)
    row = service.execute(
        "SELECT count(*) FROM events WHERE topic ~ '^(authorization|increment)-.*ed$'"
    )
    decided = sum(int(each[0]) for each in row)
    result = verify(Database(database.service_url))
    assert result.passed, result.differences.kept
    assert 0 < result.compared["re-evaluated decisions"] <= decided
    declined = service.execute(
        "SELECT count(*) FROM events WHERE topic = 'authorization-declined'"
    ).fetchone()
    assert declined is not None
    assert declined[0] > 10


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ('"ruleset":"small@1"', '"ruleset":"slow@1"', "observed"),
        ('"ruleset":"small@1"', '"ruleset":"small@2"', "ruleset"),
        ('"ruleset":"small@1"', '"ruleset":"idle@1"', "ruleset"),
        ('"credit_limit":31', '"credit_limit":32', "observed"),
        ('"code":"amount_limit_exceeded"', '"code":"merchant_not_allowed"', "reasons"),
        ('"limit":30', '"limit":29', "reasons"),
    ],
)
def test_i7_an_altered_rule_set_measurement_or_reason_of_a_decision_is_reported(
    database: TestDatabase, service: psycopg.Connection, old: str, new: str, field: str
) -> None:
    record(service, [opening("a", 300), purchase("a", "t", 31)], ruleset=SMALL)
    assert differences(database) == []
    alter(database, 2, old, new)
    assert ("a", 2, field) in differences(database)


def test_i7_an_altered_rule_set_is_reported(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    """The decisions that it no longer explains are reported too."""
    record(service, [opening("a", 300), purchase("a", "t", 31)], ruleset=SMALL)
    with tampering(database) as owner:
        owner.execute(
            "UPDATE ruleset_events SET state = convert_to(replace(convert_from(state, 'UTF8'),"
            " '\"max_amount\":30', '\"max_amount\":40'), 'UTF8')"
        )
    assert differences(database) == [("rule book", 5, "small@1"), ("a", 2, "ruleset")]


def test_i7_a_change_that_was_removed_from_the_rule_book_is_reported(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    """The report shows a gap in versions, a wrong key, or a change without its rule set."""
    with tampering(database) as owner:
        owner.execute("UPDATE ruleset_events SET event_key = 'activation:x' WHERE version = 4")
        owner.execute("DELETE FROM ruleset_events WHERE version = 2")
    assert differences(database) == [
        ("rule book", 3, "version"),
        ("rule book", 4, "event_key"),
        ("rule book", 5, "ruleset_id"),
    ]
    with pytest.raises(UnreadableRuleSetError, match="small@1"):
        _ = read_book(service).active


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("transaction_id = NULL", ("a", 3, "transaction_id")),
        (
            "state = replace(convert_from(state, 'UTF8'), 'released\":60', 'released\":1')::bytea",
            ("a", 3, "hold"),
        ),
    ],
)
def test_i7_an_altered_clearing_is_reported(
    database: TestDatabase, service: psycopg.Connection, change: str, expected: tuple[str, int, str]
) -> None:
    """Its key and its released amount reveal it."""
    record(service, [opening("a", 300), purchase("a", "t", 60), clearing("a", "t", "c", 50)])
    assert differences(database) == []
    with tampering(database) as owner:
        owner.execute(f"UPDATE events SET {change} WHERE originator_version = 3".encode())
    assert expected in differences(database)


def test_i7_an_altered_balance_of_any_kind_of_event_is_reported(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    """This includes events of an account that was not open and had no balance."""
    record(
        service,
        [
            *(purchase("a", "early", 1), opening("a", 300), purchase("a", "t", 60)),
            *(
                increment("a", "t", "i", 5),
                increment("a", "t", "j", 900),
                reversal("a", "t", "r", 5),
            ),
            clearing("a", "t", "c", 10, final=False),
            *(correction("a", "t", "x", "c", 10), refund("a", "t", "f", 1)),
            purchase("a", "u", 900),
        ],
    )
    record(service, [expiry("a", "t")], begin=NOW + timedelta(days=40))
    assert differences(database) == []
    alter(database, 1, '"balance":null', '"balance":' + NOTHING)
    assert ("a", 1, "recorded balance") in differences(database)
    for version in range(3, 12):
        alter(database, version, '"balance":{"credit_limit":300', '"balance":{"credit_limit":301')
        assert ("a", version, "recorded credit_limit") in differences(database), version
        alter(database, version, '"balance":{"credit_limit":301', '"balance":{"credit_limit":300')


def test_i7_an_altered_already_posted_amount_of_a_late_authorization_is_reported(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    record(service, [opening("a", 300), clearing("a", "t", "c", 50), purchase("a", "t", 60)])
    assert differences(database) == []
    alter(database, 4, '"already_posted":50', '"already_posted":51')
    assert ("a", 4, "already posted") in differences(database)


def test_i6_an_increment_above_the_available_credit_is_reported(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    """It is reported even if its own balance and column were adjusted to match."""
    record(service, [opening("a", 100), purchase("a", "t", 60), increment("a", "t", "i", 30)])
    with tampering(database) as owner:
        owner.execute(
            "UPDATE events SET state = convert_to(replace(replace(replace(convert_from(state,"
            " 'UTF8'), '\"amount\":30', '\"amount\":41'), '\"pending\":90', '\"pending\":101'),"
            " '\"available\":10', '\"available\":-1'), 'UTF8'), pending_change = 41"
            " WHERE originator_version = 3"
        )
    assert differences(database) == [("a", 3, "reasons"), ("a", 3, "observed")]


@pytest.mark.parametrize(
    ("version", "old", "new", "field"),
    [
        (2, '"expires_at":"2', '"expires_at":"3', "expires_at"),
        (3, '"raised_from":20', '"raised_from":2', "raised from"),
        (3, '"category_code":"5942"', '"category_code":"5943"', "raised purchase"),
        (4, '"amount_limit_exceeded"', '"merchant_not_allowed"', "reasons"),
    ],
)
def test_i7_altered_inputs_of_an_increment_or_a_hold_are_reported(  # noqa: PLR0913  # a table's columns
    database: TestDatabase,
    service: psycopg.Connection,
    version: int,
    old: str,
    new: str,
    field: str,
) -> None:
    """The inputs are the hold's end, the raised purchase, its amount before, and the reasons."""
    commands = [increment("a", "t", "i", 5), increment("a", "t", "j", 6)]
    record(service, [opening("a", 300), purchase("a", "t", 20), *commands], ruleset=SMALL)
    assert differences(database) == []
    alter(database, version, old, new)
    assert ("a", version, field) in differences(database)


@pytest.mark.parametrize(
    ("version", "old", "new", "field"),
    [
        (2, '"authorization_code":"', '"authorization_code":"X', "authorization_code"),
        (2, '"account_opened":"opened"', '"account_opened":"x"', "observed"),
        (3, '"expires_at":"2', '"expires_at":"3', "expires_at"),
        (5, '"response_code":"43"', '"response_code":"62"', "reasons"),
        (6, '"flags":["over_hold"]', '"flags":["over_purchase"]', "flags"),
        (7, '"flags":["after_final"]', '"flags":[]', "flags"),
        (8, '"flags":["after_clearing"]', '"flags":[]', "flags"),
        (9, '"flags":["no_authorization"]', '"flags":[]', "flags"),
        (10, '"flags":["over_purchase"]', '"flags":[]', "flags"),
        (12, '"flags":["corrected_before"]', '"flags":[]', "flags"),
        (12, '"corrected_id":"c3"', '"corrected_id":"c1"', "corrected presentment"),
        (12, '"of_refund":false', '"of_refund":true', "corrected presentment"),
    ],
)
def test_i7_altered_derived_values_are_reported(  # noqa: PLR0913  # a table's columns
    database: TestDatabase,
    service: psycopg.Connection,
    version: int,
    old: str,
    new: str,
    field: str,
) -> None:
    """Flags, response codes and authorization codes follow from the events before."""
    commands: list[Command] = [
        *(opening("a", 300), purchase("a", "t", 20), increment("a", "t", "i", 5)),
        *(operator_status("a", "s", "frozen", FreezeReason.STOLEN), purchase("a", "u", 1)),
        *(clearing("a", "t", "c1", 26), clearing("a", "t", "c2", 1), reversal("a", "t", "r")),
        *(clearing("a", None, "c3", 5), refund("a", "u", "f", 1)),
        *(correction("a", None, "x1", "c3", 1), correction("a", None, "x2", "c3", 1)),
    ]
    record(service, commands)
    assert differences(database) == []
    alter(database, version, old, new)
    assert ("a", version, field) in differences(database)


def test_a_verification_of_an_account_over_its_limit_is_no_difference(
    database: TestDatabase, service: psycopg.Connection
) -> None:
    """An approved amount of 0 needs no available credit."""
    record(service, [opening("a", 300), clearing("a", None, "c", 600), purchase("a", "t", 0)])
    assert differences(database) == []
