"""Messages that an open transaction holds back are noticed, though no error is seen."""

from __future__ import annotations

import re
from contextlib import closing

import pytest
from prometheus_client import CollectorRegistry

from harness.inbound import SUBMITTED, Sender, inbox, payment, settings_for, wait_for_messages
from harness.parts import running
from harness.postgres import TestDatabase
from harness.transactions import die_in_transaction
from harness.waiting import wait_until
from txplatform.consumers.runner import InboundConsumer
from txplatform.contracts.inbound_messages import MessageStatus
from txplatform.doctor.broker import BrokerView
from txplatform.doctor.finding import Finding, FindingStatus
from txplatform.doctor.lag import check_consumers
from txplatform.settings import Settings


def examine(settings: Settings) -> Finding:
    """Return the doctor's finding about payments."""
    with (
        settings.service_database.connect() as connection,
        closing(BrokerView(settings)) as view,
    ):
        findings = check_consumers(connection, view, view.cluster(()), settings.stalled_after_s)
        return next(each for each in findings if each.check == f"consume: {SUBMITTED}")


@pytest.mark.parametrize(
    "starts_first",
    [True, pytest.param(False, marks=pytest.mark.long)],
    ids=["while the consumer runs", "before it starts"],
)
def test_i8_messages_held_back_by_a_dead_producers_transaction_are_named_until_it_times_out(
    database: TestDatabase, topics: str, *, starts_first: bool
) -> None:
    """The messages of the transaction are never applied, but all messages after them are."""
    settings = settings_for(database, topics, stalled_after_s=1)
    registry = CollectorRegistry()
    consumer = InboundConsumer(settings, settings.service_database, registry)
    labels = {"topic": SUBMITTED, "partition": "0"}

    def oldest_s() -> float:
        return registry.get_sample_value("txplatform_inbound_oldest_seconds", labels) or 0

    def die() -> None:
        die_in_transaction(topics, SUBMITTED, *["{}"] * 20, timeout_s=8)
        sender = Sender(topics)
        for number in range(20):
            sender.send(SUBMITTED, payment(f"p-{number}", f"acc-{number}"))
        sender.flush()

    if not starts_first:
        die()
    with running(consumer):
        wait_until(lambda: consumer.health().figures.get("partitions"))
        if starts_first:
            die()
        wait_until(lambda: "held back by an open transaction" in consumer.health().detail)
        assert not consumer.health().ready
        assert re.search(
            re.escape(SUBMITTED)
            + r"\[0\] has 2\d messages not applied, the oldest for \d+ s: held",
            consumer.health().detail,
        )
        wait_until(lambda: examine(settings).status is FindingStatus.FAILED, timeout_s=5)
        assert "Those in partition 0 are held back by an open" in examine(settings).detail
        wait_until(lambda: oldest_s() > 1)
        wait_for_messages(database, 20)
        wait_until(lambda: consumer.health().ready)
        wait_until(lambda: oldest_s() == 0)
        assert examine(settings).status is FindingStatus.OK
    assert {each.status for each in inbox(database)} == {MessageStatus.WAITING}
