"""Deciding many requests in one commit, on a real Postgres."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, cast

import psycopg
import pytest
from msgspec.structs import replace
from psycopg import sql

from harness.commands import ORIGIN, opening, purchase
from harness.histories import stored_account
from harness.inbound import execute
from harness.postgres import PostgresServer, TestDatabase
from harness.proxy import lossy_proxy
from harness.verification import tampering
from harness.waiting import wait_until
from txplatform.database import Database
from txplatform.decisions.decider import Decider
from txplatform.decisions.errors import OutcomeUnknownError, QueueFullError, StoreUnavailableError
from txplatform.decisions.request import Decided
from txplatform.domain.advices import StatusChange
from txplatform.domain.commands.outcome import CommandRejectedError
from txplatform.domain.events import AuthorizationApproved
from txplatform.domain.ids import AccountId
from txplatform.domain.requests import Merchant
from txplatform.domain.status import AccountStatus
from txplatform.eventstore.snapshot import account_state
from txplatform.eventstore.statements import LOCK_LOG
from txplatform.processing.read_set import AccountUnreadableError
from txplatform.rulebook.changes import UnknownChangeError
from txplatform.settings import Settings


def new_decider(url: str, **settings: Any) -> Decider:
    """Return a decider that is not started yet."""
    defaults = {
        "database_url": url,
        "decision_batch_size": 64,
        "decision_lanes": 2,
        "account_cache_size": 1000,
        "snapshot_every_events": 10,
    }
    return Decider(Settings(_env_file=None, **{**defaults, **settings}), Database(url))


@asynccontextmanager
async def decider(url: str, **settings: Any) -> AsyncIterator[Decider]:
    """Return a decider; it is stopped at the end."""
    decider = new_decider(url, **settings)
    await decider.start()
    try:
        yield decider
    finally:
        await decider.stop()


def test_i6_concurrent_purchases_near_the_limit_each_fit(database: TestDatabase) -> None:
    """Two processes decide on one account; approved amounts fit, and no decision is lost."""

    async def race() -> list[bool]:
        async with decider(database.service_url) as one, decider(database.service_url) as two:
            await one.submit(opening("acc", 1000), origin=ORIGIN)
            answers = await asyncio.gather(
                *(
                    (one if number % 2 else two).submit(
                        purchase("acc", f"t{number}", 30), origin=ORIGIN
                    )
                    for number in range(200)
                )
            )
            return [isinstance(answer.outcome.event, AuthorizationApproved) for answer in answers]

    approved = asyncio.run(race())
    assert approved.count(True) == 33
    account = stored_account(database, "acc")
    assert (account.pending, account.version) == (990, 201)


def test_i3_concurrent_copies_of_a_request_have_one_effect_and_one_response(
    database: TestDatabase,
) -> None:
    """The copies arrive in one batch, in several batches and in two processes."""

    async def ask() -> list[tuple[str, bool]]:
        async with decider(database.service_url) as one, decider(database.service_url) as two:
            await one.submit(opening("acc", 1000), origin=ORIGIN)
            answers = await asyncio.gather(
                *(each.submit(purchase("acc", "t", 30), origin=ORIGIN) for each in [one, two] * 10)
            )
            return [(answer.outcome.event.event_id, answer.replayed) for answer in answers]

    answers = asyncio.run(ask())
    assert len({event_id for event_id, _ in answers}) == 1
    assert [replayed for _, replayed in answers].count(False) == 1


def test_a_rejected_request_affects_no_other_of_its_batch(database: TestDatabase) -> None:
    """A used id with other fields is rejected and changes nothing."""

    async def ask() -> Sequence[object]:
        async with decider(database.service_url) as one:
            await one.submit(opening("acc", 1000), origin=ORIGIN)
            return await asyncio.gather(
                one.submit(purchase("acc", "t", 30), origin=ORIGIN),
                one.submit(purchase("acc", "t", 31), origin=ORIGIN),
                one.submit(purchase("acc", "u", 32), origin=ORIGIN),
                return_exceptions=True,
            )

    first, second, third = asyncio.run(ask())
    assert isinstance(second, CommandRejectedError)
    assert not isinstance(first, Exception)
    assert not isinstance(third, Exception)
    account = stored_account(database, "acc")
    assert account.pending == 62


MALFORMED = Merchant("m-17", "Corner Books", "5942", cast("str", 840))
"""Makes a purchase at this merchant fail in the middle of changing its account."""


@pytest.mark.parametrize("after", [(), ("t2",)])
def test_i4_a_defect_affects_neither_its_account_nor_earlier_requests_of_the_batch(
    database: TestDatabase, after: tuple[str, ...]
) -> None:
    """All requests are for one account. Its state stays right, and every response is in the log."""

    async def ask() -> None:
        async with decider(database.service_url) as one:
            await one.submit(opening("acc", 1000), origin=ORIGIN)
            first, defect, *later = await asyncio.gather(
                one.submit(purchase("acc", "t1", 300), origin=ORIGIN),
                one.submit(replace(purchase("acc", "t0", 500), merchant=MALFORMED), origin=ORIGIN),
                *(one.submit(purchase("acc", name, 600), origin=ORIGIN) for name in after),
                return_exceptions=True,
            )
            assert isinstance(defect, TypeError)
            for answer in (first, *later):
                assert isinstance(answer, Decided)
                assert isinstance(answer.outcome.event, AuthorizationApproved)
                assert not answer.replayed
            pending = 300 + 600 * len(after)
            assert (await one.read_account(AccountId("acc"))).balance.pending == pending

    asyncio.run(ask())
    account = stored_account(database, "acc")
    assert (account.pending, account.version) == (300 + 600 * len(after), 2 + len(after))


def test_an_account_that_cannot_be_read_harms_no_other_of_its_batch(
    database: TestDatabase,
) -> None:
    """A newer version may have written its events."""

    async def ask() -> Sequence[object]:
        async with decider(database.service_url) as one:
            await one.submit(opening("bad", 1000), origin=ORIGIN)
        with tampering(database) as owner:
            owner.execute("UPDATE events SET topic = 'unheard-of'")
        async with decider(database.service_url, decision_lanes=1) as one:
            return await asyncio.gather(
                one.submit(purchase("bad", "t", 30), origin=ORIGIN),
                one.submit(opening("good", 1000), origin=ORIGIN),
                return_exceptions=True,
            )

    bad, good = asyncio.run(ask())
    assert isinstance(bad, AccountUnreadableError)
    assert not isinstance(good, Exception)


def test_a_full_queue_refuses_requests_at_once(database: TestDatabase) -> None:
    """Queued requests still get their responses."""

    async def ask() -> None:
        async with decider(database.service_url, decision_queue_size=1) as one:
            taken = one.submit(purchase("acc", "t", 30), origin=ORIGIN)
            with pytest.raises(QueueFullError):
                one.submit(purchase("acc", "u", 30), origin=ORIGIN)
            assert not (await taken).replayed

    asyncio.run(ask())


def test_a_stop_responds_to_queued_requests(database: TestDatabase) -> None:

    async def ask() -> list[bool]:
        one = new_decider(database.service_url, decision_batch_size=4, account_cache_size=10)
        await one.start()
        taken = [one.submit(purchase(f"acc{n}", f"t{n}", 1), origin=ORIGIN) for n in range(100)]
        await one.stop()
        with pytest.raises(QueueFullError):
            one.submit(purchase("acc1", "late", 1), origin=ORIGIN)
        return [answer.done() for answer in taken]

    assert all(asyncio.run(ask()))


def test_i1_cache_snapshot_and_replay_agree(database: TestDatabase) -> None:
    """The cache is too small for the accounts, and snapshots are taken every ten events."""

    async def ask() -> dict[str, tuple[int, int]]:
        async with decider(database.service_url, account_cache_size=2) as one:
            for name in "abcdef":
                await one.submit(opening(name, 10_000), origin=ORIGIN)
            for number in range(300):
                name = "abcdef"[number % 6]
                await one.submit(purchase(name, f"t{number}", number), origin=ORIGIN)
            views = [await one.read_account(AccountId(name)) for name in "abcdef"]
            return {view.account_id: (view.version, view.balance.pending) for view in views}

    seen = asyncio.run(ask())
    with psycopg.connect(database.owner_url) as connection:
        row = connection.execute("SELECT count(*) FROM snapshots").fetchone()
        assert row is not None
        assert row[0] >= 6
        for name, (version, pending) in seen.items():
            with_snapshot = stored_account(database, name)
            connection.execute("DELETE FROM snapshots")
            connection.commit()
            replayed = stored_account(database, name)
            assert account_state(with_snapshot) == account_state(replayed)
            assert (replayed.version, replayed.pending) == (version, pending)


def test_a_read_returns_the_newest_version_even_if_another_process_wrote_it(
    database: TestDatabase,
) -> None:
    """A decision or an earlier read has cached an older version."""

    async def ask() -> list[tuple[int, int]]:
        seen = []
        async with decider(database.service_url) as one, decider(database.service_url) as two:
            await one.submit(opening("acc", 1000), origin=ORIGIN)
            for name in ("t1", "t2"):
                await two.submit(purchase("acc", name, 30), origin=ORIGIN)
                view = await one.read_account(AccountId("acc"))
                seen.append((view.version, view.balance.pending))
        return seen

    assert asyncio.run(ask()) == [(2, 30), (3, 60)]


def test_a_read_returns_the_stricter_of_both_statuses(database: TestDatabase) -> None:
    """Purchases are decided by the stricter status, too."""
    frozen = StatusChange(AccountId("acc"), AccountStatus.FROZEN, 1, "lost", datetime.now(UTC))

    async def ask() -> AccountStatus:
        async with decider(database.service_url) as one:
            await one.submit(opening("acc", 1000), origin=ORIGIN)
            await one.submit(frozen, origin=ORIGIN)
            return (await one.read_account(AccountId("acc"))).status

    assert asyncio.run(ask()) is AccountStatus.FROZEN


def test_i1_commits_lost_in_a_failover_are_not_in_the_cache(
    postgres: PostgresServer, database: TestDatabase
) -> None:
    """The new server may lack the last commits; no cached account may be ahead of its log."""

    async def ask() -> list[tuple[int, int]]:
        async with lossy_proxy(postgres.port, b"nothing is lost") as proxy:
            url = database.service_url.replace(str(postgres.port), str(proxy.port))
            async with decider(url, decision_lanes=1) as one:
                for name in "ab":
                    await one.submit(opening(name, 1000), origin=ORIGIN)
                    await one.submit(purchase(name, "t", 30), origin=ORIGIN)
                with tampering(database) as owner:
                    owner.execute("DELETE FROM events WHERE originator_version = 2")
                proxy.cut()
                views = [await one.read_account(AccountId(name)) for name in "ab"]
                return [(view.version, view.balance.pending) for view in views]

    assert asyncio.run(ask()) == [(1, 0), (1, 0)]


def test_a_snapshot_of_another_shape_is_ignored(database: TestDatabase) -> None:
    """The account is folded from its events instead."""

    async def ask() -> int:
        async with decider(database.service_url) as one:
            await one.submit(opening("acc", 1000), origin=ORIGIN)
        with psycopg.connect(database.owner_url) as connection:
            connection.execute(
                "INSERT INTO snapshots VALUES ('account-acc', 1, 'account@0', '{\"posted\": 7}')"
            )
        async with decider(database.service_url) as one:
            return (await one.read_account(AccountId("acc"))).balance.available

    assert asyncio.run(ask()) == 1000


def test_i4_a_lost_reply_to_a_commit_is_settled_by_appending_again(
    postgres: PostgresServer, database: TestDatabase
) -> None:
    """The commit happens and its reply is lost; the response is the committed decision."""

    async def ask() -> None:
        async with lossy_proxy(postgres.port, b"authorization:lost") as proxy:
            url = database.service_url.replace(str(postgres.port), str(proxy.port))
            async with decider(url) as one:
                await one.submit(opening("acc", 1000), origin=ORIGIN)
                answers = await asyncio.gather(
                    one.submit(purchase("acc", "lost", 30), origin=ORIGIN),
                    one.submit(purchase("acc", "other", 5), origin=ORIGIN),
                )
                assert proxy.lost == 1
                assert [answer.replayed for answer in answers] == [False, False]
                assert (await one.read_account(AccountId("acc"))).balance.pending == 35
                assert (await one.submit(purchase("acc", "lost", 30), origin=ORIGIN)).replayed

    asyncio.run(ask())


def test_i8_requests_wait_for_a_server_that_takes_no_writes_yet(database: TestDatabase) -> None:
    """A standby refuses writes until it is promoted; the request is decided afterwards."""

    async def ask() -> bool:
        with psycopg.connect(database.owner_url, autocommit=True) as owner:
            name = sql.Identifier(database.name)
            owner.execute(
                sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on").format(name)
            )
            async with decider(database.service_url) as one, asyncio.timeout(10):
                answer = one.submit(opening("acc", 1000), origin=ORIGIN)
                await asyncio.to_thread(wait_until, lambda: one.metrics.batches_failed > 0)
                owner.execute(
                    sql.SQL("ALTER DATABASE {} RESET default_transaction_read_only").format(name)
                )
                return (await answer).replayed

    assert not asyncio.run(ask())


def test_i4_a_rejection_after_a_lost_commit_is_an_unknown_outcome(
    postgres: PostgresServer, database: TestDatabase
) -> None:
    """The connection is lost before the commit, then the rules change."""

    async def ask() -> None:
        async with (
            lossy_proxy(postgres.port, b"nothing is lost") as proxy,
            await psycopg.AsyncConnection.connect(database.owner_url) as holder,
        ):
            url = database.service_url.replace(str(postgres.port), str(proxy.port))
            async with decider(url) as one:
                await one.submit(opening("acc", 1000), origin=ORIGIN)
                await holder.execute(LOCK_LOG)
                answer = one.submit(purchase("acc", "t", 30), origin=ORIGIN)
                await asyncio.to_thread(
                    wait_until, lambda: execute(database, APPEND_WAITS) == [(1,)]
                )
                change = "INSERT INTO ruleset_events VALUES (1, 'e', 'k', 'moon-rose', '')"
                execute(database, change)
                proxy.cut()
                with pytest.raises(OutcomeUnknownError):
                    await answer
                await holder.commit()
                await asyncio.to_thread(wait_until, lambda: execute(database, DECISIONS) == [(1,)])
                assert (await one.submit(purchase("acc", "t", 30), origin=ORIGIN)).replayed
                with pytest.raises(UnknownChangeError):
                    await one.submit(purchase("acc", "u", 30), origin=ORIGIN)

    asyncio.run(ask())


APPEND_WAITS = """
SELECT count(*) FROM pg_locks JOIN pg_database ON pg_locks.database = pg_database.oid
WHERE datname = current_database() AND locktype = 'advisory' AND NOT granted
"""
DECISIONS = "SELECT count(*) FROM events WHERE left(event_key, 4) = 'auth'"


def test_i4_a_lost_commit_that_is_not_settled_in_time_is_an_unknown_outcome(
    postgres: PostgresServer, database: TestDatabase
) -> None:
    """The reply is lost and the store stays away; the error asks to retry with the same id."""

    async def ask() -> None:
        async with lossy_proxy(postgres.port, b"authorization:lost") as proxy:
            url = database.service_url.replace(str(postgres.port), str(proxy.port))
            one = new_decider(url, decision_lanes=1, decision_timeout_s=2)
            await one.start()
            await one.submit(opening("acc", 1000), origin=ORIGIN)
            proxy.closed_after_loss = True
            with pytest.raises(OutcomeUnknownError):
                await one.submit(purchase("acc", "lost", 30), origin=ORIGIN)
            with pytest.raises(StoreUnavailableError):
                await one.submit(purchase("acc", "later", 30), origin=ORIGIN)
            await one.stop()
        async with decider(database.service_url) as two:
            assert (await two.submit(purchase("acc", "lost", 30), origin=ORIGIN)).replayed
            assert not (await two.submit(purchase("acc", "later", 30), origin=ORIGIN)).replayed

    asyncio.run(ask())
