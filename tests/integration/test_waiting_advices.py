"""Advices that wait are counted and aged, over HTTP and Kafka alike, until they wait no more."""

from __future__ import annotations

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from harness.commands import (
    ACCOUNT,
    clearing,
    correction,
    limit_change,
    opening,
    payment,
    payment_return,
    refund,
)
from harness.histories import record, stored_account
from harness.inbound import PRESENTED, SUBMITTED, Sender, settings_for
from harness.inbound import payment as submitted
from harness.parts import running
from harness.postgres import TestDatabase
from harness.read_models import catch_up
from harness.shuffled import Sent, shuffled_histories
from harness.verification import differences, empty_log, tampering
from harness.waiting import wait_until
from txplatform.consumers.runner import InboundConsumer
from txplatform.database import Database
from txplatform.doctor.inbox import check_waiting_advices
from txplatform.domain.commands import Command
from txplatform.projections.waiting_advices import waiting_advices

DAY_AGO = "UPDATE events SET recorded_at = recorded_at - interval '25 hours' WHERE event_key = %s"


def waiting(connection: psycopg.Connection) -> int:
    """Return the number of advices that wait, up to the end of the log."""
    catch_up(connection)
    return waiting_advices(connection).advices


def test_each_kind_of_advice_that_waits_is_counted_until_it_is_applied_or_rejected(
    service: psycopg.Connection,
) -> None:
    """Here the refund is in another currency, so it is rejected when the account is opened."""
    assert waiting(service) == 0
    early: list[Command] = [
        payment("acc-1", "p", 1),
        clearing("acc-1", "t", "c", 1),
        limit_change("acc-1", 1, 5),
        limit_change("acc-1", 2, 6),
        refund("acc-1", "t", "f", 1, currency="EUR"),
    ]
    record(service, [*early, *early])
    assert waiting(service) == 5
    of_others: list[Command] = [
        payment_return("acc-1", "q", 2),
        correction("acc-1", "t", "x", "d", 1),
    ]
    record(service, of_others)
    assert waiting(service) == 7
    record(service, [opening("acc-1")])
    assert waiting(service) == 2
    record(service, [payment("acc-1", "q", 2)])
    assert waiting(service) == 1
    record(service, [clearing("acc-1", "t", "d", 1)])
    assert waiting(service) == 0


def test_the_doctor_warns_of_an_advice_that_has_waited_for_over_a_day(
    service: psycopg.Connection, database: TestDatabase
) -> None:
    record(service, [payment("mistyped", "new", 1), payment("mistyped", "old", 1)])
    catch_up(service)
    (finding,) = check_waiting_advices(service)
    assert (finding.status.value, finding.detail[:9]) == ("ok", "2 advices")
    with tampering(database) as owner:
        owner.execute(DAY_AGO, ("waiting:payment:old",))
        owner.execute("TRUNCATE waiting_advices")
        owner.execute("UPDATE checkpoints SET position = 0")
    catch_up(service)
    (finding,) = check_waiting_advices(service)
    assert finding.status.value == "warning"
    assert "payment:old of account mistyped, has waited for 25 h" in finding.detail


def test_the_consumer_shows_how_many_advices_wait_and_how_long(
    service: psycopg.Connection, database: TestDatabase, topics: str
) -> None:
    """One of them came over HTTP."""
    registry = CollectorRegistry()
    settings = settings_for(database, topics)
    record(service, [clearing("acc-9", "t", "c", 1)])
    with running(InboundConsumer(settings, settings.service_database, registry)):
        sender = Sender(topics)
        sender.send(SUBMITTED, submitted("p", "acc-9"))
        sender.flush()

        def shown_of(topic: str) -> list[float | None]:
            names = ("txplatform_waiting_advices", "txplatform_waiting_advices_oldest_seconds")
            return [registry.get_sample_value(name, {"topic": topic}) for name in names]

        def shown() -> bool:
            catch_up(service)
            found = {topic: shown_of(topic) for topic in (SUBMITTED, PRESENTED)}
            return all(messages == 1 and age for messages, age in found.values())

        wait_until(shown)
        record(service, [opening("acc-9")])
        wait_until(lambda: shown() is False)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shuffled_histories(), st.integers(1, 6))
def test_i1_the_read_model_has_what_the_account_says_waits_in_whatever_batches_it_is_folded(
    database: TestDatabase, sent: Sent, batch: int
) -> None:
    empty_log(database)
    with Database(database.service_url).connect() as service:
        for command in sent.arrivals:
            record(service, [command])
            if command.key.endswith("0"):
                catch_up(service, batch)
        catch_up(service, batch)
        expected = sorted(stored_account(database, ACCOUNT).waiting)
        assert _rows(service) == expected
        assert differences(database) == []
        with tampering(database) as owner:
            owner.execute("TRUNCATE waiting_advices")
            owner.execute("UPDATE checkpoints SET position = 0 WHERE name LIKE '%waiting-advices'")
        catch_up(service, 1000)
        assert _rows(service) == expected


def _rows(connection: psycopg.Connection) -> list[str]:
    rows = connection.execute("SELECT business_key FROM waiting_advices ORDER BY 1")
    return [key for (key,) in rows]
