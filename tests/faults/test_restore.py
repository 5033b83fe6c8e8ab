"""A backup that was taken under load is restored, and the platform goes on from it."""

from __future__ import annotations

from collections import Counter

import pytest

from harness.inbound import SUBMITTED
from harness.processes import run_command
from harness.waiting import wait_until
from reliability.checks import (
    Evidence,
    i1_replay_gives_the_same_numbers,
    i3_each_key_has_one_effect,
    i6_no_approval_exceeds_the_credit,
    i7_versions_are_contiguous,
    lags,
)
from reliability.conditions import Conditions
from reliability.installation import infrastructure, installed
from reliability.load import ACCOUNTS, loaded

LOG_POSITION = "SELECT max(position) FROM events"


@pytest.mark.long
def test_i8_after_a_restore_messages_are_read_again_and_purchases_decided_anew() -> None:
    """As docs/operations.md says: restore without privileges, migrate, raise the log position."""
    with infrastructure() as shared, installed(shared, Conditions()) as installation:
        before, after = installation.database, shared.postgres.empty_database()
        with loaded(installation) as load:
            load.wait_for_answers(50)
            shared.postgres.copy(before, after, "--no-owner", "--no-privileges")
            load.wait_for_answers(50)
        wait_until(lambda: not lags(installation, load), message="all to be published")
        for service in installation.services:
            assert service.command.stop() == 0
        ((published,),) = installation.execute(LOG_POSITION)
        assert isinstance(published, int)

        installation.database = after
        changed = {
            "TXPLATFORM_DATABASE_URL": installation.env["TXPLATFORM_DATABASE_URL"].replace(
                f"/{before.name}", f"/{after.name}"
            )
        }
        installation.env |= changed
        owner = {"TXPLATFORM_MIGRATION_DATABASE_URL": after.owner_url}
        assert run_command("migrate", env={**installation.env, **owner})[0] == 0
        ((restored,),) = installation.execute(LOG_POSITION)
        assert isinstance(restored, int)
        assert restored < published  # decisions were lost, as a restore to an earlier time does
        installation.execute(
            f"ALTER TABLE events ALTER COLUMN position RESTART WITH {published + 1}"
        )
        for service in installation.services:
            service.command.start(**changed)
            service.wait_ready()

        with load.client() as client:
            for asked in load.asked.values():
                assert load.ask(client, asked)
        wait_until(lambda: not lags(installation, load), message="messages to be read again")
        evidence = Evidence(installation, load)
        assert i1_replay_gives_the_same_numbers(evidence) == []
        assert i3_each_key_has_one_effect(evidence) == []
        assert i6_no_approval_exceeds_the_credit(evidence) == []
        assert i7_versions_are_contiguous(evidence) == []
        posted = Counter[str]()
        for topic, body in load.sent.values():
            posted[body["account_id"]] += -body["amount"] if topic == SUBMITTED else body["amount"]
        with load.client() as client:
            for account_id in ACCOUNTS:
                url = f"{evidence.url}/v1/accounts/{account_id}/balance"
                assert client.get(url).json()["posted"] == posted[account_id]
